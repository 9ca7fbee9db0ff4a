"""Addresses that are verified, and passwords that are forgotten."""

import pytest
from dirty_equals import IsDatetime
from httpx2 import AsyncClient

from app.core.account_recovery import Mail
from tests.fixtures import carrier
from tests.fixtures.account_recovery import (
    FORGOT,
    ME,
    NEW_EMAIL,
    NEW_PASSWORD,
    REGISTER,
    RESEND,
    about,
    ask,
    link_in,
    log_in,
    register,
    reset,
    verify,
    wait,
)
from tests.fixtures.api import PASSWORD, Account, Run, SignIn, assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.email import Deliver, token_in

ADA = "ada@example.com"
FRONTEND = "https://app.example.com"
COOLDOWN = 60
NO_MAIL: list[tuple[str, Mail]] = []


async def test_who_registers_verifies_the_address_and_signs_in(
    client: AsyncClient, deliver: Deliver, sign_in: SignIn
) -> None:
    response = await register(client, "Ada@Example.com", full_name="Ada Lovelace")
    assert response.status_code == 202
    assert set(response.json()) == {"detail"}
    [mail] = await deliver()
    assert about([mail]) == [("Ada@example.com", Mail.VERIFY_EMAIL)]
    token = token_in(mail)
    assert link_in(mail) == f"{FRONTEND}/verify-email#token={token}"

    response = await verify(client, token)
    assert (response.status_code, response.content) == (204, b"")
    assert "set-cookie" not in response.headers
    me = (await (await sign_in(Account(ADA))).get(ME)).json()
    assert (me["email"], me["full_name"]) == ("Ada@example.com", "Ada Lovelace")
    assert me["email_verified_at"] == IsDatetime(iso_string=True)
    assert_problem(await verify(client, token), 401, "token_invalid")


async def test_before_that_a_sign_in_has_the_mail_sent_once_more(
    client: AsyncClient, deliver: Deliver, database: Database
) -> None:
    await register(client)
    [first] = await deliver()
    assert_problem(await log_in(client, NEW_EMAIL, "not the password"), 401, "invalid_credentials")
    assert await database.count("outbox") == 0
    verified = [(NEW_EMAIL, Mail.VERIFY_EMAIL)]
    for seconds, sent in ((0, NO_MAIL), (COOLDOWN - 5, NO_MAIL), (10, verified)):
        await wait(database, seconds)
        assert_problem(await log_in(client, NEW_EMAIL), 403, "email_not_verified")
        assert await database.count("outbox") == 1
        mails = await deliver()
        assert about(mails) == sent
    assert await database.count("auth_sessions") == 0

    assert_problem(await verify(client, token_in(first)), 401, "token_invalid")
    assert (await verify(client, token_in(mails[0]))).status_code == 204
    assert (await log_in(client, NEW_EMAIL)).status_code == 200


async def test_where_it_is_not_required_a_sign_in_comes_before_it(
    environment: dict[str, str], deliver: Deliver
) -> None:
    variables = environment | {"EMAIL_VERIFICATION_REQUIRED": "false"}
    async with running(load(variables)) as api, api.client() as client:
        await register(client)
        await carrier.sign_in(client, username=NEW_EMAIL, password=PASSWORD)
        assert (await client.get(ME)).json()["email_verified_at"] is None
        mails = await deliver()
        # Nothing that who has signed in could put words into, as long as it may be a stranger's.
        assert about(mails) == [(NEW_EMAIL, Mail.VERIFY_EMAIL)]
        assert (await verify(client, token_in(mails[0]))).status_code == 204
        assert (await client.get(ME)).json()["email_verified_at"] is not None
        async with api.client() as another:
            await carrier.sign_in(another, username=NEW_EMAIL, password=PASSWORD)
        assert about(await deliver()) == [(NEW_EMAIL, Mail.NEW_LOGIN)]


async def test_the_mail_is_sent_once_more_to_who_asks_for_it(
    client: AsyncClient, deliver: Deliver, database: Database
) -> None:
    await register(client)
    [first] = await deliver()
    await ask(client, RESEND, NEW_EMAIL)
    assert await deliver() == []
    await wait(database, COOLDOWN)
    for _ in range(3):
        await ask(client, RESEND, NEW_EMAIL)
    [second] = await deliver()
    assert about([second]) == [(NEW_EMAIL, Mail.VERIFY_EMAIL)]
    assert token_in(second) != token_in(first)
    assert (await verify(client, token_in(second))).status_code == 204
    await wait(database, COOLDOWN)
    await ask(client, RESEND, NEW_EMAIL)
    assert await deliver() == []


async def test_who_forgot_the_password_sets_a_new_one(
    client: AsyncClient, user: Account, sign_in: SignIn, deliver: Deliver
) -> None:
    devices = [await sign_in(user), await sign_in(user)]
    await deliver()
    await ask(client, FORGOT, user.email)
    [mail] = await deliver()
    assert about([mail]) == [(user.email, Mail.RESET_PASSWORD)]
    token = token_in(mail)
    assert link_in(mail) == f"{FRONTEND}/reset-password#token={token}"
    assert [(await device.get(ME)).status_code for device in devices] == [200, 200]

    response = await reset(client, token)
    assert (response.status_code, response.content) == (204, b"")
    assert [(await device.get(ME)).status_code for device in devices] == [401, 401]
    assert (await log_in(client, user.email)).status_code == 401
    assert about(await deliver()) == [(user.email, Mail.PASSWORD_CHANGED)]
    assert (await log_in(client, user.email, NEW_PASSWORD)).status_code == 200


