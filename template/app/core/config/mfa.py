from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from app.core.config.app import TITLE
from app.core.config.base import SettingsGroup, check_secret, group_config


def _split(value: SecretStr) -> list[str]:
    return [key.strip() for key in value.get_secret_value().split(",") if key.strip()]


def _check_keys(value: SecretStr) -> SecretStr:
    keys = _split(value)
    if not keys:
        raise ValueError("must hold a key; `openssl rand -hex 32` makes one")
    for key in keys:
        check_secret(SecretStr(key))
    return value


class MfaSettings(SettingsGroup):
    """The second factor of a sign-in: `MFA_…`.

    `MFA_SECRET_KEYS` holds one key or several, with commas between: the first encrypts what
    authenticator apps share with the service, all decrypt it.
    """

    model_config = group_config("MFA_")

    secret_keys: Annotated[SecretStr, AfterValidator(_check_keys)]
    issuer: str = Field(default=TITLE, max_length=50, pattern=r"^[^\x00-\x1f\x7f]*$")

    @property
    def keys(self) -> list[str]:
        """Return the keys, the one that encrypts first."""
        return _split(self.secret_keys)

    def signing_keys(self) -> Iterator[tuple[str, str]]:
        for key in self.keys:
            yield "MFA_SECRET_KEYS", key
