"""Setting a second factor up, and taking it off."""

from typing import Any
from xml.etree import ElementTree as ET

import pyotp
import pytest
from dirty_equals import IsPartialDict
from httpx2 import AsyncClient, Response

from app.core.config.app import TITLE
from app.core.events import AccountLocked, Event
from app.core.mfa import MfaDisabled
from tests.fixtures import carrier
from tests.fixtures.api import PASSWORD, Account, SignIn, assert_problem
from tests.fixtures.database import Database
from tests.fixtures.second_factor import (
    CONFIRM,
    MFA,
    RECOVERY_CODES,
    TOTP,
    Factor,
    begin,
    challenge,
    disable,
    enrol,
    renew,
    wait,
)

ME = "/api/v1/users/me"
WRONG = "a wrong password, but a long one"


async def status(client: AsyncClient) -> tuple[bool, int]:
    found = (await client.get(MFA)).json()
    return found["enabled"], found["recovery_codes_left"]


async def confirm(client: AsyncClient, secret: str) -> Response:
    return await client.post(CONFIRM, json={"code": Factor(secret, []).code()})


async def test_a_second_factor_is_set_up_by_who_is_signed_in(
    client: AsyncClient, user_client: AsyncClient
) -> None:
    for answer in (
        await client.get(MFA),
        await client.post(TOTP, json={"password": PASSWORD}),
        await client.post(CONFIRM, json={"code": "123456"}),
        await disable(client, "123456"),
        await renew(client, "123456"),
    ):
        assert_problem(answer, 401, "not_authenticated")
    assert await status(user_client) == (False, 0)


async def test_nothing_changes_before_the_app_has_shown_a_code(
    client: AsyncClient, user: Account, user_client: AsyncClient, sign_in: SignIn
) -> None:
    other = await sign_in(user)
    enrolment = await begin(user_client)
    assert await status(user_client) == (False, 0)
    await carrier.log_in(client, user)
    wrong = Factor(enrolment["secret"], []).wrong_code
    answer = await user_client.post(CONFIRM, json={"code": wrong})
    assert_problem(answer, 403, "wrong_code")
    assert await status(user_client) == (False, 0)
    assert (await other.get(ME)).status_code == 200
    assert (await confirm(user_client, enrolment["secret"])).status_code == 200


async def test_the_secret_is_shown_to_type_to_read_and_to_scan(
    user: Account, user_client: AsyncClient
) -> None:
    enrolment = await begin(user_client)
    read = pyotp.parse_uri(enrolment["otpauth_uri"])
    assert (read.secret, read.name) == (enrolment["secret"], user.email)
    assert read.issuer == TITLE.replace(":", " ")
    assert ET.fromstring(enrolment["qr_svg"]).tag == "{http://www.w3.org/2000/svg}svg"


