from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.config.base import SettingsGroup, group_config

DRIVER = "postgresql+asyncpg"
SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
DEFAULT_PASSWORDS = {"", "postgres", "password", "app", "admin", "changeme", "secret"}


def _normalise(value: SecretStr) -> SecretStr:
    """Accept what hosts hand out: any spelling of the scheme, and libpq's query parameters."""
    shape = "must look like postgresql://user:password@host:5432/name, the password percent-encoded"
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        # What the parser says of a password with an @ repeats the half behind it.
        raise ValueError(shape) from None
    if url.port and url.port > 65535:
        raise ValueError(shape)
    if url.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError("must be a postgresql:// URL")
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    query.pop("channel_binding", None)  # asyncpg negotiates it by itself
    if query.get("ssl", "prefer") not in SSL_MODES or query.keys() - {"ssl", "host", "port"}:
        raise ValueError("may have the parameter sslmode, with a value of libpq's, and no other")
    url = url.set(drivername=DRIVER, query=query)
    return SecretStr(url.render_as_string(hide_password=False))


DatabaseUrl = Annotated[SecretStr, AfterValidator(_normalise)]


class DatabaseSettings(SettingsGroup):
    """PostgreSQL: `DATABASE_…`; times are in seconds."""

    model_config = group_config("DATABASE_")

    url: DatabaseUrl
    migration_url: DatabaseUrl | None = None
    pool_size: int = Field(default=20, ge=1)
    max_overflow: int = Field(default=20, ge=0)
    pool_timeout: float = Field(default=0.5, gt=0)
    connect_timeout: float = Field(default=5.0, gt=0)
    lock_timeout: float = Field(default=1.2, gt=0)
    statement_timeout: float = Field(default=10.0, gt=0)
    behind_pooler: bool = False
    migration_lock_timeout: float = Field(default=60.0, gt=0)

    @property
    def connection_url(self) -> URL:
        return make_url(self.url.get_secret_value())

    @property
    def direct_url(self) -> URL:
        """Where migrations run: past a pooler, whose transaction mode has no session locks."""
        return make_url((self.migration_url or self.url).get_secret_value())

    def production_faults(self) -> Iterator[str]:
        for name in ("url", "migration_url"):
            value: SecretStr | None = getattr(self, name)
            url = make_url(value.get_secret_value()) if value else None
            if url is None:
                continue
            password, username = (url.password or "").lower(), (url.username or "").lower()
            if password in DEFAULT_PASSWORDS or password == username:
                yield f"{self.variable(name)} has no password or a default one."
