from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import Select, select, true, update
from structlog.contextvars import get_contextvars

from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.base import Repository, delete_where

GIVEN_UP = OutboxMessage.failed_at.is_not(None)


class OutboxRepository(Repository[OutboxMessage]):
    model = OutboxMessage

    async def put(self, kind: str, /, **payload: JsonValue) -> None:
        """Write what is to happen once the use case has committed."""
        request_id = get_contextvars().get("request_id")
        await self.create(OutboxMessage(kind=kind, payload=payload, request_id=request_id))

    async def claim(
        self, kinds: Collection[str], *, limit: int, lease: timedelta
    ) -> Sequence[OutboxMessage]:
        """Take messages that are due, for as long as the lease lasts.

        Those that another relay is claiming at the same time are skipped.
        """
        messages = (await self.session.scalars(self.due(kinds).limit(limit))).all()
        for message in messages:
            message.attempts += 1
            message.next_attempt_at = utc_now() + lease
        await self.session.flush()
        return messages

    def due(self, kinds: Collection[str]) -> Select[OutboxMessage]:
        """Return the statement that finds what is due, but for what others hold right now."""
        return (
            select(OutboxMessage)
            .where(
                OutboxMessage.kind.in_(kinds),
                OutboxMessage.failed_at.is_(None),
                OutboxMessage.next_attempt_at <= utc_now(),
            )
            .order_by(OutboxMessage.next_attempt_at)
            .with_for_update(skip_locked=True)
        )

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
