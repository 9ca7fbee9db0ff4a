import asyncio

import pytest
from httpx2 import AsyncClient, Response

from tests.fixtures.api import Account, Routes, assert_problem, codes_of, load, running
from tests.fixtures.carrier import bearer, log_in
from tests.fixtures.contract import GENERAL
from tests.fixtures.database import Database

REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/users/me"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post(REFRESH, json={"refresh_token": token})


async def test_refresh_gives_a_pair_that_works_and_spends_the_token(
    client: AsyncClient, user: Account
) -> None:
    first = await log_in(client, user)
    second = (await refresh(client, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await client.get(ME, headers=bearer(second["access_token"]))).status_code == 200
    assert (await client.get(ME, headers=bearer(first["access_token"]))).status_code == 200
    assert (await refresh(client, second["refresh_token"])).status_code == 200


async def test_parallel_refreshes_get_the_same_child(
    client: AsyncClient, user: Account, database: Database
) -> None:
    token = (await log_in(client, user))["refresh_token"]
    responses = await asyncio.gather(*(refresh(client, token) for _ in range(10)))

    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert await database.count("refresh_tokens") == 2


def test_the_document_names_every_error(routes: Routes) -> None:
    refused = {"token_expired", "token_invalid", "token_reused"}
    assert codes_of(routes[f"POST {REFRESH}"]) == refused | GENERAL


async def test_a_refresh_costs_no_more_statements_than_it_needs(
    client: AsyncClient, user: Account, statements: list[str]
) -> None:
    token = (await log_in(client, user))["refresh_token"]
    statements.clear()
    assert (await refresh(client, token)).status_code == 200
    verbs = [statement.split()[0] for statement in statements]
    assert verbs == ["UPDATE", "SELECT", "UPDATE", "DELETE", "INSERT", "COMMIT"]


PAST_THE_GRACE = "UPDATE refresh_tokens SET spent_at = spent_at - interval '11 seconds'"


@pytest.mark.parametrize("generations", [1, 2, 3])
async def test_a_token_that_comes_back_later_ends_its_family(
    client: AsyncClient, user: Account, database: Database, generations: int
) -> None:
    other = await log_in(client, user)
    tokens = [await log_in(client, user)]
    for _ in range(generations):
        tokens.append((await refresh(client, tokens[-1]["refresh_token"])).json())
    await database.execute(PAST_THE_GRACE)
    headers = bearer(tokens[-1]["access_token"])
    assert (await client.get(ME, headers=headers)).status_code == 200

    assert_problem(await refresh(client, tokens[0]["refresh_token"]), 401, "token_reused")
    assert_problem(await client.get(ME, headers=headers), 401, "token_invalid")
    assert_problem(await refresh(client, tokens[-1]["refresh_token"]), 401, "token_invalid")
    assert (await refresh(client, other["refresh_token"])).status_code == 200


async def test_the_grace_ends_once_the_child_is_spent(client: AsyncClient, user: Account) -> None:
    parent = (await log_in(client, user))["refresh_token"]
    child = (await refresh(client, parent)).json()["refresh_token"]
    assert (await refresh(client, parent)).json()["refresh_token"] == child
    assert (await refresh(client, child)).status_code == 200
    assert_problem(await refresh(client, parent), 401, "token_reused")


async def test_without_a_grace_no_token_comes_twice(
    environment: dict[str, str], user: Account
) -> None:
    async with (
        running(load(environment | {"JWT_REFRESH_GRACE": "0"})) as strict,
        strict.client() as client,
    ):
        token = (await log_in(client, user))["refresh_token"]
        assert (await refresh(client, token)).status_code == 200
        assert_problem(await refresh(client, token), 401, "token_reused")


async def test_an_expired_token_is_no_proof_of_theft(
    client: AsyncClient, user: Account, database: Database
) -> None:
    parent = (await log_in(client, user))["refresh_token"]
    child = (await refresh(client, parent)).json()["refresh_token"]
    await database.execute("UPDATE refresh_tokens SET expires_at = now() WHERE generation = 1")
    assert_problem(await refresh(client, parent), 401, "token_expired")
    assert (await refresh(client, child)).status_code == 200
    await database.execute("UPDATE refresh_tokens SET expires_at = now()")
    assert_problem(await refresh(client, child), 401, "token_expired")


async def test_tokens_live_no_longer_than_their_session(
    client: AsyncClient, user: Account, database: Database
) -> None:
    token = (await log_in(client, user))["refresh_token"]
    lifetimes = "SELECT round(extract(epoch FROM expires_at - issued_at) / 86400)"
    assert await database.fetch(f"{lifetimes} FROM refresh_tokens") == [(7,)]
    await database.execute("UPDATE auth_sessions SET expires_at = now() + interval '1 day'")
    assert (await refresh(client, token)).status_code == 200
    rows = await database.fetch(f"{lifetimes} FROM refresh_tokens ORDER BY generation")
    assert rows == [(7,), (1,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE auth_sessions SET expires_at = now()",
        "UPDATE auth_sessions SET revoked_at = now()",
        "UPDATE users SET is_active = false",
        "UPDATE users SET deleted_at = now()",
    ],
)
async def test_a_refresh_token_ends_with_what_it_hangs_on(
    client: AsyncClient, user: Account, database: Database, change: str
) -> None:
    tokens = await log_in(client, user)
    tokens = (await refresh(client, tokens["refresh_token"])).json()
    await database.execute(change)
    assert_problem(await refresh(client, tokens["refresh_token"]), 401, "token_invalid")


async def test_a_deactivated_account_gets_no_token_back(
    client: AsyncClient, user: Account, user_client: AsyncClient, admin_client: AsyncClient
) -> None:
    path = f"/api/v1/users/{(await user_client.get(ME)).json()['id']}"
    token = (await log_in(client, user))["refresh_token"]
    for is_active in (False, True):
        await admin_client.patch(path, json={"is_active": is_active})
        assert_problem(await refresh(client, token), 401, "token_invalid")
    new = (await log_in(client, user))["refresh_token"]
    assert (await refresh(client, new)).status_code == 200


async def test_a_refresh_token_is_proved_by_what_is_stored_as_a_hash(
    client: AsyncClient, user: Account, database: Database
) -> None:
    token = (await log_in(client, user))["refresh_token"]
    name, _, proof = token.rpartition(".")
    [row] = await database.fetch("SELECT * FROM refresh_tokens")
    assert proof not in str(row)
    assert_problem(await refresh(client, f"{name}.{proof[::-1]}"), 401, "token_invalid")
    assert (await refresh(client, token)).status_code == 200


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        f"{SOME_ID}.1.{'0' * 64}",
        f"{SOME_ID}.1.{'0' * 63}",
        f"{SOME_ID}.9999999999.{'0' * 64}",
        f"{SOME_ID}.999999999.{'0' * 64}",
        f"{SOME_ID}.\u0661.{'0' * 64}",
        f"{SOME_ID}.1.{'0' * 64}\n",
        "a\x00b",
    ],
)
async def test_other_strings_are_no_refresh_token(client: AsyncClient, token: str) -> None:
    assert_problem(await refresh(client, token), 401, "token_invalid")
