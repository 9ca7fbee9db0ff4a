"""Sessions in cookies: how they begin, go on under another id, and end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.cookies import Morsel, SimpleCookie

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient, Response
from redis.asyncio import Redis

from tests.fixtures import registration
from tests.fixtures.api import PASSWORD, Account, Api, SignIn, assert_problem, load, running
from tests.fixtures.carrier import COOKIE, key_of, session_token, show
from tests.fixtures.database import Database

CSRF = "/api/v1/auth/csrf"
LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
SESSIONS = "/api/v1/auth/sessions"
USERS = "/api/v1/users"
ME = f"{USERS}/me"
NEW = "several quite different words"
REPLACED = {"current_password": PASSWORD, "new_password": NEW}
IDLE, ABSOLUTE = 12 * 3600, 7 * 24 * 3600


def cookies_of(response: Response) -> dict[str, Morsel[str]]:
    jar = SimpleCookie("\n".join(response.headers.get_list("set-cookie")))
    return dict(jar)


@asynccontextmanager
async def signed_in(
    environment: dict[str, str], account: Account, **changes: str
) -> AsyncIterator[tuple[AsyncClient, dict[str, Morsel[str]]]]:
    """Sign in to an application with other settings; give the cookies that it has set."""
    async with running(load(environment | changes)) as api, api.client() as client:
        response = await client.post(LOGIN, json=account.credentials)
        assert response.status_code == 200, response.text
        yield client, cookies_of(response)


@pytest.mark.parametrize("kind", ["test", "staging", "production", "development"])
async def test_cookies_have_the_names_and_attributes_that_protect_them(
    environment: dict[str, str], user: Account, kind: str
) -> None:
    guarded = kind != "development"
    name = COOKIE if guarded else COOKIE.removeprefix("__Host-")
    changes = {"APP_ENVIRONMENT": kind, **registration.PRODUCTION}
    async with signed_in(environment, user, **changes) as (client, cookies):
        assert (await client.get(ME)).json()["email"] == user.email
    lifetimes = {name: str(ABSOLUTE), f"{name}-device": str(180 * 24 * 3600), f"{name}-csrf": ""}
    assert {key: cookie["max-age"] for key, cookie in cookies.items()} == lifetimes
    for key, cookie in cookies.items():
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "lax")
        assert bool(cookie["secure"]) is guarded
        # Scripts of the front end send this one back as a header.
        assert bool(cookie["httponly"]) is not key.endswith("-csrf")


async def test_settings_decide_on_lifetimes_and_other_sites(
    environment: dict[str, str], user: Account, valkey: Redis, database: Database
) -> None:
    changes = {
        "SESSION_IDLE_LIFETIME": "100",
        "SESSION_ABSOLUTE_LIFETIME": "1000",
        "SESSION_SAME_SITE": "strict",
    }
    async with signed_in(environment, user, **changes) as (client, cookies):
        assert {cookie["samesite"] for cookie in cookies.values()} == {"strict"}
        assert cookies[COOKIE]["max-age"] == "1000"
        assert 90 < await valkey.ttl(key_of(client)) <= 100
    lifetime = "SELECT round(extract(epoch FROM expires_at - created_at)) FROM auth_sessions"
    assert await database.fetch(lifetime) == [(1000,)]


async def test_every_sign_in_has_an_id_of_its_own_and_ends_the_last_one(
    client: AsyncClient, api: Api, user: Account, admin: Account, database: Database
) -> None:
    await client.get(CSRF)
    tokens = [session_token(client)]
    for account in (user, user, admin):
        assert (await client.post(LOGIN, json=account.credentials)).status_code == 200
        tokens.append(session_token(client))
        assert (await show(api, tokens[-1])).json()["email"] == account.email
    assert len(set(tokens)) == 4
    assert tokens[0].startswith("anonymous.")
    answers = [await show(api, token) for token in tokens]
    codes = ["not_authenticated", "session_expired", "session_expired", None]
    assert [answer.json().get("code") for answer in answers] == codes
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == 1


@pytest.mark.parametrize("planted", ["anonymous.chosen", "chosen"])
async def test_an_id_that_was_planted_is_not_signed_in(
    api: Api, user: Account, planted: str
) -> None:
    async with api.client() as client:
        client.cookies.set(COOKIE, planted, domain="localhost.local")
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
        assert planted not in session_token(client)
        assert (await client.get(ME)).status_code == 200
    assert (await show(api, planted)).status_code == 401


Act = Callable[[AsyncClient, AsyncClient, str, str], Awaitable[Response]]


def renewing(path: str, body: dict[str, str]) -> Act:
    return lambda device, _, __, ___: device.post(f"{ME}/{path}", json=body)


# What the device, or an admin, does to the device's session of a user.
ENDINGS: dict[str, Act] = {
    "logout": lambda device, _, __, ___: device.post(LOGOUT),
    "logout-all": lambda device, _, __, ___: device.post(f"{LOGOUT}-all"),
    "revoked": lambda device, _, __, session: device.delete(f"{SESSIONS}/{session}"),
    "password": renewing("change-password", REPLACED),
    **{path: renewing(path, body) for path, body in registration.RENEWALS.items()},
    "closed": lambda device, _, __, ___: device.delete(ME),
    "role": lambda _, admin, user, __: admin.patch(f"{USERS}/{user}", json={"role": "admin"}),
    "off": lambda _, admin, user, __: admin.patch(f"{USERS}/{user}", json={"is_active": False}),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_session_that_has_ended_does_not_come_back_with_a_dump(
    api: Api, user_client: AsyncClient, admin_client: AsyncClient, valkey: Redis, ending: str
) -> None:
    key, token = key_of(user_client), session_token(user_client)
    dump = await valkey.dump(key) or b""
    [session] = (await user_client.get(SESSIONS)).json()["items"]
    await valkey.restore(key, 0, dump, replace=True)
    user = (await user_client.get(ME)).json()["id"]
    assert (await show(api, token)).status_code == 200
    done = await ENDINGS[ending](user_client, admin_client, user, session["id"])
    assert done.is_success, done.text
    for _ in range(2):
        assert_problem(await show(api, token), 401, "session_expired")
        await valkey.restore(key, 0, dump, replace=True)
    assert (await admin_client.get(ME)).status_code == 200


async def test_signing_out_takes_the_cookies_and_leaves_the_device_known(
    user_client: AsyncClient, valkey: Redis
) -> None:
    key, device = key_of(user_client), user_client.cookies[f"{COOKIE}-device"]
    response = await user_client.post(LOGOUT)
    cookies = cookies_of(response)
    assert {name: cookie["max-age"] for name, cookie in cookies.items()} == {
        COOKIE: "0",
        f"{COOKIE}-csrf": "0",
    }
    assert user_client.cookies[f"{COOKIE}-device"] == device
    assert not await valkey.exists(key)
    assert_problem(await user_client.get(ME), 401, "not_authenticated")
    refused = await user_client.post(LOGOUT)
    assert_problem(refused, 401, "not_authenticated")


@pytest.mark.parametrize(
    ("path", "body"), [("change-password", REPLACED), *registration.RENEWALS.items()]
)
async def test_a_change_of_credentials_renews_the_session(
    user: Account, api: Api, sign_in: SignIn, valkey: Redis, path: str, body: dict[str, str]
) -> None:
    device, other = await sign_in(user), await sign_in(user)
    old, key, csrf = session_token(device), key_of(device), device.cookies[f"{COOKIE}-csrf"]
    [before] = [row for row in (await device.get(SESSIONS)).json()["items"] if row["current"]]
    assert (await device.post(f"{ME}/{path}", json=body)).is_success
    assert old != session_token(device)
    assert csrf != device.cookies[f"{COOKIE}-csrf"]
    assert_problem(await show(api, old), 401, "session_expired")
    assert not await valkey.exists(key)
    assert (await device.patch(ME, json={"full_name": "Ada"})).status_code == 200
    rows = (await device.get(SESSIONS)).json()["items"]
    [after] = [row for row in rows if row["current"]]
    same = {"created_at", "expires_at", "ip_address", "user_agent"}
    assert after == IsPartialDict({name: before[name] for name in same})
    assert len(rows) == (1 if path == "change-password" else 2)
    assert (await other.get(ME)).status_code == (401 if path == "change-password" else 200)


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        # The password that it names is an old one by then.
        ("change-password", REPLACED, 403),
        *((path, body, 401) for path, body in registration.RENEWALS.items()),
    ],
)
async def test_of_two_renewals_at_once_one_goes_on(
    user_client: AsyncClient,
    api: Api,
    database: Database,
    path: str,
    body: dict[str, str],
    refused: int,
) -> None:
    token, csrf = session_token(user_client), user_client.cookies[f"{COOKIE}-csrf"]
    headers = {"Cookie": f"{COOKIE}={token}; {COOKIE}-csrf={csrf}", "X-CSRF-Token": csrf}
    async with api.client(headers=headers) as client:
        answers = await asyncio.gather(
            *(client.post(f"{ME}/{path}", json=body, headers=headers) for _ in range(4))
        )
    assert sum(answer.is_success for answer in answers) == 1
    assert [answer.status_code for answer in answers].count(refused) == 3
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == 1


async def test_a_new_role_begins_with_a_new_sign_in(
    user: Account, user_client: AsyncClient, admin_client: AsyncClient, sign_in: SignIn
) -> None:
    path = f"{USERS}/{(await user_client.get(ME)).json()['id']}"
    names = {"full_name": "Ada", "role": "user"}
    assert (await admin_client.patch(path, json=names)).status_code == 200
    assert (await user_client.get(ME)).json()["full_name"] == "Ada"
    assert (await admin_client.patch(path, json={"role": "admin"})).status_code == 200
    assert_problem(await user_client.get(ME), 401, "session_expired")
    assert (await (await sign_in(user)).get(USERS)).status_code == 200
