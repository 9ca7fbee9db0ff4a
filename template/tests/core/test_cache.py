import asyncio

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis

from app.core.cache import LARGEST, PREFIX, STAMP
from tests.fixtures.api import Account, Api, load, running
from tests.fixtures.cache import add_names, entries, names, rename
from tests.fixtures.database import Database
from tests.fixtures.links import Link
from tests.fixtures.valkey import away


async def test_many_at_once_read_once_in_each_process(
    apis: list[Api], clients: list[AsyncClient]
) -> None:
    await rename(clients[0], "Ada")
    made = 0

    async def make() -> bytes:
        nonlocal made
        made += 1
        return ",".join(await names(clients[0])).encode()

    caches = [api.resources.cache for api in apis]
    calls = [each.remember("k", make, ttl=60, tags=[]) for _ in range(100) for each in caches]
    assert await asyncio.gather(*calls) == [b"Ada"] * 200
    assert 1 <= made <= len(apis)


async def test_who_waits_for_a_reader_that_fails_reads_alone(apis: list[Api]) -> None:
    cache, asked = apis[0].resources.cache, 0

    async def make() -> bytes:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.sleep(0.05)
            raise LookupError
        return b"{}"

    calls = [cache.remember("k", make, ttl=60, tags=[]) for _ in range(3)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    # Whoever asked first.
    assert [isinstance(each, LookupError) for each in found].count(True) == 1
    assert found.count(b"{}") == 2


async def test_who_gives_up_waiting_does_not_keep_others_from_it(apis: list[Api]) -> None:
    cache, going = apis[0].resources.cache, asyncio.Event()

    async def make() -> bytes:
        await going.wait()
        return b"{}"

    tasks = [asyncio.create_task(cache.remember("k", make, ttl=60, tags=[])) for _ in range(3)]
    await asyncio.sleep(0.05)
    tasks[1].cancel()
    await asyncio.sleep(0)
    going.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [found[0], found[2]] == [b"{}", b"{}"]
    assert isinstance(found[1], asyncio.CancelledError)


@pytest.mark.parametrize(
    "garbage", [b"", b"\x80\x04\x95\x05\x00.", b"[]", b"null", b'{"stamps": []}', b"{", b'"x"']
)
async def test_garbage_in_an_entry_is_as_if_there_was_none(
    clients: list[AsyncClient], valkey: Redis, garbage: bytes
) -> None:
    await rename(clients[0], "Ada")
    assert await names(clients[0]) == ["Ada"]
    [key] = await entries(valkey)
    await valkey.set(key, garbage)
    assert await names(clients[0]) == ["Ada"]
    await valkey.delete(key)
    await valkey.rpush(key, garbage)
    assert await names(clients[1]) == ["Ada"]


async def test_entries_expire_and_stamps_do_not(clients: list[AsyncClient], valkey: Redis) -> None:
    await rename(clients[0], "Ada")
    await names(clients[0])
    lives = {key: await valkey.ttl(key) async for key in valkey.scan_iter(f"{PREFIX}*")}
    [entry] = await entries(valkey)
    assert 0 < lives.pop(entry) <= 300
    # Of every table that was written to, whatever is kept of it.
    assert lives.keys() >= {f"{STAMP}{name}".encode() for name in ("users", "auth_sessions")}
    assert set(lives.values()) == {-1}


async def test_without_its_stamps_nothing_counts(
    clients: list[AsyncClient], database: Database, valkey: Redis
) -> None:
    await rename(clients[0], "Ada")
    assert await names(clients[0]) == ["Ada"]
    await database.execute("UPDATE users SET full_name = 'Grace'")
    assert await names(clients[1]) == ["Ada"]
    await valkey.delete(f"{STAMP}users")
    for client in clients:
        assert await names(client) == ["Grace"]


async def test_what_is_large_is_not_kept(apis: list[Api], valkey: Redis) -> None:
    cache = apis[0].resources.cache
    for size, kept in ((LARGEST, 1), (LARGEST + 1, 0)):

        async def make(size: int = size) -> bytes:
            return b"x" * size

        await valkey.flushdb()
        assert await cache.remember("k", make, ttl=60, tags=[]) == await make()
        assert len(await entries(valkey)) == kept


@pytest.mark.parametrize("how", ["cut", "held"])
async def test_without_redis_everything_is_read_and_nothing_stale_comes_back(
    environment: dict[str, str],
    clients: list[AsyncClient],
    apis: list[Api],
    user: Account,
    how: str,
) -> None:
    link = Link(environment["REDIS_URL"])
    await link.connect()
    variables = {**environment, "REDIS_URL": link.url, "REDIS_TIMEOUT": "0.2"}
    try:
        async with running(load(variables), add_names) as api:
            cache = api.resources.cache
            await rename(clients[0], "Ada")
            assert await names(clients[0]) == ["Ada"]
            async with away(link, how), asyncio.timeout(20):

                async def read() -> bytes:
                    return b"read"

                for _ in range(2):
                    assert await cache.remember("k", read, ttl=60, tags=["users"]) == b"read"
                # What another process has kept is void as soon as this one reaches Redis.
                await cache.invalidate(["users"])
            before = apis[0].resources.cache.hits
            for _ in range(200):
                await asyncio.sleep(0.05 if cache._owed else 0)
            assert await names(clients[0]) == ["Ada"]
            assert apis[0].resources.cache.hits == before
    finally:
        await link.cut()


async def test_a_redis_that_was_emptied_is_filled_again(
    clients: list[AsyncClient], valkey: Redis
) -> None:
    await rename(clients[0], "Ada")
    for _ in range(2):
        assert await names(clients[0]) == ["Ada"]
        await valkey.delete(*[key async for key in valkey.scan_iter(f"{PREFIX}*")])
    await rename(clients[1], "Grace")
    assert await names(clients[0]) == ["Grace"]
