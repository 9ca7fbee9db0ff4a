"""What is fetched of a provider of OpenID Connect, how often, and what of it is believed."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from httpx2 import AsyncClient, MockTransport, Request, Response

from app.core.auth_providers import openid
from app.core.auth_providers.provider import Authorization, ProviderFailed, Transport
from tests.fixtures.api import PASSWORD, VARIABLES, Api, assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.identities import (
    IDENTITIES,
    OAUTH,
    begin_link,
    come_back,
    initiate,
    landing,
    reach,
    reach_code,
    visit,
)
from tests.fixtures.oauth import Person, drip, give, give_text
from tests.fixtures.providers.openid import DISCOVERY, GOOGLE, KEYS, public, sign

NAME = GOOGLE.name
PAGE = "text/html"
AT_ONCE = 8


@pytest.fixture
async def api(environment: dict[str, str], database: Database) -> AsyncIterator[Api]:
    """An application that knows nothing of the provider yet."""
    async with running(load(environment | {"OAUTH_TIMEOUT": "2"})) as api:
        yield api


async def begin(client: AsyncClient, **headers: str) -> Any:
    return await client.get(f"{OAUTH}/{NAME}/initiate", headers=headers)


async def test_what_a_provider_says_of_itself_is_fetched_once_for_many(
    client: AsyncClient, api: Api
) -> None:
    urls = await asyncio.gather(*(initiate(client, NAME) for _ in range(AT_ONCE)))
    assert len(set(urls)) == AT_ONCE
    assert GOOGLE.asked == [DISCOVERY]
    answers = [await reach(client, NAME, Person()) for _ in range(AT_ONCE)]
    landed = await asyncio.gather(*(come_back(client, NAME, answer) for answer in answers))
    assert all(landing(response)["code"] for response in landed)
    assert GOOGLE.asked.count(GOOGLE.token) == AT_ONCE
    assert [GOOGLE.asked.count(path) for path in (DISCOVERY, KEYS)] == [1, 1]


class Clock:
    """A clock of the provider's own, since the event loop lives by the real one."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.passed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(openid, "time", clock)
    return clock


async def test_what_was_fetched_is_fetched_again_when_it_is_old(
    client: AsyncClient, clock: Clock
) -> None:
    await reach_code(client, NAME)
    for seconds, times in [(openid.KEPT - 60, 1), (openid.KEPT + 60, 2)]:
        clock.passed = seconds
        await reach_code(client, NAME)
        assert [GOOGLE.asked.count(path) for path in (DISCOVERY, KEYS)] == [times, times]


async def test_a_new_key_is_looked_for_at_most_once_a_minute(
    client: AsyncClient, clock: Clock
) -> None:
    await reach_code(client, NAME)
    GOOGLE.sign = lambda claims: sign(claims, kid="next")
    for looks in (1, 2):
        for _ in range(3):
            assert_problem(await visit(client, NAME), 502, "provider_failed")
        assert GOOGLE.asked.count(KEYS) == looks
        clock.passed += openid.BETWEEN_LOOKS + 1
    GOOGLE.kids = ["first", "next"]
    assert await reach_code(client, NAME)
    assert GOOGLE.asked.count(KEYS) == 3


@pytest.mark.parametrize(
    "keys",
    [
        {},
        [],
        {"keys": []},
        {"keys": None},
        {"keys": "first"},
        {"keys": ["first"]},
        {"keys": [None]},
        {"keys": [{"kty": "RSA", "kid": "first"}]},
        {"keys": [{"kty": "RSA", "kid": "first", "n": "!", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "kid": "first", "n": "AQAB", "e": ""}]},
        {"keys": [{"kty": "oct", "kid": "first", "k": "c2VjcmV0" * 6, "alg": "HS256"}]},
        {"keys": [{"kty": "EC", "kid": "first", "crv": "P-256", "x": "AA", "y": "AA"}]},
        {"keys": [{"kty": ["RSA"], "kid": {"a": 1}}]},
    ],
    ids=lambda keys: str(keys)[:60],
)
async def test_keys_that_are_none_sign_nobody_in(client: AsyncClient, keys: Any) -> None:
    GOOGLE.answers[KEYS] = give(keys)
    assert_problem(await visit(client, NAME), 502, "provider_failed")


async def test_two_keys_of_one_name_are_none(client: AsyncClient) -> None:
    GOOGLE.answers[KEYS] = give({"keys": [public("first"), public("x") | {"kid": "first"}]})
    assert_problem(await visit(client, NAME), 502, "provider_failed")


