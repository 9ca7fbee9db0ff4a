import asyncio
from datetime import datetime
from enum import StrEnum

from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config.app import VERSION, AppSettings
from app.core.exceptions import ServiceUnavailable
from app.db.base import utc_now
from app.db.migrations import read_status
from app.schemas.base import View

OK = "ok"
UNREACHABLE = "unreachable"
PENDING = "migrations pending"
CHECK_TIMEOUT = 1.0


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


class HealthService:
    """Asks what the service can't do without; a check that hangs is given up after a second."""

    def __init__(
        self, engine: AsyncEngine, revisions: ScriptDirectory, settings: AppSettings
    ) -> None:
        self.engine = engine
        self.revisions = revisions
        self.settings = settings

    async def report(self) -> HealthReport:
        """Tell how everything is, also when it is not well."""
        checks = {"database": await self._check_database()}
        healthy = all(result == OK for result in checks.values())
        return HealthReport(
            status=Health.HEALTHY if healthy else Health.UNHEALTHY,
            checks=checks,
            timestamp=utc_now(),
            environment=None if self.settings.is_guarded else self.settings.environment,
            version=None if self.settings.is_guarded else VERSION,
        )

    async def ready(self) -> HealthReport:
        """Return the report if requests can be served; else raise `ServiceUnavailable`."""
        report = await self.report()
        if report.status is not Health.HEALTHY:
            failing = (f"{name}: {why}" for name, why in report.checks.items() if why != OK)
            raise ServiceUnavailable("; ".join(failing))
        return report

    async def _check_database(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT), self.engine.connect() as connection:
                status = await read_status(connection, self.revisions)
        except (SQLAlchemyError, OSError):
            return UNREACHABLE
        return PENDING if status.pending else OK
