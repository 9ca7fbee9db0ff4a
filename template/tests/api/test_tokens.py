from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from dirty_equals import IsStr
from httpx2 import AsyncClient

from app.core.config.app import SLUG
from tests.fixtures import registration
from tests.fixtures.api import (
    KEY,
    PRODUCTION,
    Account,
    Api,
    Routes,
    assert_problem,
    codes_of,
    faults,
    load,
    running,
)
from tests.fixtures.carrier import bearer, log_in
from tests.fixtures.contract import GENERAL

LOGIN = "/api/v1/auth/login"
TOKEN = "/api/v1/auth/token"
JWKS = "/api/v1/auth/jwks.json"
ME = "/api/v1/users/me"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


async def test_login_gives_a_pair_and_a_token_for_the_device(
    client: AsyncClient, user: Account
) -> None:
    assert await log_in(client, user) == {
        "access_token": IsStr,
        "refresh_token": IsStr,
        "token_type": "bearer",
        "expires_in": 900,
        "device_token": IsStr,
    }


async def test_the_password_form_signs_in_too(client: AsyncClient, user: Account) -> None:
    form = {"grant_type": "password", "scope": "", **user.credentials}
    response = await client.post(TOKEN, data=form)
    assert response.status_code == 200
    me = await client.get(ME, headers=bearer(response.json()["access_token"]))
    assert me.json()["email"] == user.email
    wrong = await client.post(TOKEN, data=form | {"password": "wrong"})
    assert_problem(wrong, 401, "invalid_credentials")
    assert_problem(await client.post(TOKEN, json=user.credentials), 422, "validation_error")


