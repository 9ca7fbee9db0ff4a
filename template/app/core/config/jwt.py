from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.core.config.app import SLUG
from app.core.config.base import SettingsGroup, check_secret, group_config


def _parse_ring(value: str) -> dict[str, str]:
    return dict(entry.strip().split(":", 1) for entry in value.split(",") if entry.strip())


def _check_ring(value: SecretStr) -> SecretStr:
    try:
        ring = _parse_ring(value.get_secret_value())
    except ValueError:
        raise ValueError("must look like kid:secret,kid:secret") from None
    for key in ring.values():
        check_secret(SecretStr(key))
    return value


class JwtSettings(SettingsGroup):
    """Access and refresh tokens: `JWT_…`; lifetimes are in seconds.

    `JWT_KEYS` is a ring, `kid:secret,kid:secret`: every key verifies and the active one signs, so
    that a key is replaced by adding the new one, making it active, and removing the old one later.
    """

    model_config = group_config("JWT_")

    keys: Annotated[SecretStr, AfterValidator(_check_ring)]
    active_kid: str = "main"
    issuer: str = SLUG
    audience: str = SLUG
    access_lifetime: int = Field(default=15 * 60, ge=1)
    refresh_idle_lifetime: int = Field(default=7 * 24 * 3600, ge=1)
    refresh_absolute_lifetime: int = Field(default=30 * 24 * 3600, ge=1)

    @cached_property
    def key_ring(self) -> dict[str, str]:
        """Return the verifying keys by `kid`."""
        return _parse_ring(self.keys.get_secret_value())

    def signing_keys(self) -> Iterator[tuple[str, str]]:
        for key in self.key_ring.values():
            yield "JWT_KEYS", key

    @model_validator(mode="after")
    def _active_key_exists(self) -> Self:
        if self.active_kid not in self.key_ring:
            raise ValueError("JWT_ACTIVE_KID must name one of the keys in JWT_KEYS")
        return self
