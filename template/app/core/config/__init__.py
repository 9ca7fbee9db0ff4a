"""Settings, one group per concern; the environment decides, `.env.example` lists them all."""

from collections.abc import Iterable, Iterator
from typing import get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.config.app import AppSettings, Environment
from app.core.config.base import SettingsError, SettingsGroup, faults_of
from app.core.config.database import DatabaseSettings
from app.core.config.jwt import JwtSettings
from app.core.config.lockout import LockoutSettings
from app.core.config.passwords import PasswordSettings
from app.core.config.project import ProjectSettings

__all__ = ["Environment", "Settings", "SettingsError", "group_types", "load_settings"]


class Settings(BaseModel):
    """Everything that the environment decides."""

    model_config = ConfigDict(frozen=True)

    app: AppSettings
    database: DatabaseSettings
    jwt: JwtSettings
    lockout: LockoutSettings
    passwords: PasswordSettings
    project: ProjectSettings


def group_types() -> dict[str, type[SettingsGroup]]:
    """Return each group's class by the name that it has in `Settings`."""
    return {name: hint for name, hint in get_type_hints(Settings).items() if name != "model_config"}


def load_settings() -> Settings:
    """Read every group; raise `SettingsError` with a sentence for each variable that is wrong."""
    groups: dict[str, SettingsGroup] = {}
    faults: list[str] = []
    for name, group in group_types().items():
        try:
            groups[name] = group()
        except ValidationError as error:
            faults.extend(faults_of(group, error.errors()))
    app = groups.get("app")
    if not isinstance(app, AppSettings) or app.is_guarded:
        faults.extend(fault for group in groups.values() for fault in group.production_faults())
        faults.extend(_repeated_secrets(groups.values()))
    if faults:
        raise SettingsError(faults)
    return Settings.model_validate(groups)


def _repeated_secrets(groups: Iterable[SettingsGroup]) -> Iterator[str]:
    first: dict[str, str] = {}
    for group in groups:
        for variable, key in group.signing_keys():
            if key in first:
                yield f"{variable} repeats the value of {first[key]}."
            first.setdefault(key, variable)
