import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import fields

from pydantic_core import to_jsonable_python
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.audit_log import AuditLogPurged
from app.core.events import (
    AccountUnlocked,
    EmailChanged,
    Event,
    Listener,
    LoginSucceeded,
    PasswordReset,
    UserRegistered,
    publish,
)
from app.core.origin import origin_of
from app.models.audit_log import AuditLog
from app.repositories.audit_log import AuditLogRepository
from app.repositories.base import Slice
from app.schemas.audit_log import AuditLogFilter, AuditLogQuery, Position
from app.services.use_case import use_case

# Over HTTP, what only the owner of an account can do, by a password or by a token.
BY_OWNER = (AccountUnlocked, EmailChanged, LoginSucceeded, PasswordReset, UserRegistered)
EXPORTED_AT_ONCE = 500
PURGED_AT_ONCE = 10_000


async def record_event(session: AsyncSession, event: Event) -> None:
    """Write the row of an event; where that fails, so does what the event tells of."""
    details = {f.name: getattr(event, f.name) for f in fields(event) if f.repr}
    target_id, actor_id = details.pop("user_id", None), details.pop("actor_id", None)
    row = AuditLog(action=action_of(type(event)), target_id=target_id)
    if origin := origin_of(session):
        actor_id = actor_id or origin.user_id
        if actor_id is None and isinstance(event, BY_OWNER):
            actor_id = target_id
        row.ip_address, row.user_agent = origin.ip_address, origin.user_agent
        row.request_id = origin.request_id
    row.actor_id = actor_id
    row.details = to_jsonable_python(details)
    await AuditLogRepository(session).create(row)


def action_of(kind: type[Event]) -> str:
    """Return what events of a kind are called in the log: `user_registered`, for one."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


class AuditLogService:
    def __init__(
        self, session: AsyncSession, *, retention_days: int, listeners: Sequence[Listener]
    ) -> None:
        self.session = session
        self.retention_days = retention_days
        self.listeners = listeners
        self.audit_logs = AuditLogRepository(session)

    async def list(self, query: AuditLogQuery) -> Slice[AuditLog]:
        return await self.audit_logs.list(query)

    async def list_after(self, query: AuditLogQuery) -> Sequence[AuditLog]:
        """Return the rows of the page that a cursor leads to, and the one after them."""
        return await self.audit_logs.list_after(query.position, query, limit=query.page_size + 1)

    async def scan(self, wanted: AuditLogFilter) -> AsyncIterator[AuditLog]:
        """Yield all rows that are wanted, the newest first, and hold few of them at a time."""
        position = None
        while rows := await self.audit_logs.list_after(position, wanted, limit=EXPORTED_AT_ONCE):
            for row in rows:
                yield row
            position = Position(rows[-1].created_at, rows[-1].id)

    async def purge(self) -> int:
        """Delete the rows that are past their retention; return how many."""
        total = 0
        while count := await self._purge():
            total += count
        return total

    @use_case
    async def _purge(self) -> int:
        count = await self.audit_logs.purge(days=self.retention_days, limit=PURGED_AT_ONCE)
        if count:
            event = AuditLogPurged(rows=count, days=self.retention_days)
            await publish(self.session, event, self.listeners)
        return count
