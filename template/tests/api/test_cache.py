import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from redis.asyncio import Redis

from app.api.dependencies.cache import cached
from app.core.cache import ENTRY
from tests.fixtures import carrier
from tests.fixtures.api import Account, Api, assert_problem, load, running
from tests.fixtures.cache import CLEAR, NAMES, OWN_NAME, STATUS, NameList, entries, names, rename
from tests.fixtures.database import Database


async def test_an_answer_is_kept_and_read_by_the_other_process(
    apis: list[Api], clients: list[AsyncClient], database: Database
) -> None:
    await rename(clients[0], "Ada")
    first = await clients[0].get(NAMES)
    assert first.json() == {"names": ["Ada"]}
    # Behind the application's back, so that nothing is void.
    await database.execute("UPDATE users SET full_name = 'Grace'")
    for client in clients:
        again = await client.get(NAMES)
        assert (again.content, again.headers["content-type"]) == (
            first.content,
            "application/json",
        )
        assert again.headers["cache-control"] == "no-store"
    assert [(api.resources.cache.hits, api.resources.cache.misses) for api in apis] == [
        (1, 1),
        (1, 0),
    ]


async def test_a_write_is_seen_by_the_next_read_on_the_other_process(
    clients: list[AsyncClient],
) -> None:
    here, there = clients
    for number in range(10):
        await rename(here, f"Ada {number}")
        assert await names(there) == [f"Ada {number}"]
        await rename(there, f"Grace {number}")
        assert await names(there) == await names(here) == [f"Grace {number}"]


async def test_nobody_sees_what_was_kept_for_another(
    clients: list[AsyncClient], apis: list[Api], admin: Account, valkey: Redis
) -> None:
    await rename(clients[0], "Ada")
    async with apis[1].client() as root:
        await carrier.sign_in(root, **admin.credentials)
        for _ in range(2):
            assert (await clients[0].get(OWN_NAME)).json() == {"name": "Ada"}
            assert (await root.get(OWN_NAME)).json() == {"name": None}
            # What is shared is the same for both, and one entry.
            assert await names(root) == await names(clients[0]) == ["Ada"]
    assert len(await entries(valkey)) == 3
    async with apis[0].client() as stranger:
        for path in (NAMES, OWN_NAME):
            assert_problem(await stranger.get(path), 401, "not_authenticated")


async def test_each_query_has_an_answer_of_its_own(
    clients: list[AsyncClient], valkey: Redis
) -> None:
    await rename(clients[0], "Ada")
    for q, count in (("A", 1), ("x", 0), ("", 1)):
        for client in clients:
            assert await names(client, q=q) == ["Ada"] * count
    assert len(await entries(valkey)) == 3
    # Of one that is repeated, the last counts.
    for query, count in (("q=x&q=A", 1), ("q=A&q=x", 0)):
        for client in clients:
            found = (await client.get(f"{NAMES}?{query}")).json()["names"]
            assert found == ["Ada"] * count


def test_nothing_is_kept_for_longer_than_a_day() -> None:
    for ttl in (0, 86_401):
        with pytest.raises(ValueError, match="seconds"):
            cached(ttl=ttl, key_prefix="names", tags=["users"])


async def test_what_is_not_shared_needs_somebody_who_is_signed_in(
    environment: dict[str, str], api: Api
) -> None:
    assert api

    async def show() -> NameList:
        return NameList(names=[])

    def add(app: FastAPI) -> None:
        for path, shared in (("/all", True), ("/own", False)):
            keep = cached(ttl=60, key_prefix=path, tags=["users"], shared=shared)
            app.get(path)(keep(show))

    async with running(load(environment), add) as started, started.client() as stranger:
        assert (await stranger.get("/all")).json() == {"names": []}
        assert_problem(await stranger.get("/own"), 500, "internal_error")


async def test_an_admin_sees_and_empties_the_cache_and_nothing_else(
    apis: list[Api], clients: list[AsyncClient], admin: Account, valkey: Redis
) -> None:
    await rename(clients[0], "Ada")
    for q in ("a", "b"):
        await names(clients[0], q=q)
    await valkey.set("of somebody else", "kept")
    async with apis[0].client() as root:
        await carrier.sign_in(root, **admin.credentials)
        assert (await root.get(STATUS)).json() == {"entries": 2, "hits": 0, "misses": 2}
        [key, _] = await entries(valkey)
        path = f"/api/v1/cache/{key.decode().removeprefix(ENTRY)}"
        assert (await root.delete(path)).status_code == 204
        assert_problem(await root.delete(path), 404, "not_found")
        assert_problem(await root.delete("/api/v1/cache/of%20somebody%20else"), 404, "not_found")
        assert (await root.post(CLEAR)).json() == {"entries": 1}
        assert (await root.post(CLEAR)).json() == {"entries": 0}
        assert (await root.get(STATUS)).json()["entries"] == 0
    assert await valkey.get("of somebody else") == b"kept"
