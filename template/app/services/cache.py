from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.cache import Cache, CacheCleared
from app.core.events import Listener, publish
from app.core.exceptions import NotFound
from app.schemas.cache import CacheStatus
from app.services.use_case import use_case


class CacheService:
    """What an admin may do with the cache; raises `ServiceUnavailable` while Redis is away."""

    def __init__(
        self, session: AsyncSession, cache: Cache, *, listeners: Sequence[Listener]
    ) -> None:
        self.session = session
        self.cache = cache
        self.listeners = listeners

    async def describe(self) -> CacheStatus:
        return CacheStatus(
            entries=await self.cache.count(), hits=self.cache.hits, misses=self.cache.misses
        )

    async def clear(self) -> int:
        """Delete all entries; return how many there were."""
        entries = await self.cache.clear()
        await self._tell(entries)
        return entries

    async def delete(self, key: str) -> None:
        """Delete an entry; raise `NotFound` if there is none."""
        if not await self.cache.delete(key):
            raise NotFound
        await self._tell(1)

    @use_case
    async def _tell(self, entries: int) -> None:
        await publish(self.session, CacheCleared(entries), self.listeners)
