"""What becomes of a second factor as other things happen to its account."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient

from tests.fixtures.api import Account, assert_problem
from tests.fixtures.causes import (
    Cast,
    change_email,
    change_password,
    deactivate,
    reset_password,
    sign_out_everywhere,
)
from tests.fixtures.database import Database
from tests.fixtures.second_factor import (
    Factor,
    begin,
    disable,
    enrol,
    renew,
)

ME = "/api/v1/users/me"
WRONG = "a wrong password, but a long one"


async def test_a_code_changes_one_thing(user_client: AsyncClient, factor: Factor) -> None:
    code = factor.code()
    answers = await asyncio.gather(*(renew(user_client, code) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, *[403] * 3]
    assert_problem(await disable(user_client, code), 403, "wrong_code")
    assert (await disable(user_client, factor.next_code)).status_code == 204


async def test_who_was_locked_signs_in_with_a_factor_that_is_set_up_anew(
    user: Account,
    user_client: AsyncClient,
    admin_client: AsyncClient,
    factor: Factor,
    database: Database,
) -> None:
    for _ in range(5):
        await disable(user_client, factor.wrong_code)
    await database.execute("UPDATE login_attempts SET locked_until = now() + interval '1 hour'")
    user_id = (await user_client.get(ME)).json()["id"]
    assert (await admin_client.delete(f"/api/v1/users/{user_id}/mfa")).status_code == 204
    renewed = await enrol(user_client)
    assert (await disable(user_client, renewed.next_code)).status_code == 204


CHANGES: list[Callable[[Cast], Awaitable[None]]] = [
    change_password,
    reset_password,
    change_email,
    deactivate,
    sign_out_everywhere,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_what_is_not_confirmed_does_not_outlive_a_change_and_what_is_does(
    cast: Cast, change: Callable[[Cast], Awaitable[None]], database: Database
) -> None:
    await begin(cast.ada)
    await enrol(cast.root)
    await change(cast)
    assert await database.fetch(
        "SELECT email, confirmed_at IS NOT NULL FROM mfa_totp JOIN users ON users.id = user_id"
    ) == [("root@example.com", True)]


async def test_a_confirmed_one_outlives_every_change_but_the_end_of_the_account(
    cast: Cast, database: Database
) -> None:
    await enrol(cast.ada)
    for change in (deactivate, reset_password):
        await change(cast)
        assert await database.count("mfa_totp") == 1
        assert await database.count("mfa_recovery_codes") == 10
    assert (await cast.root.delete(f"/api/v1/users/{cast.ada_id}")).status_code == 204
    assert await database.count("mfa_totp") == 0
    assert await database.count("mfa_recovery_codes") == 0


async def test_a_key_that_is_lost_leaves_the_recovery_codes(
    user_client: AsyncClient, factor: Factor, database: Database
) -> None:
    await database.execute("UPDATE mfa_totp SET secret_encrypted = 'gAAAA' || secret_encrypted")
    assert_problem(await disable(user_client, factor.code()), 403, "wrong_code")
    assert (await disable(user_client, factor.recovery_codes[0])).status_code == 204
