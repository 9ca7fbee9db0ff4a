import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient

from app.api.dependencies import services
from app.core.events import Event, LoggedOut, SessionRevoked, SessionsRevoked
from app.services.cleanup import CleanupService
from tests.fixtures.api import Account, Api, SignIn, assert_problem, load, running
from tests.fixtures.carrier import log_in
from tests.fixtures.database import Database

ME = "/api/v1/users/me"
SESSIONS = "/api/v1/auth/sessions"
LOGOUT = "/api/v1/auth/logout"
LOGOUT_ALL = "/api/v1/auth/logout-all"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"
LIVE = "SELECT count(*) FROM auth_sessions WHERE revoked_at IS NULL AND expires_at > now()"


async def is_signed_in(client: AsyncClient) -> bool:
    response = await client.get(ME)
    assert response.status_code in {200, 401}
    return response.status_code == 200


async def list_sessions(client: AsyncClient, **params: int) -> list[dict[str, Any]]:
    response = await client.get(SESSIONS, params=params)
    assert response.status_code == 200
    items: list[dict[str, Any]] = response.json()["items"]
    return items


async def current_id(client: AsyncClient) -> str:
    [current] = [row["id"] for row in await list_sessions(client) if row["current"]]
    return str(current)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", LOGOUT),
        ("POST", LOGOUT_ALL),
        ("GET", SESSIONS),
        ("DELETE", f"{SESSIONS}/{SOME_ID}"),
    ],
)
async def test_sessions_are_for_who_is_signed_in(
    client: AsyncClient, method: str, path: str
) -> None:
    assert_problem(await client.request(method, path), 401, "not_authenticated")


async def test_logout_ends_this_device_at_once(user: Account, sign_in: SignIn) -> None:
    here, there = await sign_in(user), await sign_in(user)
    response = await here.post(LOGOUT)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["cache-control"] == "no-store"
    assert [await is_signed_in(device) for device in (here, there)] == [False, True]
    assert (await here.post(LOGOUT)).status_code == 401
    assert len(await list_sessions(there)) == 1
    assert await is_signed_in(await sign_in(user))


async def test_logout_all_ends_every_device_of_the_user_alone(
    user: Account, admin_client: AsyncClient, sign_in: SignIn
) -> None:
    devices = [await sign_in(user) for _ in range(3)]
    assert [await is_signed_in(device) for device in devices] == [True] * 3
    assert (await devices[1].post(LOGOUT_ALL)).status_code == 204
    assert [await is_signed_in(device) for device in devices] == [False] * 3
    assert await is_signed_in(admin_client)
    assert len(await list_sessions(await sign_in(user))) == 1


async def test_a_session_that_ended_has_ended_for_every_process(
    user: Account, sign_in: SignIn, environment: dict[str, str]
) -> None:
    device = await sign_in(user)
    async with running(load(environment)) as other, other.client() as client:
        client.headers, client.cookies = device.headers, device.cookies
        assert await is_signed_in(client)
        assert (await device.post(LOGOUT)).status_code == 204
        assert not await is_signed_in(client)


async def test_the_list_shows_where_a_device_is_and_which_one_asks(
    user: Account, api: Api, user_client: AsyncClient, admin_client: AsyncClient
) -> None:
    async with api.client(address="203.0.113.9", headers={"User-Agent": "a browser"}) as client:
        await log_in(client, user)
    there, here = await list_sessions(user_client)
    assert there == IsPartialDict(ip_address="203.0.113.9", user_agent="a browser", current=False)
    assert here == IsPartialDict(ip_address="127.0.0.1", current=True)
    assert here["user_agent"].startswith("python-httpx")
    assert set(here) == {
        "id",
        "created_at",
        "last_used_at",
        "expires_at",
        "ip_address",
        "user_agent",
        "current",
    }
    assert here["created_at"] <= here["last_used_at"] < here["expires_at"]


