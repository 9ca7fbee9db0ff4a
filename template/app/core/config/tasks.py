from pydantic import Field

from app.core.config.base import SettingsGroup, group_config


class TaskSettings(SettingsGroup):
    """Work in the background: `TASKS_…`; times are in seconds.

    A task that fails is tried again after a delay that doubles from `base_delay` up to
    `max_delay`; after `max_attempts` it is given up.
    """

    model_config = group_config("TASKS_")

    worker_in_app: bool | None = None  # in development only
    concurrency: int = Field(default=10, ge=1, le=1000)
    timeout: float = Field(default=60.0, gt=0)
    max_attempts: int = Field(default=5, ge=1)
    base_delay: float = Field(default=2.0, gt=0)
    max_delay: float = Field(default=300.0, gt=0)
    poll_interval: float = Field(default=1.0, gt=0)
    # What a worker has not begun by then is queued once more: Redis may have lost it.
    requeue_after: float = Field(default=300.0, gt=0)
    failed_days: int = Field(default=30, ge=1)
