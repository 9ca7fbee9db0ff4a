from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.base import delete_where
from app.repositories.outbox import OutboxRepository

SCHEDULE = "schedule"  # the kind of the row that tells when a task is due next


class TaskRepository(OutboxRepository):
    """Tasks are messages of the outbox that a worker begins; how often it did tells it apart.

    So of the same task in a queue twice, the second is found to be done or under way.
    """

    async def take(
        self, kinds: Collection[str], *, limit: int, lease: timedelta
    ) -> Sequence[OutboxMessage]:
        """Take tasks that are due, to queue them; nobody else does while the lease lasts."""
        tasks = (await self.session.scalars(self.due(kinds).limit(limit))).all()
        for task in tasks:
            task.next_attempt_at = utc_now() + lease
        await self.session.flush()
        return tasks

    async def mark_queued(self, tasks: Sequence[OutboxMessage], until: datetime) -> None:
        """Have tasks queued once more by then, but for those that were begun meanwhile."""
        unchanged = tuple_(OutboxMessage.id, OutboxMessage.attempts).in_(
            [(task.id, task.attempts) for task in tasks]
        )
        await self.session.execute(
            update(OutboxMessage).where(unchanged).values(next_attempt_at=until)
        )

    async def begin(self, key: UUID, *, attempts: int, lease: timedelta) -> OutboxMessage | None:
        """Count an attempt; none if the task is done, or was begun by somebody else."""
        return await self.session.scalar(
            update(OutboxMessage)
            .where(
                OutboxMessage.id == key,
                OutboxMessage.attempts == attempts,
                OutboxMessage.failed_at.is_(None),
            )
            .values(attempts=attempts + 1, next_attempt_at=utc_now() + lease)
            .returning(OutboxMessage)
        )

    async def release(self, task: OutboxMessage) -> None:
        """Undo the beginning of a task, so that it is due at once."""
        await self._change(task, attempts=task.attempts - 1, next_attempt_at=utc_now())

    async def put_schedule(self, key: UUID, task: str, cron: str, due: datetime) -> None:
        """Note when a task is due for the first time, or anew if its schedule has changed."""
        row = insert(OutboxMessage).values(
            id=key, kind=SCHEDULE, payload={"task": task, "cron": cron}, next_attempt_at=due
        )
        changed = {"payload": row.excluded.payload, "next_attempt_at": row.excluded.next_attempt_at}
        await self.session.execute(
            row.on_conflict_do_update(
                index_elements=[OutboxMessage.id],
                set_=changed,
                where=OutboxMessage.payload != row.excluded.payload,
            )
        )

    async def list_due_schedules(self, keys: Collection[UUID]) -> Sequence[OutboxMessage]:
        """Return what is due, and let nobody else see it until the end of the use case."""
        found = await self.session.scalars(self.due([SCHEDULE]).where(OutboxMessage.id.in_(keys)))
        return found.all()

    async def purge(self, before: datetime) -> int:
        """Delete what was given up before, and schedules that nobody has followed since."""
        return await delete_where(
            self.session,
            OutboxMessage,
            or_(
                OutboxMessage.failed_at < before,
                and_(OutboxMessage.kind == SCHEDULE, OutboxMessage.next_attempt_at < before),
            ),
        )