async def test_the_list_is_paged_and_begins_with_the_device_that_was_used_last(
    user: Account, sign_in: SignIn, database: Database
) -> None:
    devices = [await sign_in(user) for _ in range(3)]
    ids = [await current_id(device) for device in devices]
    assert [row["id"] for row in await list_sessions(devices[0])] == ids[::-1]
    used = "UPDATE auth_sessions SET last_used_at = now() + interval '1 minute' WHERE id = $1"
    await database.execute(used, UUID(ids[1]))
    order = [ids[1], ids[2], ids[0]]
    assert [row["id"] for row in await list_sessions(devices[0])] == order
    for page in (1, 2):
        response = await devices[0].get(SESSIONS, params={"page": page, "page_size": 2})
        body = response.json()
        assert body == IsPartialDict(total=3, page=page, page_size=2, pages=2)
        assert [row["id"] for row in body["items"]] == order[2 * page - 2 : 2 * page]
    refused = await devices[0].get(SESSIONS, params={"page_size": 101})
    assert_problem(refused, 422, "validation_error")


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_what_has_ended_is_not_listed(
    user: Account, sign_in: SignIn, database: Database, column: str
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    gone = await current_id(there)
    assert len(await list_sessions(here)) == 2
    await database.execute(f"UPDATE auth_sessions SET {column} = now() WHERE id = $1", UUID(gone))
    assert [row["id"] for row in await list_sessions(here)] == [await current_id(here)]
    assert_problem(await here.delete(f"{SESSIONS}/{gone}"), 404, "not_found")


async def test_a_device_is_signed_out_from_another_once(user: Account, sign_in: SignIn) -> None:
    here, there = await sign_in(user), await sign_in(user)
    path = f"{SESSIONS}/{await current_id(there)}"
    assert (await here.delete(path)).status_code == 204
    assert [await is_signed_in(device) for device in (here, there)] == [True, False]
    assert_problem(await here.delete(path), 404, "not_found")
    # The one that asks is one of them.
    assert (await here.delete(f"{SESSIONS}/{await current_id(here)}")).status_code == 204
    assert not await is_signed_in(here)


async def test_of_two_who_sign_a_device_out_at_once_one_does(
    user: Account, sign_in: SignIn
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    path = f"{SESSIONS}/{await current_id(there)}"
    responses = await asyncio.gather(*(here.delete(path) for _ in range(6)))
    assert sorted(response.status_code for response in responses) == [204] + [404] * 5


async def test_the_devices_of_others_are_unknown(
    user_client: AsyncClient, admin_client: AsyncClient
) -> None:
    mine = await current_id(user_client)
    # An admin is no exception.
    assert_problem(await admin_client.delete(f"{SESSIONS}/{mine}"), 404, "not_found")
    assert_problem(await admin_client.delete(f"{SESSIONS}/{SOME_ID}"), 404, "not_found")
    assert_problem(await admin_client.delete(f"{SESSIONS}/1"), 422, "validation_error")
    assert [row["current"] for row in await list_sessions(admin_client)] == [True]
    assert await is_signed_in(user_client)
    assert (await user_client.delete(f"{SESSIONS}/{mine}")).status_code == 204


async def test_of_eleven_devices_the_oldest_is_signed_out(
    user: Account, admin_client: AsyncClient, sign_in: SignIn
) -> None:
    devices = [await sign_in(user) for _ in range(10)]
    assert await is_signed_in(devices[0])
    devices.append(await sign_in(user))
    assert [await is_signed_in(device) for device in devices] == [False] + [True] * 10
    assert len(await list_sessions(devices[-1])) == 10
    assert await is_signed_in(admin_client)


@pytest.fixture
async def two_each(environment: dict[str, str], database: Database) -> AsyncIterator[Api]:
    """An application that lets each user have two devices."""
    async with running(load(environment | {"APP_SESSIONS_PER_USER": "2"})) as api:
        yield api


async def test_parallel_logins_stay_below_the_limit(
    user: Account, admin: Account, two_each: Api, database: Database
) -> None:
    async with two_each.client() as client:
        # Known devices, since the others wait for the counter that they share.
        known = [(await log_in(client, user))["device_token"] for _ in range(6)]
        await asyncio.gather(*(log_in(client, user, device=token) for token in known))
        assert await database.fetch(LIVE) == [(2,)]
        assert await database.count("auth_sessions") == 12
        await log_in(client, admin)
    assert await database.fetch(LIVE) == [(3,)]


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
async def test_what_has_ended_takes_no_place(
    user: Account, two_each: Api, database: Database, column: str
) -> None:
    newest = "(SELECT id FROM auth_sessions ORDER BY id DESC LIMIT 1)"
    async with two_each.client() as client:
        for _ in range(2):
            await log_in(client, user)
        await database.execute(f"UPDATE auth_sessions SET {column} = now() WHERE id = {newest}")
        assert await database.fetch(LIVE) == [(1,)]
        await log_in(client, user)
        assert await database.fetch(LIVE) == [(2,)]


async def purge(api: Api) -> int:
    async with api.resources.sessions() as session:
        return await CleanupService(session, api.resources.settings).purge()


async def test_cleaning_up_removes_what_has_expired_and_nothing_else(
    user: Account, admin: Account, sign_in: SignIn, api: Api, database: Database
) -> None:
    kept, revoked, expired = [await sign_in(user) for _ in range(3)]
    ids = {"revoked": await current_id(revoked), "expired": await current_id(expired)}
    await revoked.post(LOGOUT)
    for account in (user, admin):
        async with api.resources.sessions() as session:
            credentials = await services.credential_service(session, api.resources)
            await credentials.make_reset_token(account.email)
    assert await purge(api) == 0

    end = "UPDATE auth_sessions SET expires_at = now() WHERE id = $1"
    await database.execute(end, UUID(ids["expired"]))
    mine = "(SELECT id FROM users WHERE email = $1)"
    end = f"UPDATE account_tokens SET expires_at = now() WHERE user_id = {mine}"
    await database.execute(end, user.email)
    assert await purge(api) == 2
    assert await database.count("account_tokens") == 1
    left = {str(key) for (key,) in await database.fetch("SELECT id FROM auth_sessions")}
    assert left == {ids["revoked"], await current_id(kept)}
    assert await purge(api) == 0


@pytest.mark.parametrize(
    ("device", "age", "goes"),
    [
        ("", timedelta(hours=23), False),
        ("", timedelta(hours=25), True),
        ("known", timedelta(days=179), False),
        ("known", timedelta(days=181), True),
    ],
)
async def test_cleaning_up_removes_counters_that_no_longer_matter(
    api: Api, database: Database, device: str, age: timedelta, goes: bool
) -> None:
    row = "gen_random_uuid(), 'account', $1, 3, now() - $2::interval"
    columns = "id, account, device, failures, last_attempt_at"
    await database.execute(f"INSERT INTO login_attempts ({columns}) VALUES ({row})", device, age)
    assert await purge(api) == int(goes)
    assert await database.count("login_attempts") == int(not goes)


async def test_listeners_hear_how_a_session_ended(
    user: Account, sign_in: SignIn, database: Database, events: list[Event]
) -> None:
    first, second, third = [await sign_in(user) for _ in range(3)]
    ids = [UUID(await current_id(device)) for device in (first, second)]
    [(user_id,)] = await database.fetch("SELECT id FROM users")
    events.clear()
    await first.post(LOGOUT)
    for _ in range(2):
        await third.delete(f"{SESSIONS}/{ids[1]}")
    await third.post(LOGOUT_ALL)
    revoked = SessionRevoked(user_id, ids[1])
    assert events == [LoggedOut(user_id, ids[0]), revoked, SessionsRevoked(user_id)]
