from pydantic import Field

from app.core.config.base import SettingsGroup, group_config


class PasswordSettings(SettingsGroup):
    """Password rules and the cost of argon2id: `PASSWORD_…`.

    The cost is OWASP's recommendation (19 MiB, two passes, one lane): about 50 ms a hash.
    """

    model_config = group_config("PASSWORD_")

    min_length: int = Field(default=12, ge=8)
    max_length: int = Field(default=128, le=1024)
    memory_cost: int = Field(default=19_456, ge=8, description="KiB")
    time_cost: int = Field(default=2, ge=1)
    parallelism: int = Field(default=1, ge=1)
