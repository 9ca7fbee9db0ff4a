import asyncio
from typing import Any
from uuid import UUID

import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import services
from app.core.events import AccountLocked, Event, PasswordChanged, PasswordReset
from app.core.security.passwords import PasswordHasher
from tests.fixtures import registration
from tests.fixtures.api import PASSWORD, Account, Api, SignIn, assert_problem, seen
from tests.fixtures.database import Database

ME = "/api/v1/users/me"
LOGIN = "/api/v1/auth/login"
CHANGE_EMAIL = f"{ME}/change-email"
CHANGE_PASSWORD = f"{ME}/change-password"
RESET_PASSWORD = "/api/v1/auth/reset-password"
NEW = "several quite different words"
WRONG = "a wrong password, but a long one"
ADDRESS = "lovelace@example.com"


async def change_password(
    device: AsyncClient, current: str = PASSWORD, new: str = NEW, **options: Any
) -> Response:
    body = {"current_password": current, "new_password": new}
    return await device.post(CHANGE_PASSWORD, json=body, **options)


async def change_email(
    device: AsyncClient, email: str = ADDRESS, password: str = PASSWORD
) -> Response:
    return await device.post(CHANGE_EMAIL, json={"email": email, "password": password})


async def reset_password(client: AsyncClient, token: str, password: str = NEW) -> Response:
    return await client.post(RESET_PASSWORD, json={"token": token, "password": password})


async def make_reset_token(api: Api, login: str) -> str:
    async with api.resources.sessions() as session:
        credentials = await services.credential_service(session, api.resources)
        return await credentials.make_reset_token(login)


async def opens(client: AsyncClient, name: str, password: str) -> bool:
    response = await client.post(LOGIN, json={"username": name, "password": password})
    assert response.status_code in {200, 401}
    return response.status_code == 200


