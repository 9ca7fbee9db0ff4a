from datetime import datetime
from enum import StrEnum

from app.schemas.base import View


class Health(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Liveness(View):
    status: Health = Health.HEALTHY


class HealthReport(View):
    """What the service needs, and how each of it does; a healthy check says `ok`."""

    status: Health
    checks: dict[str, str]
    timestamp: datetime
    environment: str | None = None
    version: str | None = None
