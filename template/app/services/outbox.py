import random
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config.outbox import OutboxSettings
from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.outbox import OutboxRepository
from app.services.use_case import use_case

ERROR_LENGTH = 500
SHOWN = 200


class OutboxService:
    """Who delivers what, and when; any number of relays may ask at the same time."""

    def __init__(self, session: AsyncSession, settings: OutboxSettings) -> None:
        self.session = session
        self.settings = settings
        self.outbox = OutboxRepository(session)

    @use_case
    async def claim(self) -> Sequence[OutboxMessage]:
        """Take what is due; a relay that dies loses nothing, since its claim ends by itself."""
        lease = timedelta(seconds=self.settings.lease)
        return await self.outbox.claim(limit=self.settings.batch_size, lease=lease)

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

    async def list_failed(self) -> Sequence[OutboxMessage]:
        return await self.outbox.list_failed(limit=SHOWN)

    @use_case
    async def retry_failed(self) -> int:
        return await self.outbox.retry_failed()

    @use_case
    async def discard_failed(self) -> int:
        return await self.outbox.discard_failed()
