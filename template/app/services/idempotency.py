from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import AppError, Conflict
from app.db.base import utc_now
from app.models.idempotency import IdempotencyKey
from app.repositories.idempotency import IdempotencyKeyRepository
from app.services.use_case import use_case

LIFETIME = timedelta(hours=24)


class RequestInProgress(Conflict):
    code, title = "request_in_progress", "A request with this key is being answered"


class IdempotencyKeyReused(AppError):
    status, code, title = 422, "idempotency_key_reused", "The key was used for another request"


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that a client wants to take effect once.

    `key_hash` is a digest of the method, the path and the key, `content_hash` of all else.
    """

    user_id: UUID
    key_hash: str
    content_hash: str


class IdempotencyService:
    """Answers a request that comes again as it did the first time, and does nothing else."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.keys = IdempotencyKeyRepository(session)

    @use_case
    async def run(
        self, request: KeyedRequest, call: Callable[[], Awaitable[bytes]]
    ) -> tuple[bytes, bool]:
        """Return the answer, and whether it is that of an earlier request.

        The use case that `call` is joins this one: either both it and its answer are kept, or none.
        Raise `RequestInProgress` or `IdempotencyKeyReused`.
        """
        if not await self.keys.lock(request.user_id, request.key_hash):
            raise RequestInProgress
        known = await self.keys.find_by_key(request.user_id, request.key_hash)
        if known is None:
            answer = await call()
            await self.keys.put(
                IdempotencyKey(
                    user_id=request.user_id,
                    key_hash=request.key_hash,
                    content_hash=request.content_hash,
                    answer=answer,
                    expires_at=utc_now() + LIFETIME,
                )
            )
            return answer, False
        if known.content_hash != request.content_hash:
            raise IdempotencyKeyReused
        return known.answer, True
