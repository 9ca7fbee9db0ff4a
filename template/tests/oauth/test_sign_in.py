"""The end of a sign-in, which is that of every sign-in, whatever it was that proved who it is."""

from contextlib import AsyncExitStack

import pytest
from httpx2 import AsyncClient

from app.core.events import Event, LoginSucceeded, UserRegistered
from tests.fixtures import carrier
from tests.fixtures.api import Account, Api, SignIn, assert_problem
from tests.fixtures.database import Database
from tests.fixtures.identities import EXCHANGE, ME, enter, exchange, link, reach_code
from tests.fixtures.oauth import Person

SESSIONS = "/api/v1/auth/sessions"
CAP = 10


async def test_listeners_hear_of_the_account_its_identity_and_the_session(
    client: AsyncClient, provider: str, events: list[Event], database: Database
) -> None:
    await enter(client, provider)
    [(user_id,)] = await database.fetch("SELECT id FROM users")
    names = [type(event).__name__ for event in events]
    assert names == ["UserRegistered", "IdentityLinked", "LoginSucceeded"]
    assert events[0] == UserRegistered(user_id, verified=True)
    events.clear()
    await enter(client, provider)
    assert [type(event).__name__ for event in events] == ["LoginSucceeded"]


async def test_a_device_stays_known(
    client: AsyncClient, provider: str, events: list[Event]
) -> None:
    known: dict[str, str] = {}
    for expected in (False, True):
        code = await reach_code(client, provider)
        given = carrier.given(await client.post(EXCHANGE, json={"code": code, **known}))
        # Where cookies carry it, no body takes it.
        known = {"device_token": given["device_token"]} if "access_token" in given else {}
        [event] = [event for event in events if isinstance(event, LoginSucceeded)]
        assert event.known_device is expected
        events.clear()


async def test_the_answer_is_that_of_a_sign_in_with_a_password(
    client: AsyncClient, provider: str, user: Account
) -> None:
    by_password = await carrier.log_in(client, user)
    by_provider = carrier.given(await exchange(client, await reach_code(client, provider)))
    assert by_provider.keys() == by_password.keys()


async def test_who_signs_in_as_somebody_else_is_somebody_else(
    user_client: AsyncClient, provider: str, user: Account
) -> None:
    assert (await user_client.get(ME)).json()["email"] == user.email
    assert (await enter(user_client, provider))["email"] == Person().email


async def test_the_list_of_devices_shows_where_it_was(api: Api, provider: str) -> None:
    async with api.client(address="198.51.100.7", headers={"User-Agent": "Engine/1"}) as client:
        await enter(client, provider)
        [shown] = (await client.get(SESSIONS)).json()["items"]
        assert (shown["ip_address"], shown["user_agent"]) == ("198.51.100.7", "Engine/1")
        assert shown["current"]


async def test_one_device_too_many_signs_the_oldest_out(
    api: Api, provider: str, database: Database
) -> None:
    async with AsyncExitStack() as stack:
        devices = [await stack.enter_async_context(api.client()) for _ in range(CAP + 1)]
        for device in devices:
            await enter(device, provider)
        statuses = [(await device.get(ME)).status_code for device in devices]
    assert statuses == [401] + [200] * CAP
    assert await database.count("auth_sessions WHERE revoked_at IS NULL") == CAP


async def test_strangers_who_guess_passwords_keep_nobody_out(
    client: AsyncClient, user: Account, sign_in: SignIn, provider: str, database: Database
) -> None:
    await link(await sign_in(user), provider)
    for _ in range(6):
        await carrier.try_to_sign_in(client, username=user.email, password="wrong")
    await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1 hour'")
    locked = await carrier.try_to_sign_in(client, **user.credentials)
    assert_problem(locked, 401, "invalid_credentials")
    assert (await enter(client, provider))["email"] == user.email
    # Which gives those no further guesses.
    locked = await carrier.try_to_sign_in(client, **user.credentials)
    assert_problem(locked, 401, "invalid_credentials")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET is_active = false",
        "UPDATE users SET deleted_at = now(), email_key = NULL",
        "DELETE FROM users",
    ],
)
async def test_a_code_opens_no_account_that_is_closed_meanwhile(
    client: AsyncClient, provider: str, database: Database, change: str
) -> None:
    codes = [await reach_code(client, provider) for _ in range(2)]
    assert (await exchange(client, codes[0])).status_code == 200
    before = await database.count("auth_sessions")
    await database.execute(change)
    assert_problem(await exchange(client, codes[1]), 401, "token_invalid")
    assert await database.count("auth_sessions") <= before


@pytest.mark.parametrize("code", ["", "x", "x" * 43, "x" * 512, "\x00", "\u20ac"])
async def test_a_code_that_is_made_up_opens_nothing(
    client: AsyncClient, provider: str, code: str
) -> None:
    good = await reach_code(client, provider)
    assert_problem(await exchange(client, code), 401, "token_invalid")
    wrong: tuple[dict[str, object], ...] = (
        {"code": None},
        {"code": [good]},
        {"code": "x" * 513},
        {"code": good, "x": 1},
    )
    for body in wrong:
        refused = await client.post(EXCHANGE, json=body)
        assert_problem(refused, 422, "validation_error")
        assert good not in refused.text
    assert (await exchange(client, good)).status_code == 200