async def statuses(*devices: AsyncClient) -> list[int]:
    return [(await device.get(ME)).status_code for device in devices]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What listeners are told of credentials."""
    events: list[Event] = []

    async def listen(_: AsyncSession, event: Event) -> None:
        if isinstance(event, (AccountLocked, PasswordChanged, PasswordReset)):
            events.append(event)

    monkeypatch.setattr(services, "AUTH_LISTENERS", (listen,))
    return events


async def test_credentials_are_changed_by_who_is_signed_in(client: AsyncClient) -> None:
    assert_problem(await change_password(client), 401, "not_authenticated")
    assert_problem(await change_email(client), 401, "not_authenticated")


async def test_a_new_password_replaces_the_old_one_and_ends_other_sessions(
    client: AsyncClient, user: Account, admin_client: AsyncClient, sign_in: SignIn
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    response = await change_password(here)
    assert (response.status_code, response.content) == (204, b"")
    assert await statuses(here, there, admin_client) == [200, 401, 200]
    assert not await opens(client, user.email, PASSWORD)
    assert await opens(client, user.email, NEW)


async def test_a_wrong_password_changes_nothing(
    client: AsyncClient, user: Account, sign_in: SignIn
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    assert_problem(await change_password(here, WRONG), 403, "wrong_password")
    assert_problem(await change_email(here, password=WRONG), 403, "wrong_password")
    assert (await here.get(ME)).json()["email"] == user.email
    assert await statuses(here, there) == [200, 200]
    assert not await opens(client, user.email, NEW)
    assert await opens(client, user.email, PASSWORD)


async def test_without_a_password_a_sign_in_of_late_confirms_a_change(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    database: Database,
) -> None:
    body = {"new_password": NEW}
    refused = await user_client.post(CHANGE_PASSWORD, json=body)
    assert_problem(refused, 403, "wrong_password")
    await database.execute("UPDATE users SET hashed_password = NULL")
    sign_in = "UPDATE auth_sessions SET created_at = now() - $1 * interval '1 minute'"
    for minutes, status in ((16, 403), (14, 204)):
        await database.execute(sign_in, minutes)
        response = await user_client.post(CHANGE_PASSWORD, json=body)
        assert response.status_code == status, response.text
    assert await opens(client, user.email, NEW)
    await database.execute(sign_in, 0)
    assert_problem(await user_client.post(CHANGE_PASSWORD, json=body), 403, "wrong_password")


@pytest.mark.parametrize("new", ["short", "password1234", "ada@example.com", "x" * 129])
async def test_a_poor_password_is_refused(
    client: AsyncClient, user: Account, user_client: AsyncClient, new: str
) -> None:
    problem = assert_problem(await change_password(user_client, new=new), 422, "validation_error")
    assert problem["errors"] == [IsPartialDict({"in": "body", "pointer": "#/new_password"})]
    assert new not in str(problem)
    assert await opens(client, user.email, PASSWORD)
    assert (await change_password(user_client)).status_code == 204


async def test_guesses_from_a_session_lock_that_session(
    client: AsyncClient, user: Account, sign_in: SignIn, database: Database, heard: list[Event]
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    fixed = {"X-Request-ID": "fixed-request-id"}
    answers = [await change_password(here, WRONG, headers=fixed) for _ in range(4)]
    assert heard == []
    assert_problem(await change_email(here, password=WRONG), 403, "wrong_password")
    user_id = UUID((await here.get(ME)).json()["id"])
    assert heard == [AccountLocked(user.email, user_id)]
    guesses = "SELECT failures FROM login_attempts WHERE failures > 0 AND locked_until > now()"
    # The second that it lasts is too short for what follows.
    wait = "UPDATE login_attempts SET locked_until = locked_until + $1 * interval '1 hour'"
    await database.execute(wait, 1)
    answers += [await change_password(here, guess, headers=fixed) for guess in (WRONG, PASSWORD)]
    assert_problem(answers[-1], 403, "wrong_password")
    assert len(set(map(seen, answers))) == 1
    assert await database.fetch(guesses) == [(5,)]
    assert (await change_email(there)).status_code == registration.CHANGED
    assert await opens(client, "ada", PASSWORD)

    await database.execute(wait, -2)
    assert (await change_password(here)).status_code == 204
    assert await database.fetch("SELECT FROM login_attempts WHERE failures > 0") == []


async def test_of_two_changes_at_once_the_second_knows_an_old_password(
    client: AsyncClient, user: Account, user_client: AsyncClient
) -> None:
    news = [f"{NEW} {n}" for n in range(4)]
    responses = await asyncio.gather(*(change_password(user_client, new=new) for new in news))
    assert sorted(response.status_code for response in responses) == [204, 403, 403, 403]
    worked = [response.status_code == 204 for response in responses]
    assert [await opens(client, user.email, new) for new in news] == worked


@pytest.mark.parametrize("way", ["change", "email", "login"])
async def test_a_password_that_changes_while_it_is_verified_is_an_old_one(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    change = {"current_password": PASSWORD, "new_password": PASSWORD}
    device, path, body = {
        "change": (user_client, CHANGE_PASSWORD, change),
        "email": (user_client, CHANGE_EMAIL, {"email": ADDRESS, "password": PASSWORD}),
        "login": (client, LOGIN, user.credentials),
    }[way]
    verify = PasswordHasher.verify

    async def verify_meanwhile(self: PasswordHasher, *given: Any) -> tuple[bool, str | None]:
        verdict = await verify(self, *given)
        other = await self.hash(NEW)
        await database.execute("UPDATE users SET hashed_password = $1", other)
        return verdict

    assert (await device.post(path, json=body)).is_success
    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", verify_meanwhile)
        response = await device.post(path, json=body)
    expected = (401, "invalid_credentials") if way == "login" else (403, "wrong_password")
    assert_problem(response, *expected)
    assert await opens(client, "ada", NEW)


async def test_a_reset_token_sets_a_password_once_and_signs_nobody_in(
    client: AsyncClient, user: Account, sign_in: SignIn, admin_client: AsyncClient, api: Api
) -> None:
    device = await sign_in(user)
    token = await make_reset_token(api, "ada")
    assert await statuses(device) == [200]
    response = await reset_password(client, token)
    assert (response.status_code, response.content) == (204, b"")
    assert "set-cookie" not in response.headers
    assert await statuses(device, client, admin_client) == [401, 401, 200]
    assert not await opens(client, user.email, PASSWORD)
    assert await opens(client, user.email, NEW)
    assert_problem(await reset_password(client, token, PASSWORD), 401, "token_invalid")
    assert await opens(client, user.email, NEW)


async def test_of_many_who_use_a_reset_token_at_once_one_does(
    client: AsyncClient, user: Account, api: Api
) -> None:
    token = await make_reset_token(api, user.email)
    news = [f"{NEW} {n}" for n in range(4)]
    responses = await asyncio.gather(*(reset_password(client, token, new) for new in news))
    assert sorted(response.status_code for response in responses) == [204, 401, 401, 401]
    worked = [response.status_code == 204 for response in responses]
    assert [await opens(client, user.email, new) for new in news] == worked


@pytest.mark.parametrize(("age", "expected"), [(29, [422, 204]), (31, [401, 401])])
async def test_a_reset_token_is_good_for_half_an_hour(
    client: AsyncClient, user: Account, api: Api, database: Database, age: int, expected: list[int]
) -> None:
    token = await make_reset_token(api, user.email)
    later = "UPDATE account_tokens SET expires_at = expires_at - $1 * interval '1 minute'"
    await database.execute(later, age)
    answers = [await reset_password(client, token, password) for password in ("poor", NEW)]
    assert [answer.status_code for answer in answers] == expected


@pytest.mark.parametrize("event", ["another token", "another password", "no account"])
async def test_a_reset_token_ends_with_what_it_was_made_for(
    client: AsyncClient, user: Account, user_client: AsyncClient, api: Api, event: str
) -> None:
    tokens = [await make_reset_token(api, user.email)]
    if event == "another token":
        tokens.append(await make_reset_token(api, user.email))
    elif event == "another password":
        assert (await change_password(user_client)).status_code == 204
    else:
        assert (await user_client.delete(ME)).status_code == 204
    assert_problem(await reset_password(client, tokens[0], "x"), 401, "token_invalid")
    for newer in tokens[1:]:
        assert (await reset_password(client, newer)).status_code == 204


async def test_a_password_that_is_refused_leaves_the_token(
    client: AsyncClient, user: Account, api: Api, database: Database
) -> None:
    token = await make_reset_token(api, user.email)
    assert token not in str(await database.fetch("SELECT * FROM account_tokens"))
    for other in ("", "x", token[::-1], f"{token} ", "a\x00b", "\u0661"):
        assert_problem(await reset_password(client, other), 401, "token_invalid")
    problem = assert_problem(await reset_password(client, token, "x"), 422, "validation_error")
    assert problem["errors"] == [IsPartialDict({"in": "body", "pointer": "#/password"})]
    assert await opens(client, user.email, PASSWORD)
    assert (await reset_password(client, token)).status_code == 204


async def test_listeners_hear_what_changed(
    client: AsyncClient, user: Account, user_client: AsyncClient, api: Api, heard: list[Event]
) -> None:
    user_id = UUID((await user_client.get(ME)).json()["id"])
    assert_problem(await change_password(user_client, WRONG), 403, "wrong_password")
    assert_problem(await reset_password(client, "x"), 401, "token_invalid")
    assert (await change_password(user_client)).status_code == 204
    await reset_password(client, await make_reset_token(api, user.email), PASSWORD)
    assert heard == [PasswordChanged(user_id), PasswordReset(user_id)]
