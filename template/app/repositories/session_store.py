from dataclasses import dataclass
from uuid import UUID

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from app.core.redis import RedisClient


@dataclass(frozen=True, slots=True)
class StoredSession:
    """Whose a session is; `noted_at` is when its use was last written to the database."""

    session_id: UUID
    user_id: UUID
    noted_at: AwareDatetime


STORED = TypeAdapter(StoredSession)


class SessionStore:
    """Sessions by the digest of their id; Redis forgets those that are idle for too long.

    It leads to the row in the database and no further. That row says whether the session is alive,
    so neither a Redis that was emptied nor one that was restored brings anybody back.
    """

    def __init__(self, redis: RedisClient, *, idle_lifetime: int) -> None:
        self.redis = redis
        self.idle_lifetime = idle_lifetime

    async def put(self, digest: str, stored: StoredSession) -> None:
        commands = self.redis.commands
        value = STORED.dump_json(stored)
        await self.redis.ask(commands.set(_key(digest), value, ex=self.idle_lifetime))

    async def find(self, digest: str) -> StoredSession | None:
        """Find a session, whose idle time begins anew."""
        commands = self.redis.commands
        value = await self.redis.ask(commands.getex(_key(digest), ex=self.idle_lifetime))
        try:
            return None if value is None else STORED.validate_json(value)
        except ValidationError:
            return None

    async def delete(self, digest: str) -> None:
        await self.redis.ask(self.redis.commands.delete(_key(digest)))


def _key(digest: str) -> str:
    return f"session:{digest}"
