from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from app.core.config.base import SettingsGroup, group_config


def _check(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise ValueError("must look like redis://:password@host:6379/0, or rediss:// for TLS")
    return value


class RedisSettings(SettingsGroup):
    """Redis, or Valkey: `REDIS_…`; times are in seconds."""

    model_config = group_config("REDIS_")

    url: Annotated[SecretStr, AfterValidator(_check)]
    max_connections: int = Field(default=50, ge=1)
    timeout: float = Field(default=0.25, gt=0)
    breaker_threshold: int = Field(default=5, ge=1)
    breaker_pause: float = Field(default=1.0, gt=0)
