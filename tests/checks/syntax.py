"""Every file is valid in its own language."""

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.matrix.renders import Render

PARSERS: dict[str, Callable[[str], object]] = {
    ".json": json.loads,
    ".py": lambda text: compile(text, "<render>", "exec", dont_inherit=True),
    ".toml": tomllib.loads,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".yml": lambda text: list(yaml.safe_load_all(text)),
}


def syntax_faults(render: Render) -> list[str]:
    faults = [
        f"{render.name_of(path)}: {fault}"
        for path in render.files(*PARSERS)
        if (fault := _fault_of(path))
    ]
    if (render.path / "Makefile").exists():
        faults += _makefile_faults(render.path)
    return faults


def _fault_of(path: Path) -> str | None:
    try:
        PARSERS[path.suffix](path.read_text())
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        return str(error)
    return None


def _makefile_faults(folder: Path) -> list[str]:
    result = subprocess.run(
        ["make", "--question", "--print-data-base", "--makefile=Makefile", ".PHONY"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    return result.stderr.splitlines() if result.returncode == 2 else []
