"""How faults of the environment are told: by variable, and never with the value."""

from collections.abc import Iterator
from typing import Any

from app.core.config.base import SettingsGroup


class SettingsError(Exception):
    """The environment is wrong; each of `faults` names a variable and never its value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(["The settings are not usable:", *(f"- {f}" for f in faults)]))
        self.faults = faults


def faults_of(group: type[SettingsGroup], errors: list[Any]) -> Iterator[str]:
    """Yield one sentence per error of pydantic's: the variable and the rule that it breaks."""
    for error in errors:
        field = str(error["loc"][0]) if error["loc"] else ""
        name = group.variable(field) if field in group.model_fields else field
        if error["type"] == "missing":
            yield f"{name} is missing."
        else:
            yield f"{name}: {error['msg'].removeprefix('Value error, ')}"
