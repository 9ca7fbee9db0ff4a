from typing import Self

from pydantic import Field, model_validator

from app.core.config.base import SettingsGroup, group_config


class LockoutSettings(SettingsGroup):
    """How failed sign-ins slow down further ones: `LOCKOUT_…`; times are in seconds.

    Failures count per account, apart for each device that has signed in before and together for
    all others. From the threshold on, each failure doubles the time in which nothing is accepted.
    """

    model_config = group_config("LOCKOUT_")

    threshold: int = Field(default=5, ge=1)
    base_delay: float = Field(default=1.0, gt=0)
    max_delay: float = Field(default=15 * 60.0, gt=0)
    reset_after: float = Field(default=24 * 3600.0, gt=0)

    @model_validator(mode="after")
    def _locks_are_not_forgotten(self) -> Self:
        if self.max_delay > self.reset_after:
            raise ValueError("LOCKOUT_RESET_AFTER must not be shorter than LOCKOUT_MAX_DELAY")
        return self
