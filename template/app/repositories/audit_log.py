from collections.abc import Sequence

from sqlalchemy import Select, Text, cast, func, select, tuple_

from app.models.audit_log import AuditLog
from app.repositories.base import Repository, Slice, delete_where
from app.schemas.audit_log import AuditLogFilter, AuditLogQuery, Position

# What the trigger on the table asks before it lets a row go.
PURGE_BEFORE = "audit_log.purge_before"


class AuditLogRepository(Repository[AuditLog]):
    model = AuditLog

    async def list(self, query: AuditLogQuery) -> Slice[AuditLog]:
        return await self.page(_select(query), query, ["-created_at"])

    async def list_after(
        self, position: Position | None, wanted: AuditLogFilter, *, limit: int
    ) -> Sequence[AuditLog]:
        """Return the rows before a point in time, the newest first, and count none."""
        statement = _select(wanted)
        if position is not None:
            statement = statement.where(tuple_(AuditLog.created_at, AuditLog.id) < position)
        found = await self.session.scalars(
            statement.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()).limit(limit)
        )
        return found.all()

    async def purge(self, *, days: int, limit: int) -> int:
        """Delete the oldest of the rows that are older than so many days; return how many."""
        before = func.now() - func.make_interval(0, 0, 0, days)
        await self.session.execute(select(func.set_config(PURGE_BEFORE, cast(before, Text), True)))
        old = select(AuditLog.id).where(AuditLog.created_at < before).order_by(AuditLog.created_at)
        return await delete_where(self.session, AuditLog, AuditLog.id.in_(old.limit(limit)))


def _select(wanted: AuditLogFilter) -> Select[AuditLog]:
    statement = select(AuditLog)
    if wanted.actor_id is not None:
        statement = statement.where(AuditLog.actor_id == wanted.actor_id)
    if wanted.target_id is not None:
        statement = statement.where(AuditLog.target_id == wanted.target_id)
    if wanted.action:
        statement = statement.where(AuditLog.action.in_(wanted.action))
    if wanted.since is not None:
        statement = statement.where(AuditLog.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditLog.created_at < wanted.until)
    return statement
