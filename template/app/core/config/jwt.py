import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from app.core.config.app import SLUG
from app.core.config.base import SettingsGroup, check_secret, group_config

ED25519_KEY = re.compile(r"[0-9a-fA-F]{64}")


def _parse_ring(value: str) -> dict[str, str]:
    entries = [entry.strip().split(":", 1) for entry in value.split(",") if entry.strip()]
    ring = dict(entries)
    if len(ring) < len(entries):
        raise ValueError
    return ring


def _check_ring(value: SecretStr) -> SecretStr:
    try:
        ring = _parse_ring(value.get_secret_value())
    except ValueError:
        raise ValueError("must look like kid:secret,kid:secret, each kid once") from None
    for key in ring.values():
        check_secret(SecretStr(key))
    return value


class JwtSettings(SettingsGroup):
    """Access and refresh tokens: `JWT_…`; times are in seconds.

    `JWT_KEYS` is a ring, `kid:secret,kid:secret`: every key verifies and the active one signs, so
    that a key is replaced by adding the new one, making it active, and removing the old one once
    the tokens that it signed have expired. With `EdDSA` (RFC 8037) others can verify by the public
    keys at `/api/v1/auth/jwks.json`; a secret is then the 64 hex digits of an Ed25519 private key.
    """

    model_config = group_config("JWT_")

    keys: Annotated[SecretStr, AfterValidator(_check_ring)]
    active_kid: str = "main"
    algorithm: Literal["HS256", "EdDSA"] = "HS256"
    issuer: str = SLUG
    audience: str = SLUG
    access_lifetime: int = Field(default=15 * 60, ge=1)
    refresh_idle_lifetime: int = Field(default=7 * 24 * 3600, ge=1)
    refresh_absolute_lifetime: int = Field(default=30 * 24 * 3600, ge=1)
    refresh_grace: float = Field(default=10.0, ge=0)

    @cached_property
    def key_ring(self) -> dict[str, str]:
        """Return the secrets by `kid`."""
        return _parse_ring(self.keys.get_secret_value())

    def signing_keys(self) -> Iterator[tuple[str, str]]:
        for key in self.key_ring.values():
            yield "JWT_KEYS", key

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        if self.active_kid not in self.key_ring:
            raise ValueError("JWT_ACTIVE_KID must name one of the keys in JWT_KEYS")
        if self.algorithm == "EdDSA" and not all(
            ED25519_KEY.fullmatch(key) for key in self.key_ring.values()
        ):
            raise ValueError(
                "JWT_KEYS needs 64 hex digits a key with EdDSA; `openssl rand -hex 32` makes one"
            )
        return self
