"""What makes an id token good, one fault at a time, and what is fetched to find out."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from httpx2 import AsyncClient

from tests.fixtures.api import Api, assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.identities import (
    come_back,
    enter,
    landing,
    reach,
    visit,
)
from tests.fixtures.oauth import CLIENT_ID, Person, give
from tests.fixtures.providers.openid import (
    GOOGLE,
    KEYS,
    Claims,
    elliptic_key,
    public,
    public_elliptic,
    rsa_key,
    sign,
)

NAME = GOOGLE.name
HOUR = 3600
GONE = ...
LANDING = "text/html"
# Changes of single claims that leave the token as good as it was, and such that don't.
GOOD: dict[str, dict[str, Any]] = {
    "as it is": {},
    "audience in a list": {"aud": [CLIENT_ID]},
    "no authorized party": {"azp": GONE},
    "expired a moment ago": {"exp": lambda c: c["iat"] - 5},
    "of a clock that is fast": {"iat": lambda c: c["iat"] + 20},
    "further claims": {"amr": ["pwd"], "at_hash": "x", "hd": "example.com"},
    "verified in words": {"email_verified": "true"},
    "no name": {"name": GONE},
    "a name that is none": {"name": {"first": "Grace"}},
    "a name that is long": {"name": "x" * 10_000},
    "a name with a NUL": {"name": "Gr\x00ce"},
    "a long subject": {"sub": "x" * 255},
}
BAD: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": GONE},
    "another issuer": {"iss": "https://accounts.google.com"},
    "an issuer below": {"iss": lambda c: f"{c['iss']}/"},
    "no audience": {"aud": GONE},
    "another audience": {"aud": "another-client"},
    "an empty audience": {"aud": []},
    "a part of the audience": {"aud": CLIENT_ID[:-1]},
    "another authorized party": {"azp": "another-client"},
    "several audiences and another party": {"aud": [CLIENT_ID, "b"], "azp": "b"},
    "no nonce": {"nonce": GONE},
    "another nonce": {"nonce": "x" * 43},
    "an empty nonce": {"nonce": ""},
    "a nonce that is none": {"nonce": None},
    "expired": {"exp": lambda c: c["iat"] - HOUR},
    "no expiry": {"exp": GONE},
    "an expiry that is none": {"exp": "never"},
    "an endless expiry": {"exp": float("inf")},
    "no moment of issue": {"iat": GONE},
    "issued later": {"iat": lambda c: c["iat"] + HOUR},
    "not good yet": {"nbf": lambda c: c["iat"] + HOUR},
    "no subject": {"sub": GONE},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 1001},
    "a subject that is null": {"sub": None},
    "a subject with a NUL": {"sub": "10\x0001"},
    "a subject too long": {"sub": "x" * 256},
}
UNVERIFIED: list[Any] = [GONE, False, None, "false", "True", 1, 0, [], [True], {}, {"value": True}]


def changed(changes: dict[str, Any]) -> Callable[[Claims], Claims]:
    def change(claims: Claims) -> Claims:
        made = {name: v(claims) if callable(v) else v for name, v in changes.items()}
        return {name: value for name, value in (claims | made).items() if value is not GONE}

    return change


@pytest.fixture
async def fresh_api(environment: dict[str, str], database: Database) -> AsyncIterator[Api]:
    """An application that knows nothing of the provider yet."""
    async with running(load(environment | {"OAUTH_TIMEOUT": "3"})) as api:
        yield api


@pytest.fixture
async def fresh(fresh_api: Api) -> AsyncIterator[AsyncClient]:
    async with fresh_api.client() as client:
        yield client


@pytest.mark.parametrize("kind", GOOD)
async def test_a_good_id_token_signs_in(client: AsyncClient, kind: str) -> None:
    GOOGLE.change = changed(GOOD[kind])
    assert (await enter(client, NAME))["email"] == Person().email


@pytest.mark.parametrize("kind", BAD)
async def test_a_claim_that_is_wrong_signs_nobody_in(
    client: AsyncClient, database: Database, kind: str
) -> None:
    GOOGLE.change = changed(BAD[kind])
    assert_problem(await visit(client, NAME), 502, "provider_failed")
    assert await database.count("users") == 0
    GOOGLE.change = dict
    assert landing(await visit(client, NAME))["code"]


@pytest.mark.parametrize("value", UNVERIFIED, ids=str)
async def test_an_address_is_verified_only_if_that_is_said(
    client: AsyncClient, value: object
) -> None:
    GOOGLE.change = changed({"email_verified": value})
    assert_problem(await visit(client, NAME), 403, "email_not_verified")
    GOOGLE.change = changed({"email_verified": True})
    assert landing(await visit(client, NAME))["code"]


def unsigned(claims: Claims) -> str:
    return jwt.encode(claims, "", "none", {"kid": "first"})


def mixed_up(claims: Claims) -> str:
    """Sign with the public key, as if it were a secret."""
    pem = (
        rsa_key("first").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    hmac = jwt.get_algorithm_by_name("HS256")
    head, body, _ = jwt.encode(claims, "x" * 32, "HS256", {"kid": "first"}).split(".")
    signature = hmac.sign(f"{head}.{body}".encode(), pem)
    return f"{head}.{body}.{jwt.utils.base64url_encode(signature).decode()}"


def stripped(claims: Claims) -> str:
    return sign(claims).rpartition(".")[0] + "."


def spliced(claims: Claims) -> str:
    """Put other claims under the signature."""
    head, _, signature = sign(claims).split(".")
    return ".".join([head, sign(claims | {"sub": "1"}).split(".")[1], signature])


SIGNERS: dict[str, Callable[[Claims], str]] = {
    "unsigned": unsigned,
    "signed with the public key": mixed_up,
    "without its signature": stripped,
    "with another signature": spliced,
    "signed with another key": lambda c: jwt.encode(c, rsa_key("x"), "RS256", {"kid": "first"}),
    "of another algorithm": lambda c: jwt.encode(c, rsa_key("first"), "RS512", {"kid": "first"}),
    "of a key that nobody knows": lambda c: sign(c, kid="unknown"),
    "of the other kind": lambda c: jwt.encode(c, elliptic_key("e"), "ES256", {"kid": "first"}),
    "with a key of its own": lambda c: jwt.encode(
        c, rsa_key("x"), "RS256", {"jwk": public("x"), "jku": "https://evil.example/keys"}
    ),
    "no token": lambda _: "x",
    "empty": lambda _: "",
    "of one part": lambda c: sign(c).split(".")[0],
    "of four parts": lambda c: sign(c) + ".x",
    "with a strange kid": lambda c: jwt.encode(c, rsa_key("x"), "RS256", {"kid": "../../x\x00"}),
    "critical": lambda c: jwt.encode(
        c, rsa_key("first"), "RS256", {"kid": "first", "crit": ["b64"], "b64": False}
    ),
}


@pytest.mark.parametrize("kind", SIGNERS)
async def test_an_id_token_that_the_provider_has_not_signed_is_none(
    client: AsyncClient, database: Database, kind: str
) -> None:
    GOOGLE.sign = SIGNERS[kind]
    assert_problem(await visit(client, NAME), 502, "provider_failed")
    assert await database.count("users") == 0
    GOOGLE.sign = sign
    assert landing(await visit(client, NAME))["code"]


async def test_an_id_token_of_an_earlier_sign_in_is_refused(client: AsyncClient) -> None:
    kept: list[str] = []

    def keep(claims: Claims) -> str:
        kept.append(sign(claims))
        return kept[0]

    GOOGLE.sign = keep
    assert landing(await visit(client, NAME))["code"]
    assert_problem(await visit(client, NAME), 502, "provider_failed")
    assert len(kept) == 2


async def test_elliptic_keys_sign_as_well(fresh: AsyncClient) -> None:
    GOOGLE.answers[KEYS] = give({"keys": [public("first"), public_elliptic("second")]})
    GOOGLE.sign = lambda c: jwt.encode(c, elliptic_key("second"), "ES256", {"kid": "second"})
    assert landing(await visit(fresh, NAME))["code"]


async def test_a_token_without_a_kid_is_of_the_only_key_or_of_none(fresh: AsyncClient) -> None:
    GOOGLE.sign = lambda c: jwt.encode(c, rsa_key("first"), "RS256")
    assert landing(await visit(fresh, NAME))["code"]


async def test_issuers_are_not_mixed_up(client: AsyncClient, database: Database) -> None:
    """The answer of one provider is brought to another one (RFC 9207)."""
    for issuer in ("https://evil.example", f"{GOOGLE.url}/", GOOGLE.url.upper(), ""):
        answer = await reach(client, NAME, Person())
        refused = await come_back(client, NAME, answer | {"iss": issuer})
        assert_problem(refused, 502, "provider_failed")
    assert GOOGLE.token not in GOOGLE.asked
    answer = await reach(client, NAME, Person())
    del answer["iss"]
    assert landing(await come_back(client, NAME, answer))["code"]
