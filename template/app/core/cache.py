"""Answers that are kept in Redis for a while; where it is away or holds garbage there is none."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self, cast

from app.core.events import Event
from app.core.exceptions import ServiceUnavailable
from app.core.redis import RedisClient
from app.core.security.opaque_tokens import new_token
from app.core.security.permissions import Permission

MANAGE_CACHE = Permission("cache:manage")
# One hash tag, since what is read together has to lie together in a cluster.
PREFIX = "{cache}:"
ENTRY, STAMP = f"{PREFIX}entry:", f"{PREFIX}stamp:"
# The tag of every entry.
ALL = "*"
LARGEST = 65_536  # bytes of an answer that is kept
RETRY_SECONDS = 0.5
BATCH = 500


@dataclass(frozen=True, slots=True)
class CacheCleared(Event):
    """An admin has deleted so many entries."""

    entries: int


class Cache:
    """Keeps texts under keys, each with the stamps that its tags had before it was made.

    What is written changes the stamps of its tags, after the commit: whatever was made of earlier
    data is then void, in every process at once, also what a slow reader stores later on.
    """

    def __init__(self, redis: RedisClient) -> None:
        self.hits = self.misses = 0
        self._redis = redis
        self._owed: dict[str, object] = {}
        self._retry: asyncio.Task[None] | None = None
        self._flights: dict[tuple[str, bytes], asyncio.Future[bytes | None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._retry is not None:
            self._retry.cancel()

    async def remember(
        self, key: str, make: Callable[[], Awaitable[bytes]], *, ttl: int, tags: Sequence[str]
    ) -> bytes:
        """Return what is kept under a key, or make it and keep it for `ttl` seconds.

        However many ask at the same time, they wait for the first one of their process.
        """
        try:
            await self._settle()
            entry, stamps = await self._look_up(key, [*tags, ALL])
        except ServiceUnavailable:
            self.misses += 1
            return await make()
        head, mark, kept = entry.partition(b"\n")
        if mark and head == stamps:
            self.hits += 1
            return kept
        self.misses += 1
        return await self._make(key, stamps, make, ttl)

    async def invalidate(self, tags: Iterable[str]) -> None:
        """Void what depends on any of these, as soon as Redis can be reached."""
        self._owed.update({tag: object() for tag in tags})
        try:
            with suppress(ServiceUnavailable):
                await self._settle()
        finally:
            if self._owed and (self._retry is None or self._retry.done()):
                self._retry = asyncio.create_task(self._settle_later())

    async def delete(self, key: str) -> bool:
        """Delete an entry; tell whether there was one."""
        return bool(await self._redis.ask(self._redis.commands.unlink(f"{ENTRY}{key}")))

    async def clear(self) -> int:
        """Delete all entries, and void those that are being made; return how many there were."""
        await self._redis.ask(self._redis.commands.set(f"{STAMP}{ALL}", new_token()))
        deleted = 0
        async for names in self._scan():
            deleted += await self._redis.ask(self._redis.commands.unlink(*names))
        return deleted

    async def count(self) -> int:
        return sum([len(names) async for names in self._scan()])

    async def _scan(self) -> AsyncIterator[list[bytes]]:
        cursor = 0
        while True:
            cursor, names = await self._redis.ask(
                self._redis.commands.scan(cursor, match=f"{ENTRY}*", count=BATCH)
            )
            if names:
                yield cast("list[bytes]", names)
            if not cursor:
                return

    async def _look_up(self, key: str, tags: Sequence[str]) -> tuple[bytes, bytes]:
        """Return what is kept under a key, and the stamps with which it counts."""
        names = [f"{STAMP}{tag}" for tag in tags]
        entry, *stamps = await self._get(f"{ENTRY}{key}", *names)
        lost = [name for name, stamp in zip(names, stamps, strict=True) if stamp is None]
        if lost:
            # Nothing counts without a stamp: it may have been another one before it was lost.
            for name in lost:
                await self._redis.ask(self._redis.commands.set(name, new_token(), nx=True))
            entry, *stamps = await self._get(f"{ENTRY}{key}", *names)
        return entry or b"", b" ".join(stamp or b"" for stamp in stamps)

    async def _get(self, *names: str) -> list[bytes | None]:
        values = await self._redis.ask(self._redis.commands.mget(names))
        return cast("list[bytes | None]", values)

    async def _make(
        self, key: str, stamps: bytes, make: Callable[[], Awaitable[bytes]], ttl: int
    ) -> bytes:
        # The stamps are a part of the name: who asks after a write waits for nobody from before it.
        name = (key, stamps)
        if name in self._flights:
            made = await asyncio.shield(self._flights[name])
            return await make() if made is None else made
        flight = self._flights[name] = asyncio.get_running_loop().create_future()
        made = None
        try:
            made = await make()
        finally:
            del self._flights[name]
            flight.set_result(made)
        if len(made) <= LARGEST:
            entry = b"\n".join((stamps, made))
            with suppress(ServiceUnavailable):
                await self._redis.ask(self._redis.commands.set(f"{ENTRY}{key}", entry, ex=ttl))
        return made

    async def _settle(self) -> None:
        """Change the stamps that have to change; until then nothing is read."""
        owed = dict(self._owed)
        if not owed:
            return
        # Drawn anew for each attempt: a stamp that came back would make void entries count again.
        await self._redis.ask(
            self._redis.commands.mset({f"{STAMP}{tag}": new_token() for tag in owed})
        )
        for tag, debt in owed.items():
            # Unless it has to change once more, by a write that was committed meanwhile.
            if self._owed.get(tag) is debt:
                del self._owed[tag]

    async def _settle_later(self) -> None:
        while self._owed:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(ServiceUnavailable):
                await self._settle()
