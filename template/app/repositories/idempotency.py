from uuid import UUID

from sqlalchemy import delete, func, select

from app.db.base import utc_now
from app.models.idempotency import IdempotencyKey
from app.repositories.expiring import ExpiringRepository


class IdempotencyKeyRepository(ExpiringRepository[IdempotencyKey]):
    model = IdempotencyKey

    async def lock(self, user_id: UUID, key_hash: str) -> bool:
        """Let nobody else pass with a key until the transaction ends; tell whether nobody has."""
        name = func.hashtextextended(f"{user_id}:{key_hash}", 0)
        statement = select(func.pg_try_advisory_xact_lock(name))
        return bool(await self.session.scalar(statement))

    async def find_by_key(self, user_id: UUID, key_hash: str) -> IdempotencyKey | None:
        """Find what a key was used for; one that has expired is free again."""
        mine = (IdempotencyKey.user_id == user_id, IdempotencyKey.key_hash == key_hash)
        await self.session.execute(
            delete(IdempotencyKey).where(*mine, IdempotencyKey.expires_at <= utc_now())
        )
        return await self.session.scalar(select(IdempotencyKey).where(*mine))