@pytest.mark.parametrize("content", [b"username=%00&password=x", b"username=%ff&password=%fe", b""])
async def test_a_hostile_form_is_never_a_500(client: AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post(TOKEN, content=content, headers=headers)
    assert response.status_code in {401, 422}
    assert_problem(response, response.status_code, response.json()["code"])


def test_signing_in_works_from_the_documentation_page(document: dict[str, Any]) -> None:
    [scheme] = document["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == TOKEN
    body = document["paths"][TOKEN]["post"]["requestBody"]
    assert list(body["content"]) == ["application/x-www-form-urlencoded"]


def test_what_signs_in_documents_its_errors(routes: Routes) -> None:
    refusals = {"invalid_credentials", *GENERAL, *registration.LOGIN_ERRORS}
    assert codes_of(routes[f"POST {TOKEN}"]) == refusals
    assert codes_of(routes[f"GET {JWKS}"]) == GENERAL


@pytest.mark.parametrize("header", [None, "", "Basic YWRhOng=", "Bearer", "bearer-x y"])
async def test_without_a_bearer_token_nobody_is_signed_in(
    client: AsyncClient, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = await client.get(ME, headers=headers)
    assert response.status_code == 401
    assert response.json()["code"] in {"not_authenticated", "token_invalid"}
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.fixture
async def claims(client: AsyncClient, user: Account) -> dict[str, Any]:
    """The claims of a token that is accepted, for tests to change."""
    token = (await log_in(client, user))["access_token"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def forge(api: Api, claims: dict[str, Any], *, kid: str = "main", **changes: Any) -> str:
    key = api.resources.settings.jwt.key_ring[kid]
    return jwt.encode(claims | changes, key, "HS256", headers={"kid": kid})


async def test_a_token_says_what_it_is_for(claims: dict[str, Any]) -> None:
    assert (claims["typ"], claims["iss"], claims["aud"]) == ("access", SLUG, SLUG)
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
    past = datetime.now(UTC) - timedelta(seconds=1)
    response = await client.get(ME, headers=bearer(forge(api, claims, exp=past)))
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


ED25519 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"


async def test_others_verify_by_the_published_keys(
    environment: dict[str, str], user: Account
) -> None:
    ring = {"JWT_KEYS": f"old:{ED25519[::-1]},new:{ED25519}", "JWT_ACTIVE_KID": "new"}
    settings = load(environment | ring | {"JWT_ALGORITHM": "EdDSA"})
    async with running(settings) as api, api.client() as client:
        token = (await log_in(client, user))["access_token"]
        keys = (await client.get(JWKS)).json()["keys"]
        assert (await client.get(ME, headers=bearer(token))).status_code == 200
        with_secret = forge(api, jwt.decode(token, options={"verify_signature": False}), kid="new")
        response = await client.get(ME, headers=bearer(with_secret))
        assert_problem(response, 401, "token_invalid")

    assert [key["kid"] for key in keys] == ["old", "new"]
    assert all(set(key) == {"kty", "crv", "x", "alg", "use", "kid"} for key in keys)
    assert ED25519 not in str(keys)
    public = {key["kid"]: jwt.PyJWK(key) for key in keys}
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, public[kid], algorithms=["EdDSA"], audience=SLUG)
    assert claims["typ"] == "access"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, public["old"], algorithms=["EdDSA"], audience=SLUG)


async def test_a_shared_secret_is_not_published(client: AsyncClient) -> None:
    assert (await client.get(JWKS)).json() == {"keys": []}


async def test_keys_rotate_without_signing_anybody_out(
    environment: dict[str, str], user: Account
) -> None:
    old, new = "main:0123456789abcdef-for-access-tokens", "next:fedcba9876543210-for-access-tokens"
    steps = [(old, "main"), (f"{old},{new}", "next"), (new, "next")]
    issued: list[str] = []
    for keys, active in steps:
        settings = load(environment | {"JWT_KEYS": keys, "JWT_ACTIVE_KID": active})
        async with running(settings) as api, api.client() as client:
            issued.append((await log_in(client, user))["access_token"])
            statuses = [(await client.get(ME, headers=bearer(t))).status_code for t in issued]
        assert statuses == {1: [200], 2: [200, 200], 3: [401, 200, 200]}[len(issued)]


OTHER_KEY = PRODUCTION["JWT_KEYS"].removeprefix("main:")


@pytest.mark.parametrize("environment", ["production", "staging", None])
@pytest.mark.parametrize(
    ("variable", "keys"),
    [
        ("JWT_KEYS", ""),
        ("JWT_KEYS", "main:tooshort-f3a9c1e7b5d2"),
        ("JWT_KEYS", f"main:{OTHER_KEY},old:{'ab' * 30}"),
        ("JWT_KEYS", OTHER_KEY),
        ("JWT_KEYS", f"main:{KEY}"),
        ("JWT_KEYS", f"main:{OTHER_KEY},old:{OTHER_KEY}"),
        ("JWT_ACTIVE_KID", f"old:{OTHER_KEY}"),
    ],
)
def test_unsafe_keys_are_refused_and_never_shown(
    environment: str | None, variable: str, keys: str
) -> None:
    changes = {"JWT_KEYS": keys, "APP_ENVIRONMENT": environment or ""}
    [fault] = faults(PRODUCTION | changes)
    assert variable in fault
    for value in (KEY, OTHER_KEY, "tooshort", "abab"):
        assert value not in fault
    assert load(PRODUCTION).jwt.key_ring == {"main": OTHER_KEY}


def test_development_has_keys_too() -> None:
    changes = {"JWT_KEYS": "", "APP_ENVIRONMENT": "development"}
    assert faults(PRODUCTION | changes) == ["JWT_KEYS is missing."]
    [fault] = faults(PRODUCTION | {"JWT_ACCESS_LIFETIME": "soon"})
    assert fault.startswith("JWT_ACCESS_LIFETIME:")
    assert "soon" not in fault


async def test_a_role_acts_on_the_tokens_that_are_out(
    user_client: AsyncClient, admin_client: AsyncClient
) -> None:
    user_id = (await user_client.get(ME)).json()["id"]
    for role, status in {"admin": 200, "user": 403}.items():
        await admin_client.patch(f"/api/v1/users/{user_id}", json={"role": role})
        assert (await user_client.get("/api/v1/users")).status_code == status
