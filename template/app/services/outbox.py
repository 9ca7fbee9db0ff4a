import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.outbox import OutboxRepository
from app.services.use_case import use_case

ERROR_LENGTH = 500
SHOWN = 200


class RetrySettings(Protocol):
    """When what fails is tried again: seconds, and how often in all."""

    @property
    def base_delay(self) -> float: ...
    @property
    def max_delay(self) -> float: ...
    @property
    def max_attempts(self) -> int: ...


class OutboxService:
    """What becomes of a message that somebody has tried to deliver."""

    def __init__(self, session: AsyncSession, settings: RetrySettings) -> None:
        self.session = session
        self.settings = settings
        self.outbox = OutboxRepository(session)

    @use_case
    async def complete(self, message: OutboxMessage) -> None:
        await self.outbox.complete(message)

    @use_case
    async def fail(self, message: OutboxMessage, error: str, *, for_good: bool) -> bool:
        """Have a message tried again later, or give it up; tell whether it was given up."""
        error = error[:ERROR_LENGTH]
        if for_good or message.attempts >= self.settings.max_attempts:
            await self.outbox.give_up(message, error)
            return True
        # Half of the delay is random, so that after an outage not all come at once.
        doubled = self.settings.base_delay * 2 ** min(message.attempts - 1, 40)
        delay = min(doubled, self.settings.max_delay) * random.uniform(0.5, 1)  # noqa: S311
        await self.outbox.postpone(message, utc_now() + timedelta(seconds=delay), error)
        return False


class DeadLetters:
    """What was given up, and is kept until somebody decides about it."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.outbox = OutboxRepository(session)

    async def list_failed(self) -> Sequence[OutboxMessage]:
        return await self.outbox.list_failed(limit=SHOWN)

    @use_case
    async def retry_failed(self) -> int:
        return await self.outbox.retry_failed()

    @use_case
    async def discard_failed(self) -> int:
        return await self.outbox.discard_failed()
