import pytest
from httpx2 import AsyncClient, Response

from app.core.config.app import CHALLENGE
from tests.fixtures.api import Account, Api, assert_problem, seen
from tests.fixtures.database import Database

LOGIN = "/api/v1/auth/login"


@pytest.mark.parametrize(
    "name",
    ["ada@example.com", "ADA@Example.com", "ada", "Ada", "  ada  ", "ａｄａ"],  # noqa: RUF001
)
async def test_login_by_name_or_address_in_any_spelling(
    client: AsyncClient, user: Account, name: str, verified: list[str]
) -> None:
    response = await client.post(LOGIN, json={"username": name, "password": user.password})

    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert verified == [user.password]
    assert (
        await client.post(LOGIN, json=user.credentials | {"username": f"{name}x"})
    ).status_code == 401


async def fail(client: AsyncClient, name: str, password: str) -> Response:
    body = {"username": name, "password": password}
    response = await client.post(LOGIN, json=body, headers={"X-Request-ID": "fixed-request-id"})
    assert_problem(response, 401, "invalid_credentials")
    return response


async def test_failed_logins_are_alike_to_the_byte_and_in_their_work(
    client: AsyncClient, user: Account, database: Database, verified: list[str]
) -> None:
    wrong = "a wrong password, but a long one"
    failures = [await fail(client, user.email, wrong)]
    failures += [await fail(client, name, wrong) for name in ("nobody@example.com", "nobody")]
    assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
    await database.execute("UPDATE users SET is_active = false")
    failures.append(await fail(client, user.email, user.password))
    await database.execute("UPDATE users SET is_active = true, hashed_password = NULL")
    failures.append(await fail(client, user.email, user.password))

    assert len(set(map(seen, failures))) == 1
    assert failures[0].headers["www-authenticate"] == CHALLENGE
    # Once for each attempt, whether there is an account or not.
    assert verified == [wrong, wrong, wrong, user.password, user.password, user.password]


async def test_login_notes_the_device(user: Account, api: Api, database: Database) -> None:
    async with api.client(address="203.0.113.9", headers={"User-Agent": "x" * 500}) as client:
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
    rows = await database.fetch("SELECT ip_address, user_agent FROM auth_sessions")
    assert rows == [("203.0.113.9", "x" * 255)]
