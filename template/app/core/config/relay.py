from pydantic import Field

from app.core.config.base import SettingsGroup, group_config


class OutboxSettings(SettingsGroup):
    """How mail that was committed is delivered: `OUTBOX_…`; times are in seconds.

    A delivery that fails is tried again after a delay that doubles from `base_delay` up to
    `max_delay`; with the defaults, for about a day.
    """

    model_config = group_config("OUTBOX_")

    relay_in_app: bool = True
    poll_interval: float = Field(default=1.0, gt=0)
    batch_size: int = Field(default=10, ge=1, le=100)
    send_timeout: float = Field(default=30.0, gt=0)
    base_delay: float = Field(default=2.0, gt=0)
    max_delay: float = Field(default=300.0, gt=0)
    max_attempts: int = Field(default=300, ge=1)

    @property
    def lease(self) -> float:
        """Return how long a message stays with the relay that has claimed it."""
        return 2 * self.send_timeout
