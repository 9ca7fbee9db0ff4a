"""What a sign-in that waits for its second factor leaves behind, and who else is at it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from httpx2 import AsyncClient
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.dependencies import project
from app.core.exceptions import Conflict
from tests.fixtures import carrier
from tests.fixtures.api import (
    Account,
    Api,
    assert_problem,
    load,
    running,
)
from tests.fixtures.causes import (
    Cast,
    change_email,
    change_password,
    deactivate,
    delete,
    reset_password,
    sign_out_everywhere,
)
from tests.fixtures.database import Database
from tests.fixtures.second_factor import (
    VERIFY,
    Factor,
    assert_refused,
    challenge,
    disable,
    enrol,
    verify,
    wait,
)

ME = "/api/v1/users/me"
FIXED = {"X-Request-ID": "fixed-request-id"}
LOCK = "UPDATE login_attempts SET locked_until = now() + $1 * interval '1 hour' WHERE failures > 0"


@pytest.mark.parametrize("by", ["app", "recovery"])
async def test_of_many_who_bring_a_code_at_once_one_signs_in(
    environment: dict[str, str], api: Api, user: Account, factor: Factor, by: str
) -> None:
    code = factor.code() if by == "app" else factor.recovery_codes[0]
    # Two applications, each with connections of its own, as two processes have.
    async with running(load(environment)) as other, api.client() as here, other.client() as there:
        clients = [here, there] * 4
        begun = [await challenge(client, user) for client in clients]
        answers = await asyncio.gather(
            *(verify(client, each, code) for client, each in zip(clients, begun, strict=True))
        )
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]


async def test_a_challenge_is_good_once(client: AsyncClient, user: Account, factor: Factor) -> None:
    begun = await challenge(client, user)
    codes = [factor.code(), factor.next_code, *factor.recovery_codes[:4]]
    answers = await asyncio.gather(*(verify(client, begun, code) for code in codes))
    assert sorted(answer.status_code for answer in answers) == [200, *[401] * 5]


async def test_what_has_expired_is_deleted_by_who_signs_in_next(
    client: AsyncClient, user: Account, factor: Factor, database: Database
) -> None:
    for _ in range(3):
        await challenge(client, user)
    await database.execute("UPDATE mfa_challenges SET expires_at = now()")
    await challenge(client, user)
    assert await database.count("mfa_challenges") == 1


async def take_off(cast: Cast) -> None:
    assert (await cast.root.delete(f"/api/v1/users/{cast.ada_id}/mfa")).is_success


async def close(cast: Cast) -> None:
    assert (await cast.ada.delete(ME)).is_success


async def nothing(_: Cast) -> None:
    """Leaves the sign-in as it was."""


async def activate(cast: Cast) -> None:
    await deactivate(cast)
    path = f"/api/v1/users/{cast.ada_id}"
    assert (await cast.root.patch(path, json={"is_active": True})).is_success


async def rename(cast: Cast) -> None:
    assert (await cast.ada.patch(ME, json={"full_name": "Ada"})).is_success


CHANGES: dict[Callable[[Cast], Awaitable[None]], int] = {
    nothing: 200,
    rename: 200,
    change_password: 401,
    reset_password: 401,
    change_email: 401,
    deactivate: 401,
    activate: 401,
    delete: 401,
    close: 401,
    sign_out_everywhere: 401,
    take_off: 401,
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_challenge_does_not_outlive_a_change_of_the_account(
    cast: Cast, change: Callable[[Cast], Awaitable[None]]
) -> None:
    factor = await enrol(cast.ada)
    await wait(cast.database)
    begun = await challenge(cast.stranger, cast.account)
    await change(cast)
    response = await verify(cast.stranger, begun, factor.code())
    assert response.status_code == CHANGES[change], response.text
    if response.status_code == 401:
        assert_refused(response)


async def test_the_other_steps_are_taken_again(
    client: AsyncClient,
    user: Account,
    factor: Factor,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(_: AsyncSession, __: object) -> None:
        raise Conflict("not today")

    begun = await challenge(client, user)
    sessions = await database.count("auth_sessions")
    with monkeypatch.context() as patch:
        patch.setattr(project, "LOGIN_STEPS", (refuse,))
        assert_problem(await verify(client, begun, factor.code()), 409, "conflict")
    assert await database.count("auth_sessions") == sessions
    carrier.given(await verify(client, begun, factor.code()))


async def test_the_database_and_the_log_hold_no_secret(
    environment: dict[str, str],
    user: Account,
    database: Database,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    async with running(load(environment | {"APP_DEBUG": "true"})) as api, api.client() as device:
        await carrier.sign_in(device, **user.credentials)
        factor = await enrol(device)
        begun = await challenge(device, user)
        codes = [factor.wrong_code, factor.next_code, factor.recovery_codes[0]]
        for code in codes:
            await verify(device, begun, code)
        begun = await challenge(device, user)
    log = capsysbinary.readouterr().out.decode()
    held = ""
    for table in database.tables:
        rows = await database.fetch(f"SELECT row_to_json(t)::text FROM {table} t")
        held += str(rows)
    assert VERIFY in log
    assert user.email in held
    for secret in (factor.secret, begun, *factor.recovery_codes, *codes):
        assert secret not in held
        assert secret not in log
        assert secret.replace("-", "") not in held + log


def locked_tables(statements: list[str]) -> list[str]:
    """The tables of which rows were locked or written, in the order of the first time."""
    found: list[str] = []
    for statement in statements:
        if statement.startswith("SELECT") and not statement.endswith("FOR UPDATE"):
            continue
        words = statement.split()
        at = next((n for n, word in enumerate(words) if word in {"FROM", "INTO", "UPDATE"}), None)
        if at is not None and words[at + 1] not in found:
            found.append(words[at + 1])
    return found


async def test_rows_are_locked_in_one_order(
    client: AsyncClient,
    user: Account,
    user_client: AsyncClient,
    factor: Factor,
    statements: list[str],
) -> None:
    begun = await challenge(client, user)
    order = ["login_attempts", "users", "mfa_totp", "mfa_challenges"]
    statements.clear()
    assert_refused(await verify(client, begun, factor.wrong_code))
    carrier.given(await verify(client, begun, factor.code()))
    found = [table for table in locked_tables(statements) if table in order]
    assert found[:2] == order[:2]
    assert set(found) == set(order)
    statements.clear()
    answer = await disable(user_client, factor.next_code)
    assert answer.status_code == 204
    found = [table for table in locked_tables(statements) if table in order]
    assert found[:2] == order[:2]
