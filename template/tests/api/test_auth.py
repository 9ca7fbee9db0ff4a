import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from dirty_equals import IsStr
from httpx2 import AsyncClient, Response
from passlib.context import CryptContext

from tests.fixtures.api import Account, Api, SignIn, assert_problem
from tests.fixtures.database import Database

LOGIN = "/api/v1/auth/login"
TOKEN = "/api/v1/auth/token"
REFRESH = "/api/v1/auth/refresh"
LOGOUT = "/api/v1/auth/logout"
ME = "/api/v1/users/me"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def log_in(client: AsyncClient, account: Account) -> dict[str, Any]:
    response = await client.post(LOGIN, json=account.credentials)
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


async def refresh(client: AsyncClient, token: str) -> Response:
    return await client.post(REFRESH, json={"refresh_token": token})


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were verified; the real work is done all the same."""
    calls: list[str] = []
    verify = CryptContext.verify_and_update

    def spy(self: CryptContext, secret: str, hashed: str) -> Any:
        calls.append(secret)
        return verify(self, secret, hashed)

    monkeypatch.setattr(CryptContext, "verify_and_update", spy)
    return calls


@pytest.mark.parametrize(
    "name",
    ["ada@example.com", "ADA@Example.com", "ada", "Ada", "  ada  ", "ａｄａ"],  # noqa: RUF001
)
async def test_login_by_name_or_address_in_any_spelling(
    client: AsyncClient, user: Account, name: str, verified: list[str]
) -> None:
    response = await client.post(LOGIN, json={"username": name, "password": user.password})

    assert response.status_code == 200
    assert response.json() == {
        "access_token": IsStr,
        "refresh_token": IsStr,
        "token_type": "bearer",
        "expires_in": 900,
    }
    assert response.headers["cache-control"] == "no-store"
    me = await client.get(ME, headers=bearer(response.json()["access_token"]))
    assert me.json()["email"] == user.email
    assert verified == [user.password]


async def test_the_password_form_signs_in_too(client: AsyncClient, user: Account) -> None:
    form = {"grant_type": "password", "scope": "", **user.credentials}
    response = await client.post(TOKEN, data=form)
    assert response.status_code == 200
    me = await client.get(ME, headers=bearer(response.json()["access_token"]))
    assert me.json()["email"] == user.email
    wrong = await client.post(TOKEN, data=form | {"password": "wrong"})
    assert_problem(wrong, 401, "invalid_credentials")
    assert_problem(await client.post(TOKEN, json=user.credentials), 422, "validation_error")


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

    assert len({response.content for response in failures}) == 1
    assert len({tuple(response.headers.multi_items()) for response in failures}) == 1
    assert failures[0].headers["www-authenticate"] == "Bearer"
    # Once for each attempt, whether there is an account or not.
    assert verified == [wrong, wrong, wrong, user.password, user.password, user.password]


async def test_login_notes_the_device(user: Account, api: Api, database: Database) -> None:
    async with api.client(address="203.0.113.9", headers={"User-Agent": "x" * 500}) as client:
        await log_in(client, user)
    rows = await database.fetch("SELECT ip_address, user_agent FROM auth_sessions")
    assert rows == [("203.0.113.9", "x" * 255)]


async def test_refresh_gives_a_pair_that_works_and_spends_the_token(
    client: AsyncClient, user: Account
) -> None:
    first = await log_in(client, user)
    second = (await refresh(client, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await client.get(ME, headers=bearer(second["access_token"]))).status_code == 200
    assert_problem(await refresh(client, first["refresh_token"]), 401, "token_invalid")
    assert (await refresh(client, second["refresh_token"])).status_code == 200


async def test_of_parallel_refreshes_exactly_one_wins(
    client: AsyncClient, user: Account, database: Database
) -> None:
    token = (await log_in(client, user))["refresh_token"]
    responses = await asyncio.gather(*(refresh(client, token) for _ in range(10)))

    assert sorted(response.status_code for response in responses) == [200] + [401] * 9
    assert await database.count("refresh_tokens") == 2


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE refresh_tokens SET expires_at = now()",
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


async def test_logout_ends_this_device_at_once_and_no_other(
    client: AsyncClient, user: Account, sign_in: SignIn
) -> None:
    tokens, other = await log_in(client, user), await sign_in(user)
    headers = bearer(tokens["access_token"])
    assert (await client.get(ME, headers=headers)).status_code == 200
    response = await client.post(LOGOUT, headers=headers)

    assert (response.status_code, response.content) == (204, b"")
    assert_problem(await client.get(ME, headers=headers), 401, "token_invalid")
    assert_problem(await client.post(LOGOUT, headers=headers), 401, "token_invalid")
    assert_problem(await refresh(client, tokens["refresh_token"]), 401, "token_invalid")
    assert (await other.get(ME)).status_code == 200


@pytest.fixture
async def claims(client: AsyncClient, user: Account) -> dict[str, Any]:
    """The claims of a token that is accepted, for tests to change."""
    token = (await log_in(client, user))["access_token"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forge(api: Api, claims: dict[str, Any], **changes: Any) -> str:
    key = api.resources.settings.jwt.key_ring["main"]
    return jwt.encode(claims | changes, key, "HS256", headers={"kid": "main"})


async def test_a_token_says_what_it_is_for(claims: dict[str, Any]) -> None:
    assert (claims["typ"], claims["iss"], claims["aud"]) == ("access", "my-api", "my-api")
    assert claims["exp"] - claims["iat"] == 900
    assert UUID(claims["sub"]) != UUID(claims["sid"])


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "refresh"},
        {"aud": "another-service"},
        {"iss": "another-service"},
        {"sub": SOME_ID},
        {"sid": SOME_ID},
        {"sub": "1"},
        {"sub": 1},
        {"sid": "a\x00b"},
        {"nbf": 9_999_999_999},
    ],
    ids=str,
)
async def test_a_signed_token_with_other_claims_is_refused(
    client: AsyncClient, api: Api, claims: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert (await client.get(ME, headers=bearer(forge(api, claims)))).status_code == 200
    response = await client.get(ME, headers=bearer(forge(api, claims, **changes)))
    assert_problem(response, 401, "token_invalid")
    for name in changes:
        less = {key: value for key, value in claims.items() if key != name}
        response = await client.get(ME, headers=bearer(forge(api, less)))
        assert_problem(response, 401, "token_invalid")


async def test_an_expired_token_says_so(
    client: AsyncClient, api: Api, claims: dict[str, Any]
) -> None:
    past = {"exp": datetime.now(UTC) - timedelta(seconds=1)}
    response = await client.get(ME, headers=bearer(forge(api, claims, **past)))
    assert_problem(response, 401, "token_expired")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_token_signed_otherwise_is_refused(
    client: AsyncClient, api: Api, claims: dict[str, Any]
) -> None:
    genuine = forge(api, claims)
    header, payload, signature = genuine.split(".")
    swapped = "A" if signature[0] != "A" else "B"
    other_key = "another-key-of-32-bytes-or-more-0123"
    secret_key = api.resources.settings.app.secret_key.get_secret_value()
    ring_key = api.resources.settings.jwt.key_ring["main"]
    tokens = {
        "tampered": f"{header}.{payload}.{swapped}{signature[1:]}",
        "unsigned": jwt.encode(claims, "", "none", headers={"kid": "main"}),
        "stripped": f"{header}.{payload}.",
        "other key": jwt.encode(claims, other_key, "HS256", headers={"kid": "main"}),
        "application's key": jwt.encode(claims, secret_key, "HS256", headers={"kid": "main"}),
        "unknown kid": jwt.encode(claims, ring_key, "HS256", headers={"kid": "old"}),
        "no kid": jwt.encode(claims, ring_key, "HS256"),
        "other algorithm": jwt.encode(claims, ring_key * 2, "HS512", headers={"kid": "main"}),
        "not a token": "x",
    }
    assert (await client.get(ME, headers=bearer(genuine))).status_code == 200
    for name, token in tokens.items():
        response = await client.get(ME, headers=bearer(token))
        assert (name, response.status_code) == (name, 401)
        assert_problem(response, 401, "token_invalid")
