import asyncio

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.cache import STAMP
from app.models.users import User
from app.services.use_case import use_case
from tests.fixtures.api import Account, Api, load, running
from tests.fixtures.cache import names, rename
from tests.fixtures.database import Database
from tests.fixtures.links import Link


async def test_what_was_read_before_a_write_is_not_kept_after_it(
    apis: list[Api], clients: list[AsyncClient]
) -> None:
    await rename(clients[0], "Ada")
    cache, read, written = apis[0].resources.cache, asyncio.Event(), asyncio.Event()

    async def read_slowly() -> bytes:
        found = await names(clients[0])
        read.set()
        await written.wait()
        return ",".join(found).encode()

    async def read_now() -> bytes:
        return ",".join(await names(clients[1])).encode()

    slow = asyncio.create_task(cache.remember("slow", read_slowly, ttl=60, tags=["users"]))
    await read.wait()
    await rename(clients[1], "Grace")
    other = apis[1].resources.cache
    assert await other.remember("slow", read_now, ttl=60, tags=["users"]) == b"Grace"
    written.set()
    assert await slow == b"Ada"
    for each in (cache, other):
        assert await each.remember("slow", read_now, ttl=60, tags=["users"]) == b"Grace"


async def test_a_write_that_is_rolled_back_voids_nothing(
    apis: list[Api], clients: list[AsyncClient], database: Database, user: Account
) -> None:
    assert await names(clients[0]) == []
    await database.execute("UPDATE users SET full_name = 'Grace'")
    async with apis[0].resources.sessions() as session:
        with pytest.raises(LookupError):
            await Renaming(session).rename_and_fail(user.email)
    assert await names(clients[0]) == []
    assert apis[0].resources.cache.hits == 1


async def test_savepoints_void_when_the_use_case_commits(
    apis: list[Api], clients: list[AsyncClient], user: Account
) -> None:
    await rename(clients[0], "Ada")
    assert await names(clients[1]) == ["Ada"]
    async with apis[0].resources.sessions() as session:
        await Renaming(session).rename(user.email, clients[1])
    assert await names(clients[1]) == ["Grace"]


async def test_a_commit_of_which_nobody_knows_voids_as_well(
    environment: dict[str, str], clients: list[AsyncClient], user: Account, valkey: Redis
) -> None:
    link = Link(environment["DATABASE_URL"])
    await link.connect()
    variables = {**environment, "DATABASE_URL": link.url, "DATABASE_STATEMENT_TIMEOUT": "0.3"}
    try:
        async with running(load(variables)) as api, api.resources.sessions() as session:
            await rename(clients[0], "Ada")
            before = await valkey.get(f"{STAMP}users")
            with pytest.raises(TimeoutError):
                await Renaming(session).rename_and_lose(user.email, link)
            assert await valkey.get(f"{STAMP}users") != before
    finally:
        await link.cut()


class Renaming:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    @use_case
    async def rename(self, email: str, reader: AsyncClient) -> None:
        """Write within a savepoint, and have the list read before it is committed."""
        changed = update(User).where(User.email == email).values(full_name="Grace")
        async with self.session.begin_nested():
            await self.session.execute(changed)
        assert await names(reader) == ["Ada"]
        undone = await self.session.begin_nested()
        await self.session.execute(changed.values(full_name="Joan"))
        await undone.rollback()

    @use_case
    async def rename_and_fail(self, email: str) -> None:
        await self.session.execute(
            update(User).where(User.email == email).values(full_name="Grace")
        )
        raise LookupError

    @use_case
    async def rename_and_lose(self, email: str, link: Link) -> None:
        changed = update(User).where(User.email == email).values(full_name="Grace")
        await self.session.execute(changed)
        link.hold()
