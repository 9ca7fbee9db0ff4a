from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, true, update

from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.base import Repository, delete_where

GIVEN_UP = OutboxMessage.failed_at.is_not(None)


class OutboxRepository(Repository[OutboxMessage]):
    model = OutboxMessage

    async def put(self, kind: str, **payload: str) -> None:
        """Write what is to happen once the use case has committed."""
        await self.create(OutboxMessage(kind=kind, payload=payload))

    async def claim(self, *, limit: int, lease: timedelta) -> Sequence[OutboxMessage]:
        """Take messages that are due, for as long as the lease lasts.

        Those that another relay is claiming at the same time are skipped.
        """
        now = utc_now()
        found = await self.session.scalars(
            select(OutboxMessage)
            .where(OutboxMessage.failed_at.is_(None), OutboxMessage.next_attempt_at <= now)
            .order_by(OutboxMessage.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        messages = found.all()
        for message in messages:
            message.attempts += 1
            message.next_attempt_at = now + lease
        await self.session.flush()
        return messages

    async def hold(self, message: OutboxMessage) -> bool:
        """Tell whether it is still claimed by the caller, and let nobody change that for now."""
        found = await self.session.scalar(
            select(OutboxMessage.id)
            .where(OutboxMessage.id == message.id, OutboxMessage.attempts == message.attempts)
            .with_for_update()
        )
        return found is not None

    async def mark_prepared(self, message: OutboxMessage) -> None:
        await self._change(message, prepared_at=utc_now())

    async def complete(self, message: OutboxMessage) -> None:
        await delete_where(self.session, OutboxMessage, OutboxMessage.id == message.id)

    async def postpone(self, message: OutboxMessage, until: datetime, error: str) -> None:
        """Have it tried again later, unless somebody else has claimed it in the meantime."""
        await self._change(message, next_attempt_at=until, last_error=error)

    async def give_up(self, message: OutboxMessage, error: str) -> None:
        await self._change(message, failed_at=utc_now(), last_error=error)

    async def list_failed(self, *, limit: int) -> Sequence[OutboxMessage]:
        """Return what was given up, the newest first."""
        found = await self.session.scalars(
            select(OutboxMessage)
            .where(GIVEN_UP)
            .order_by(OutboxMessage.failed_at.desc())
            .limit(limit)
        )
        return found.all()

    async def retry_failed(self) -> int:
        """Have everything that was given up tried anew; return how much."""
        found = await self.session.scalars(
            update(OutboxMessage)
            .where(GIVEN_UP)
            .values(failed_at=None, attempts=0, next_attempt_at=utc_now())
            .returning(true())
        )
        return len(found.all())

    async def discard_failed(self) -> int:
        return await delete_where(self.session, OutboxMessage, GIVEN_UP)

    async def _change(self, message: OutboxMessage, **values: object) -> None:
        await self.session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message.id, OutboxMessage.attempts == message.attempts)
            .values(**values)
        )