async def test_a_reset_shows_that_the_address_is_right(
    client: AsyncClient, deliver: Deliver
) -> None:
    await register(client)
    [mail] = await deliver()
    await ask(client, FORGOT, NEW_EMAIL)
    [forgotten] = await deliver()
    assert (await reset(client, token_in(forgotten))).status_code == 204
    assert (await log_in(client, NEW_EMAIL, NEW_PASSWORD)).status_code == 200
    assert_problem(await verify(client, token_in(mail)), 401, "token_invalid")


async def test_of_two_mails_of_one_kind_within_the_cooldown_one_is_sent(
    client: AsyncClient, user: Account, deliver: Deliver, database: Database
) -> None:
    await ask(client, FORGOT, user.email)
    [first] = await deliver()
    await ask(client, FORGOT, user.email)
    assert await deliver() == []
    await wait(database, COOLDOWN)
    for _ in range(3):
        await ask(client, FORGOT, user.email)
    [second] = await deliver()
    assert_problem(await reset(client, token_in(first)), 401, "token_invalid")
    assert (await reset(client, token_in(second))).status_code == 204


@pytest.mark.parametrize("verified", [True, False])
async def test_who_registers_a_known_address_changes_nothing_and_its_owner_is_told(
    client: AsyncClient, deliver: Deliver, database: Database, *, verified: bool
) -> None:
    await register(client, "Ada@example.com", full_name="Ada")
    [mail] = await deliver()
    if verified:
        assert (await verify(client, token_in(mail))).status_code == 204
    rows = "SELECT id, email, full_name, hashed_password, email_verified_at FROM users"
    before = await database.fetch(rows)

    response = await register(client, "ADA@EXAMPLE.com", password=NEW_PASSWORD, full_name="Eve")
    assert response.status_code == 202
    assert await database.fetch(rows) == before
    assert about(await deliver()) == [("Ada@example.com", Mail.ACCOUNT_EXISTS)]
    assert (await log_in(client, ADA, NEW_PASSWORD)).status_code == 401
    assert (await log_in(client, ADA)).status_code == (200 if verified else 403)


async def test_nobody_floods_an_owner_by_registering_again(
    client: AsyncClient, user: Account, deliver: Deliver, database: Database
) -> None:
    told = [(user.email, Mail.ACCOUNT_EXISTS)]
    for seconds, sent in ((0, told), (0, NO_MAIL), (COOLDOWN, told)):
        await wait(database, seconds)
        for _ in range(5):
            assert (await register(client, user.email)).status_code == 202
        assert about(await deliver()) == sent


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        ("is_active = true", {FORGOT: Mail.RESET_PASSWORD, REGISTER: Mail.ACCOUNT_EXISTS}),
        ("is_active = false", {}),
        ("deleted_at = now(), email_key = NULL", {REGISTER: Mail.VERIFY_EMAIL}),
    ],
)
@pytest.mark.parametrize("path", [FORGOT, RESEND, REGISTER])
async def test_mail_is_for_accounts_that_are_open(
    client: AsyncClient,
    user: Account,
    deliver: Deliver,
    database: Database,
    state: str,
    sent: dict[str, Mail],
    path: str,
) -> None:
    await database.execute(f"UPDATE users SET {state}")
    if path == REGISTER:
        assert (await register(client, user.email)).status_code == 202
    else:
        await ask(client, path, user.email)
    expected = [(user.email, sent[path])] if path in sent else []
    assert about(await deliver()) == expected
    assert await database.count("outbox") == 0


async def test_an_account_that_is_switched_off_before_the_mail_gets_none(
    client: AsyncClient, deliver: Deliver, database: Database
) -> None:
    for state, sent in (("false", NO_MAIL), ("true", [(NEW_EMAIL, Mail.VERIFY_EMAIL)])):
        await register(client)
        await database.execute(f"UPDATE users SET is_active = {state}")
        assert about(await deliver()) == sent
        await database.execute("DELETE FROM users")


async def test_a_password_that_is_refused_opens_nothing(
    client: AsyncClient, deliver: Deliver
) -> None:
    refused = await register(client, password="password1234")
    assert_problem(refused, 422, "validation_error")
    assert await deliver() == []
    assert (await register(client)).status_code == 202
    assert about(await deliver()) == [(NEW_EMAIL, Mail.VERIFY_EMAIL)]


async def test_whom_an_operator_creates_needs_no_mail(
    run: Run, client: AsyncClient, deliver: Deliver
) -> None:
    result = await run("create-user", NEW_EMAIL, NEW_USER_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output
    assert await deliver() == []
    assert (await log_in(client, NEW_EMAIL)).status_code == 200
