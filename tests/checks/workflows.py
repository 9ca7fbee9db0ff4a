"""Workflows run what they name, and nothing that somebody else wrote into a title or a branch."""

import re
from pathlib import Path
from typing import Any

import yaml

PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40}")


def workflow_faults(file: Path) -> list[str]:
    """Find actions that may change under us, texts that a shell reads as code, and wide tokens."""
    workflow = yaml.safe_load(file.read_text())
    faults = [] if "permissions" in workflow else [f"{file.name}: the token may do anything"]
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            faults += [f"{file.name}: {name}: {fault}" for fault in _step_faults(step)]
    return faults


def _step_faults(step: dict[str, Any]) -> list[str]:
    faults = []
    if "uses" in step and not PINNED.fullmatch(step["uses"]):
        faults.append(f"{step['uses']} is not pinned to a commit")
    if "${{" in step.get("run", ""):
        faults.append(f"{step['run']!r} holds an expression: hand it over in env")
    return faults
