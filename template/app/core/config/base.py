"""What every group of settings shares: where values come from, and what a secret must be."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

# `.dev/env` is written by `app dev` while its embedded services run; `.env` has the last word.
ENV_FILES = (".dev/env", ".env")
PLACEHOLDERS = ("change", "example", "secret", "password", "your", "insert", "placeholder")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def group_config(prefix: str) -> SettingsConfigDict:
    """Return the configuration of a group whose variables start with `prefix`."""
    return SettingsConfigDict(
        env_prefix=prefix,
        env_file=ENV_FILES,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )


class SettingsGroup(BaseSettings):
    """One concern's settings, read from variables with one prefix."""

    def signing_keys(self) -> Iterator[tuple[str, str]]:
        """Yield the variable and the value of each key that signs; no two may be equal."""
        yield from ()

    def production_faults(self) -> Iterator[str]:
        """Yield a sentence for each value that must not reach production, without the value."""
        yield from ()

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the name of the environment variable behind a field."""
        alias = cls.model_fields[field].validation_alias
        if isinstance(alias, str):
            return alias.upper()
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def check_secret(value: SecretStr) -> SecretStr:
    """Refuse a key that is short or guessable; HMAC-SHA256 wants 32 bytes (RFC 7518, 3.2)."""
    secret = value.get_secret_value()
    if len(secret.encode()) < 32:
        raise ValueError("must be at least 32 bytes long; `openssl rand -hex 32` makes one")
    if len(set(secret)) < 8:
        raise ValueError("repeats the same few characters")
    if any(word in secret.lower() for word in PLACEHOLDERS):
        raise ValueError("looks like an example value")
    return value


Secret = Annotated[SecretStr, AfterValidator(check_secret)]
