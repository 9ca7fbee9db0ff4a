"""One environment with what every render depends on, so that no render installs anything."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.matrix.questions import ROOT
from tests.matrix.renders import Render

FOLDER = ROOT / "build" / "environments"


@dataclass(frozen=True)
class Environment:
    path: Path

    def run(
        self,
        tool: str,
        *arguments: str,
        cwd: Path,
        variables: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs with this environment first on PATH."""
        path = os.pathsep.join([str(self.path / "bin"), os.environ["PATH"]])
        quiet = {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
        return subprocess.run(
            [self.path / "bin" / tool, *arguments],
            cwd=cwd,
            env={**os.environ, **quiet, **(variables or {})},
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def read(self, *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> str:
        """Run its Python and return what it prints; fail with the reason if it doesn't succeed."""
        result = self.run("python", *arguments, cwd=cwd, variables=variables)
        if result.returncode:
            raise AssertionError(f"python {' '.join(arguments)}: {result.stderr}")
        return result.stdout


THIS = Environment(Path(sys.prefix))


def environment_for(renders: Iterable[Render], folder: Path = FOLDER) -> Environment:
    """Install the union of what the renders depend on, once for each such union."""
    wanted = sorted({requirement for render in renders for requirement in requirements_of(render)})
    name = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    path, done = folder / name, folder / name / "complete"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f"{name}.lock"):
        if not done.exists():
            run_uv("venv", "--clear", "--python", sys.executable, str(path))
            # Most tests start Python more than once; compiled, what it imports costs half as much.
            python = str(path / "bin" / "python")
            run_uv("pip", "install", "--compile-bytecode", "--python", python, *wanted)
            done.touch()
    return Environment(path)


def requirements_of(render: Render) -> list[str]:
    """Return what the render's package and its dependency groups require."""
    project = tomllib.loads((render.path / "pyproject.toml").read_text())
    groups = project.get("dependency-groups", {}).values()
    grouped = [entry for group in groups for entry in group if isinstance(entry, str)]
    return [*project["project"]["dependencies"], *grouped]


def run_uv(*arguments: str, cwd: Path | None = None) -> None:
    beside_python = Path(sys.executable).with_name("uv")
    uv = os.environ.get("UV") or shutil.which("uv") or str(beside_python)
    subprocess.run([uv, *arguments, "--quiet"], cwd=cwd, check=True)