async def test_one_broken_key_spoils_no_other(client: AsyncClient) -> None:
    broken = [{"kty": "unknown", "kid": "a"}, {"kty": "RSA", "kid": "b"}]
    GOOGLE.answers[KEYS] = give({"keys": [*broken, public("first")]})
    assert await reach_code(client, NAME)


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"issuer": "{url}/"}, True),
        ({"token_endpoint": None}, False),
        ({"jwks_uri": 1}, False),
        ({"issuer": "https://evil.example"}, False),
        ({"authorization_endpoint": "javascript:alert(1)"}, False),
        ({"authorization_endpoint": "/authorize"}, False),
        ({"token_endpoint": "file:///etc/passwd"}, False),
        ({"jwks_uri": "ftp://127.0.0.1/keys"}, False),
    ],
    ids=str,
)
async def test_a_provider_that_says_nonsense_of_itself_is_not_gone_to(
    client: AsyncClient, database: Database, change: dict[str, Any], *, good: bool
) -> None:
    said = {k: v.format(url=GOOGLE.url) if isinstance(v, str) else v for k, v in change.items()}
    GOOGLE.answers[DISCOVERY] = give(GOOGLE.metadata | said)
    response = await begin(client)
    if good:
        assert response.status_code == 302
    else:
        assert_problem(response, 502, "provider_failed")
    assert await database.count("oauth_states") == int(good)


async def show(content: object, _: Request) -> Response:
    """Answer as a server that can't be had here, since nobody here has its certificate."""

    async def body() -> AsyncIterator[bytes]:
        yield json.dumps(content).encode()

    return Response(200, content=body())


async def test_nobody_is_sent_over_an_open_line_by_a_provider_that_has_a_closed_one() -> None:
    closed = "https://accounts.example.com"
    metadata = {
        "issuer": closed,
        "authorization_endpoint": f"{closed}/authorize",
        "token_endpoint": f"{closed}/token",
        "jwks_uri": f"{closed}/keys",
    }
    settings = load(VARIABLES | {"OAUTH_GOOGLE_ISSUER": closed}).google
    for name in (None, "authorization_endpoint", "token_endpoint", "jwks_uri"):
        said = metadata | ({name: "http://accounts.example.com/x"} if name else {})
        transport = MockTransport(partial(show, said))
        async with AsyncClient(transport=transport) as client:
            provider = settings.make(Transport(client))
            authorization = Authorization("s", "v", "n", "https://api.example.com")
            if name is None:
                url = await provider.authorization_url(authorization)
                assert url.startswith(f"{closed}/authorize?")
            else:
                with pytest.raises(ProviderFailed, match="everybody can listen"):
                    await provider.authorization_url(authorization)


FAULTS = {
    "500": (give({}, 500), "provider_unavailable"),
    "HTML": (give_text("<html>"), "provider_failed"),
    "404": (give({}, 404), "provider_failed"),
    "10 MB": (give({"issuer": "x" * 10_000_000}), "provider_failed"),
    "a list": (give([]), "provider_failed"),
    "drips": (drip, "provider_unavailable"),
    "hangs": (GOOGLE.hang, "provider_unavailable"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_provider_that_is_away_at_the_start_is_told_and_asked_again(
    client: AsyncClient, user_client: AsyncClient, fault: str
) -> None:
    GOOGLE.answers[DISCOVERY], code = FAULTS[fault]
    status = 503 if code.endswith("unavailable") else 502
    assert_problem(await begin(client), status, code)
    assert landing(await begin(client, Accept=PAGE)) == {"error": code}
    refused = await user_client.post(f"{IDENTITIES}/{NAME}", json={"password": PASSWORD})
    assert_problem(refused, status, code)
    del GOOGLE.answers[DISCOVERY]
    assert await reach_code(client, NAME)
    assert await begin_link(user_client, NAME)


@pytest.mark.parametrize("fault", FAULTS)
async def test_keys_that_are_away_sign_nobody_in(client: AsyncClient, fault: str) -> None:
    GOOGLE.answers[KEYS], code = FAULTS[fault]
    status = 503 if code.endswith("unavailable") else 502
    assert_problem(await visit(client, NAME), status, code)
    del GOOGLE.answers[KEYS]
    assert await reach_code(client, NAME)


async def test_the_endpoint_may_have_parameters_of_its_own(client: AsyncClient) -> None:
    endpoint = {"authorization_endpoint": f"{GOOGLE.url}/{GOOGLE.authorization}?tenant=a"}
    GOOGLE.answers[DISCOVERY] = give(GOOGLE.metadata | endpoint)
    url = await initiate(client, NAME)
    assert dict(parse_qsl(urlsplit(url).query))["tenant"] == "a"
    assert await reach_code(client, NAME)
