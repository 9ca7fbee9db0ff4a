"""What is kept of a session: in Redis until it is idle for too long, in the database for good."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis

from app.core.config.app import CHALLENGE
from app.core.security.opaque_tokens import digest
from tests.fixtures.api import PASSWORD, Account, SignIn, assert_problem
from tests.fixtures.carrier import COOKIE, key_of, sign_in
from tests.fixtures.database import Database

ME, CSRF = "/api/v1/users/me", "/api/v1/auth/csrf"
IDLE, ABSOLUTE = 12 * 3600, 7 * 24 * 3600


async def test_only_digests_are_kept(
    client: AsyncClient, user: Account, valkey: Redis, database: Database
) -> None:
    await sign_in(client, **user.credentials)
    rows = [await database.fetch(f"SELECT * FROM {table}") for table in database.tables]
    keys = [key async for key in valkey.scan_iter("session:*")]
    kept = f"{rows} {keys} {[await valkey.get(key) for key in keys]}"
    for name in (COOKIE, f"{COOKIE}-device"):
        assert client.cookies[name] not in kept
        assert digest(client.cookies[name]) in kept


async def calls(valkey: Redis) -> Counter[str]:
    stats: dict[str, Any] = await valkey.info("commandstats")
    found = {name.removeprefix("cmdstat_"): values["calls"] for name, values in stats.items()}
    return Counter(found)


async def test_who_is_asking_costs_one_read_and_one_statement(
    user_client: AsyncClient, client: AsyncClient, valkey: Redis, statements: list[str]
) -> None:
    assert (await user_client.get(ME)).status_code == 200

    async def reads(someone: AsyncClient, path: str) -> Counter[str]:
        before = await calls(valkey)
        await someone.get(path)
        after = await calls(valkey)
        return Counter({name: after[name] - before[name] for name in ("get", "getex")})

    for someone, cost in ((user_client, 1), (client, 0)):
        # What a request costs that nobody has to be signed in for.
        usual = await reads(someone, CSRF)
        statements.clear()
        assert await reads(someone, ME) - usual == +Counter(getex=cost)
        assert [statement.split()[0] for statement in statements] == ["SELECT"] * cost


async def test_each_use_begins_the_idle_time_anew(user_client: AsyncClient, valkey: Redis) -> None:
    key = key_of(user_client)
    assert IDLE - 60 < await valkey.ttl(key) <= IDLE
    await valkey.expire(key, 100)
    assert (await user_client.get(ME)).status_code == 200
    assert IDLE - 60 < await valkey.ttl(key) <= IDLE
    await valkey.pexpire(key, 1)
    await asyncio.sleep(0.01)
    assert_problem(await user_client.get(ME), 401, "session_expired")


async def test_no_use_makes_a_session_live_longer_than_it_may(
    user_client: AsyncClient, valkey: Redis, database: Database
) -> None:
    ends = "SELECT DISTINCT expires_at, round(extract(epoch FROM expires_at - created_at))"
    ends += " FROM auth_sessions"
    before = await database.fetch(ends)
    assert before[0][1] == ABSOLUTE
    body = {"current_password": PASSWORD, "new_password": "several quite different words"}
    assert (await user_client.get(ME)).status_code == 200
    assert (await user_client.post(f"{ME}/change-password", json=body)).status_code == 204
    # A renewed session keeps the end of the one that it continues.
    assert await database.fetch(ends) == before
    await database.execute("UPDATE auth_sessions SET expires_at = now()")
    assert_problem(await user_client.get(ME), 401, "session_expired")
    assert await valkey.exists(key_of(user_client))


async def store(valkey: Redis, client: AsyncClient, **changes: object) -> None:
    """Change what Redis holds of a session."""
    stored = json.loads(await valkey.get(key_of(client)) or "")
    await valkey.set(key_of(client), json.dumps(stored | changes), keepttl=True)


async def test_a_use_is_noted_once_a_minute(
    user_client: AsyncClient, valkey: Redis, database: Database, statements: list[str]
) -> None:
    signed_in_at = datetime.now(UTC)
    note = ["SELECT", "UPDATE", "COMMIT"]
    for seconds, expected in ((59, ["SELECT"]), (61, note), (0, ["SELECT"])):
        if seconds:
            noted_at = (signed_in_at - timedelta(seconds=seconds)).isoformat()
            await store(valkey, user_client, noted_at=noted_at)
        statements.clear()
        assert (await user_client.get(ME)).status_code == 200
        assert [statement.split()[0] for statement in statements] == expected
    used = "SELECT last_used_at > $1, last_used_at > created_at FROM auth_sessions"
    assert await database.fetch(used, signed_in_at) == [(True, True)]
    assert IDLE - 60 < await valkey.ttl(key_of(user_client)) <= IDLE


async def test_what_redis_has_lost_signs_nobody_in(
    user: Account, sign_in: SignIn, valkey: Redis, database: Database
) -> None:
    device, other = await sign_in(user), await sign_in(user)
    lost = await valkey.get(key_of(device)) or ""
    await valkey.delete(key_of(device))
    refused = await device.get(ME)
    assert_problem(refused, 401, "session_expired")
    assert refused.headers["www-authenticate"] == CHALLENGE
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == 2
    assert (await other.get(ME)).status_code == 200
    await valkey.set(key_of(device), lost)
    assert (await device.get(ME)).status_code == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"x",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        {"session_id": 1},
        {"user_id": None},
        {"session_id": "x"},
        {"noted_at": "2026-01-01T00:00:00"},
        {"noted_at": 1e300},
        {"noted_at": []},
    ],
    ids=lambda garbage: repr(garbage)[:24],
)
async def test_what_redis_garbles_signs_nobody_in(
    user_client: AsyncClient, valkey: Redis, garbage: bytes | dict[str, object]
) -> None:
    if isinstance(garbage, bytes):
        await valkey.set(key_of(user_client), garbage)
    else:
        await store(valkey, user_client)
        assert (await user_client.get(ME)).status_code == 200
        await store(valkey, user_client, **garbage)
    assert_problem(await user_client.get(ME), 401, "session_expired")


async def test_redis_gives_nobody_the_session_of_another(
    user_client: AsyncClient, admin_client: AsyncClient, valkey: Redis
) -> None:
    other = (await admin_client.get(ME)).json()
    await store(valkey, user_client, user_id=other["id"])
    assert_problem(await user_client.get(ME), 401, "session_expired")
    assert (await admin_client.get(ME)).status_code == 200
