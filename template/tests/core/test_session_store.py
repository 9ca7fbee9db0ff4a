"""Sessions while Redis is away, and what their settings may be."""

import asyncio

import pytest
from httpx2 import AsyncClient
from redis.asyncio import Redis

from tests.fixtures import registration
from tests.fixtures.api import (
    PASSWORD,
    PRODUCTION,
    Account,
    SignIn,
    assert_problem,
    faults,
    load,
    running,
)
from tests.fixtures.carrier import COOKIE, sign_in
from tests.fixtures.database import Database
from tests.fixtures.links import linked
from tests.fixtures.valkey import away

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
ME = "/api/v1/users/me"
REPLACED = {"current_password": PASSWORD, "new_password": "several quite different words"}
LIVE = "SELECT count(*) FROM auth_sessions WHERE revoked_at IS NULL"
# A budget that no slow run of a test needs, and less than any that it would not keep.
BUDGET = {"REDIS_TIMEOUT": "0.5"}
PATIENCE = 10


@pytest.mark.parametrize("how", ["cut", "held"])
async def test_while_redis_is_away_who_is_signed_in_waits(
    environment: dict[str, str], user: Account, how: str
) -> None:
    async with linked(environment | BUDGET, "REDIS_URL") as (link, client):
        await sign_in(client, **user.credentials)
        cookies = dict(client.cookies)
        for _ in range(2):
            assert (await client.get(ME)).status_code == 200
            async with away(link, how):
                for method, path in (("GET", ME), ("PATCH", ME), ("POST", "/api/v1/auth/logout")):
                    async with asyncio.timeout(PATIENCE):
                        response = await client.request(method, path)
                    assert_problem(response, 503, "service_unavailable")
                    assert int(response.headers["retry-after"]) > 0
                    assert "set-cookie" not in response.headers
        assert (await client.get(ME)).json()["email"] == user.email
        assert dict(client.cookies) == cookies


@pytest.mark.parametrize("how", ["cut", "held"])
async def test_while_redis_is_away_all_else_goes_on(
    environment: dict[str, str], user: Account, database: Database, how: str
) -> None:
    new = {"email": "new@example.com", "password": PASSWORD}
    async with linked(environment | BUDGET, "REDIS_URL") as (link, client):
        async with away(link, how), asyncio.timeout(PATIENCE):
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
            report = (await client.get("/health")).json()
            assert report["status"] == "degraded"
            assert report["checks"] == {"database": "ok", "redis": "unreachable"}
            response = await client.post(REGISTER, json=new)
            assert response.status_code == registration.REGISTERED
            wrong = await client.post(LOGIN, json=user.credentials | {"password": "wrong"})
            assert_problem(wrong, 401, "invalid_credentials")
            login = await client.post(LOGIN, json=user.credentials)
            assert_problem(login, 503, "service_unavailable")
            assert await database.fetch(LIVE) == [(0,)]
        assert (await client.get("/health")).json()["status"] == "healthy"
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
        assert await database.fetch(LIVE) == [(1,)]


async def test_an_answer_that_comes_too_late_is_nobody_elses(
    environment: dict[str, str], user: Account, admin: Account, sign_in: SignIn
) -> None:
    headers = {
        account.email: {"Cookie": f"{COOKIE}={(await sign_in(account)).cookies[COOKIE]}"}
        for account in (user, admin)
    }
    async with linked(environment | BUDGET, "REDIS_URL") as (link, client):

        async def ask(email: str) -> tuple[int, str | None]:
            response = await client.get(ME, headers=headers[email])
            return response.status_code, response.json().get("email")

        both = [user.email, admin.email]
        expected = [(200, email) for email in both]
        assert await asyncio.gather(*map(ask, both)) == expected
        async with away(link, "held"):
            late = await asyncio.gather(*map(ask, both))
            assert {status for status, _ in late} == {503}
        for _ in range(5):
            assert await asyncio.gather(*map(ask, both[::-1])) == expected[::-1]


async def test_connections_that_redis_ended_are_replaced(
    user_client: AsyncClient, valkey: Redis
) -> None:
    for _ in range(2):
        assert (await user_client.get(ME)).status_code == 200
        assert await valkey.client_kill_filter(_type="normal", skipme=True) > 0


async def test_nobody_waits_long_for_a_connection(
    environment: dict[str, str], user: Account
) -> None:
    settings = load(environment | BUDGET | {"REDIS_MAX_CONNECTIONS": "1"})
    async with running(settings) as api, api.client() as client:
        await sign_in(client, **user.credentials)
        blocked = api.resources.redis.commands.blpop(["nothing"], timeout=0)
        waiting = asyncio.ensure_future(blocked)
        await asyncio.sleep(0.1)
        async with asyncio.timeout(PATIENCE):
            assert_problem(await client.get(ME), 503, "service_unavailable")
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert (await client.get(ME)).status_code == 200


async def test_a_session_that_redis_has_no_room_for_does_not_begin(
    client: AsyncClient, user: Account, user_client: AsyncClient, valkey: Redis, database: Database
) -> None:
    renewal = f"{ME}/change-password", REPLACED
    await valkey.config_set("maxmemory", 1)
    try:
        for someone, (path, body) in ((client, (LOGIN, user.credentials)), (user_client, renewal)):
            refused = await someone.post(path, json=body)
            assert_problem(refused, 503, "service_unavailable")
            assert "set-cookie" not in refused.headers
    finally:
        await valkey.config_set("maxmemory", 0)
    assert await database.fetch(LIVE) == [(1,)]
    assert (await user_client.get(ME)).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"), [("change-password", REPLACED), *registration.RENEWALS.items()]
)
async def test_what_redis_has_no_room_for_changes_nothing(
    user_client: AsyncClient, valkey: Redis, database: Database, path: str, body: dict[str, str]
) -> None:
    account = "SELECT email, hashed_password FROM users"
    before = await database.fetch(account)
    await valkey.config_set("maxmemory", 1)
    try:
        refused = await user_client.post(f"{ME}/{path}", json=body)
    finally:
        await valkey.config_set("maxmemory", 0)
    assert_problem(refused, 503, "service_unavailable")
    assert await database.fetch(account) == before
    assert (await user_client.post(f"{ME}/{path}", json=body)).is_success
    assert await database.fetch(account) != before


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SESSION_IDLE_LIFETIME", "0"),
        ("SESSION_ABSOLUTE_LIFETIME", "forever"),
        ("SESSION_SAME_SITE", "never"),
        ("REDIS_TIMEOUT", "0"),
        ("REDIS_MAX_CONNECTIONS", "0"),
        ("REDIS_URL", "http://:hunter2hunter2@redis.internal:6379/0"),
        ("REDIS_URL", "hunter2hunter2"),
        ("REDIS_URL", "redis:///0"),
    ],
)
def test_settings_that_would_not_work_are_refused_by_name(variable: str, value: str) -> None:
    [fault] = faults(PRODUCTION | {variable: value})
    assert fault.startswith(f"{variable}:")
    assert "hunter2" not in fault
    assert load(PRODUCTION).redis.url.get_secret_value() == PRODUCTION["REDIS_URL"]


def test_redis_is_not_a_choice() -> None:
    assert faults(PRODUCTION | {"REDIS_URL": ""}) == ["REDIS_URL is missing."]