async def test_the_first_code_turns_it_on_and_signs_out_other_devices(
    client: AsyncClient, user: Account, sign_in: SignIn, admin_client: AsyncClient
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    factor = await enrol(here)
    assert len(set(factor.recovery_codes)) == 10
    assert [(await device.get(ME)).status_code for device in (here, there, admin_client)] == [
        200,
        401,
        200,
    ]
    assert await status(here) == (True, 10)
    assert await status(admin_client) == (False, 0)
    await challenge(client, user)
    answer = await here.post(TOTP, json={"password": PASSWORD})
    assert_problem(answer, 409, "mfa_enabled")


async def test_a_newer_secret_takes_the_place_of_one_that_was_not_confirmed(
    user_client: AsyncClient,
) -> None:
    old, new = (await begin(user_client))["secret"], (await begin(user_client))["secret"]
    assert old != new
    assert_problem(await confirm(user_client, old), 403, "wrong_code")
    assert (await confirm(user_client, new)).status_code == 200


async def test_a_secret_waits_a_quarter_of_an_hour(
    user_client: AsyncClient, database: Database
) -> None:
    secret = (await begin(user_client))["secret"]
    age = "UPDATE mfa_totp SET created_at = now() - $1 * interval '1 minute'"
    await database.execute(age, 16)
    assert_problem(await confirm(user_client, secret), 409, "mfa_not_enabled")
    await database.execute(age, 14)
    assert (await confirm(user_client, secret)).status_code == 200


async def test_it_takes_the_password_which_is_not_guessed_here_either(
    user_client: AsyncClient, database: Database
) -> None:
    for _ in range(5):
        answer = await user_client.post(TOTP, json={"password": WRONG})
        assert_problem(answer, 403, "wrong_password")
    await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1 hour'")
    answer = await user_client.post(TOTP, json={"password": PASSWORD})
    assert_problem(answer, 403, "wrong_password")
    assert await database.count("mfa_totp") == 0
    await database.execute("UPDATE login_attempts SET locked_until = NULL")
    await begin(user_client)


async def test_without_a_password_it_takes_a_sign_in_of_late(
    user_client: AsyncClient, database: Database
) -> None:
    assert_problem(await user_client.post(TOTP, json={}), 403, "wrong_password")
    await database.execute("UPDATE users SET hashed_password = NULL")
    age = "UPDATE auth_sessions SET created_at = now() - $1 * interval '1 minute'"
    await database.execute(age, 16)
    assert_problem(await user_client.post(TOTP, json={}), 403, "recent_login_required")
    await database.execute(age, 14)
    assert (await user_client.post(TOTP, json={})).status_code == 200


@pytest.mark.parametrize("by", ["app", "recovery"])
async def test_it_is_turned_off_with_a_code_of_either_kind(
    client: AsyncClient, user: Account, user_client: AsyncClient, factor: Factor, by: str
) -> None:
    assert_problem(await disable(user_client, factor.wrong_code), 403, "wrong_code")
    await challenge(client, user)
    code = factor.code() if by == "app" else factor.recovery_codes[0]
    answer = await disable(user_client, code)
    assert (answer.status_code, answer.content) == (204, b"")
    assert await status(user_client) == (False, 0)
    await carrier.log_in(client, user)


async def test_nothing_is_left_of_it(
    client: AsyncClient, user: Account, user_client: AsyncClient, factor: Factor, database: Database
) -> None:
    await challenge(client, user)
    tables = ("mfa_totp", "mfa_recovery_codes", "mfa_challenges")
    assert [await database.count(table) for table in tables] == [1, 10, 1]
    assert (await disable(user_client, factor.code())).status_code == 204
    assert [await database.count(table) for table in tables] == [0, 0, 0]
    assert_problem(await disable(user_client, factor.next_code), 409, "mfa_not_enabled")


async def test_guesses_from_a_session_lock_that_session(
    user: Account,
    user_client: AsyncClient,
    factor: Factor,
    database: Database,
    events: list[Event],
) -> None:
    act = (disable, renew, disable, renew, disable)
    for guess in act:
        assert_problem(await guess(user_client, factor.wrong_code), 403, "wrong_code")
    told = [type(event).__name__ for event in events]
    assert told == [*["MfaFailed"] * 4, "AccountLocked", "MfaFailed"]
    assert [event.account for event in events if isinstance(event, AccountLocked)] == [user.email]
    await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1 hour'")
    assert_problem(await disable(user_client, factor.code()), 403, "wrong_code")
    await database.execute("UPDATE login_attempts SET locked_until = NULL")
    assert (await disable(user_client, factor.code())).status_code == 204


async def test_new_recovery_codes_void_the_old_ones_and_take_the_app(
    user_client: AsyncClient, factor: Factor, database: Database
) -> None:
    assert_problem(await renew(user_client, factor.recovery_codes[0]), 403, "wrong_code")
    answer = await renew(user_client, factor.code())
    assert answer.status_code == 200
    renewed = answer.json()["recovery_codes"]
    assert len({*renewed, *factor.recovery_codes}) == 20
    assert await status(user_client) == (True, 10)
    assert_problem(await disable(user_client, factor.recovery_codes[0]), 403, "wrong_code")
    assert (await disable(user_client, renewed[0])).status_code == 204


async def test_an_admin_takes_it_off_another_account_only(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    factor: Factor,
    events: list[Event],
) -> None:
    ids = [(await someone.get(ME)).json()["id"] for someone in (user_client, admin_client)]
    ada, root = (f"/api/v1/users/{user_id}/mfa" for user_id in ids)
    await enrol(admin_client)
    assert_problem(await client.delete(ada), 401, "not_authenticated")
    assert_problem(await user_client.delete(ada), 403, "forbidden")
    assert_problem(await user_client.delete(root), 403, "forbidden")
    assert_problem(await admin_client.delete(root), 403, "forbidden")
    assert await status(admin_client) == (True, 10)
    assert await status(user_client) == (True, 10)

    events.clear()
    for _ in range(2):
        assert (await admin_client.delete(ada)).status_code == 204
    assert [(type(event), str(getattr(event, "actor_id", ""))) for event in events] == [
        (MfaDisabled, ids[1])
    ]
    assert await status(user_client) == (False, 0)
    await carrier.log_in(client, user)


@pytest.mark.parametrize("code", ["", " ", "x" * 65, "\x00", 123456, None, ["123456"]])
async def test_what_is_no_code_is_refused(
    user_client: AsyncClient, factor: Factor, code: Any
) -> None:
    for method, path in (("POST", CONFIRM), ("DELETE", TOTP), ("POST", RECOVERY_CODES)):
        answer = await user_client.request(method, path, json={"code": code})
        problem = assert_problem(answer, 422, "validation_error")
        assert problem["errors"] == [IsPartialDict({"in": "body", "pointer": "#/code"})]


async def test_codes_that_were_used_are_so_for_ever(
    user_client: AsyncClient, factor: Factor, database: Database
) -> None:
    first, second = factor.code(), factor.next_code
    assert (await renew(user_client, second)).status_code == 200
    assert_problem(await renew(user_client, first), 403, "wrong_code")
    await wait(database)
    assert (await renew(user_client, first)).status_code == 200
