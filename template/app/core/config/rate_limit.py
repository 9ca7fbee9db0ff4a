from typing import Annotated

from limits import parse
from pydantic import AfterValidator

from app.core.config.base import SettingsGroup, group_config


def _check(value: str) -> str:
    try:
        limit = parse(value)
    except ValueError:
        limit = None
    if limit is None or not limit.amount:
        raise ValueError("must look like 100/minute, or like 5 per 15 minutes")
    return value


Limit = Annotated[str, AfterValidator(_check)]


class RateLimitSettings(SettingsGroup):
    """How often somebody may call: `RATE_LIMIT_…`, one for each policy."""

    model_config = group_config("RATE_LIMIT_")

    default: Limit = "100/minute"
    writes: Limit = "60/minute"
    auth: Limit = "20/minute"
    account: Limit = "10/minute"
