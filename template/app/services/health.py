import asyncio
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.checks import STATES
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


class Check(Protocol):
    """Something that the service needs."""

    async def check(self) -> str:
        """Return `OK`, or what is wrong in a word or two."""


class DatabaseCheck:
    """Whether the database answers within a second, and has all migrations."""

    def __init__(self, engine: AsyncEngine, revisions: ScriptDirectory) -> None:
        self.engine = engine
        self.revisions = revisions

    async def check(self) -> str:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT), self.engine.connect() as connection:
                status = await read_status(connection, self.revisions)
        except (SQLAlchemyError, OSError):
            return UNREACHABLE
        return PENDING if status.pending else OK


class HealthService:
    """Asks what the service needs; nothing can be served without the database."""

    def __init__(self, checks: Mapping[str, Check], settings: AppSettings) -> None:
        self.checks = checks
        self.settings = settings

    async def report(self) -> HealthReport:
        """Tell how everything is, also when it is not well."""
        results = await asyncio.gather(*(check.check() for check in self.checks.values()))
        states = {name: read() for name, read in STATES.items()}
        checks = states | dict(zip(self.checks, results, strict=True))
        status = Health.HEALTHY if set(checks.values()) == {OK} else Health.DEGRADED
        return HealthReport(
            status=status if checks["database"] == OK else Health.UNHEALTHY,
            checks=checks,
            timestamp=utc_now(),
            environment=None if self.settings.is_guarded else self.settings.environment,
            version=None if self.settings.is_guarded else VERSION,
        )

    async def ready(self) -> HealthReport:
        """Return the report if requests can be served; else raise `ServiceUnavailable`."""
        report = await self.report()
        if report.status is Health.UNHEALTHY:
            failing = (f"{name}: {why}" for name, why in report.checks.items() if why != OK)
            raise ServiceUnavailable("; ".join(failing))
        return report
