"""What a version promises to the code of owners, and whether a render keeps it."""

import ast
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.matrix.environment import Environment
from tests.matrix.git import git
from tests.matrix.questions import ROOT
from tests.matrix.releases import TABLE, releases
from tests.matrix.renders import Render

DOCUMENT = "docs/SURFACE.md"
TEST = "tests/architecture/test_surface.py"
ROW = re.compile(r"^\| `(?P<module>[\w.]+)` \| (?P<names>[^|]*) \|", re.MULTILINE)


def surfaces(table: Path = TABLE) -> dict[str, str]:
    """Return the document of each released version, and the present one, by version."""
    found = {
        release.version: git(ROOT, "show", f"{release.commit}:template/{DOCUMENT}")
        for release in releases(table)
    }
    return {**found, "present": (ROOT / "template" / DOCUMENT).read_text()}


def surface_faults(render: Render, environment: Environment, document: str) -> list[str]:
    """Return what the render's own test says of the names and fixtures of a document."""
    with TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(render.path, project)
        (project / DOCUMENT).write_text(document)
        result = environment.run(
            "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST, cwd=project
        )
    # Status 5 would be no test at all.
    if not result.returncode:
        return []
    return [line for line in result.stdout.splitlines() if line.startswith("E  ")] or [
        result.stdout + result.stderr
    ]


def wiring_faults(render: Render) -> list[str]:
    """Find what an owner's file imports, as it is first written, that isn't promised to stay."""
    text = (render.path / DOCUMENT).read_text()
    listed = {
        (row["module"], name)
        for row in ROW.finditer(text)
        for name in re.findall(r"`(\w+)`", row["names"])
    }
    return [
        f"{render.name_of(path)} imports {node.module}.{alias.name}, which {DOCUMENT} leaves out"
        for path in render.path.glob("app/**/project.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("app.")
        for alias in node.names
        if (node.module, alias.name) not in listed
    ]
