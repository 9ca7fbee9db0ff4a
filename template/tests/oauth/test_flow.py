"""The whole way of a sign-in with each provider, and what happens where somebody leaves it."""

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from httpx2 import AsyncClient

from app.core.config.app import SLUG
from tests.fixtures import carrier
from tests.fixtures.api import Api, assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.identities import (
    EXCHANGE,
    OAUTH,
    Params,
    come_back,
    consent,
    enter,
    exchange,
    initiate,
    landing,
    reach,
    reach_code,
    visit,
)
from tests.fixtures.oauth import FAKES, Fake, Person

COOKIE = f"__Host-{SLUG}-oauth"
TOGETHER = 6


@pytest.fixture
async def browsers(api: Api) -> AsyncIterator[list[AsyncClient]]:
    async with api.client() as one, api.client() as another:
        yield [one, another]


@pytest.fixture
async def replica(environment: dict[str, str], database: Database) -> AsyncIterator[Api]:
    """The application once more, which shares nothing with the first but its services."""
    async with running(load(environment)) as api:
        yield api


async def test_the_first_sign_in_opens_an_account_which_the_next_one_finds(
    browsers: list[AsyncClient], provider: str, database: Database
) -> None:
    first, second = [await enter(browser, provider) for browser in browsers]
    assert first["id"] == second["id"]
    assert (first["email"], first["full_name"]) == ("grace@example.com", "Grace Hopper")
    verified = "hashed_password IS NULL AND email_verified_at IS NOT NULL AND role = 'user'"
    assert await database.count(f"users WHERE {verified}") == 1
    identity = ("provider", "subject", "email")
    [found] = await database.fetch(f"SELECT {', '.join(identity)} FROM oauth_identities")
    assert found == (provider, "1001", "grace@example.com")
    assert await database.count("auth_sessions") == 2
    assert await database.count("users") == 1


async def test_nobody_is_signed_in_before_the_code_is_exchanged(
    client: AsyncClient, provider: str, database: Database
) -> None:
    response = await visit(client, provider)
    assert set(landing(response)) == {"code", "next"}
    assert response.cookies == {}
    assert_problem(await client.get("/api/v1/users/me"), 401, "not_authenticated")
    assert await database.count("auth_sessions") == 0
    await carrier.enter(client, EXCHANGE, {"code": landing(response)["code"]})
    assert (await client.get("/api/v1/users/me")).status_code == 200


async def test_nothing_that_leads_on_is_stored_in_clear(
    client: AsyncClient, provider: str, database: Database
) -> None:
    url = await initiate(client, provider)
    answer = await consent(url, Person())
    states = str(await database.fetch("SELECT row_to_json(s)::text FROM oauth_states s"))
    code = landing(await come_back(client, provider, answer))["code"]
    codes = str(await database.fetch("SELECT row_to_json(c)::text FROM oauth_codes c"))
    assert provider in states
    assert "user_id" in codes
    for secret in (*answer.values(), code, client.cookies[COOKIE]):
        if len(secret) > 20 and not secret.startswith("http"):
            assert secret not in states + codes


async def test_no_two_sign_ins_have_anything_in_common_that_is_to_be_guessed(
    client: AsyncClient, provider: str
) -> None:
    urls = [await initiate(client, provider) for _ in range(2)]
    drawn = [dict(part.split("=") for part in url.split("?")[1].split("&")) for url in urls]
    same = {name for name in drawn[0] if drawn[0][name] == drawn[1][name]}
    secret = {"state", "code_challenge", "nonce"} & set(drawn[0])
    assert len(secret) >= 2
    assert same == set(drawn[0]) - secret


async def test_the_browser_is_known_by_a_cookie_that_no_script_and_no_other_site_reads(
    client: AsyncClient, provider: str
) -> None:
    path = f"{OAUTH}/{provider}/initiate"
    response = await client.get(path)
    cookie = SimpleCookie(response.headers["set-cookie"])[COOKIE]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("lax", "/", "")
    assert len(cookie.value) == 43
    for value, kept in [(cookie.value, True), ("x", False), (cookie.value[1:], False)]:
        response = await client.get(path, headers={"Cookie": f"{COOKIE}={value}"})
        again = SimpleCookie(response.headers["set-cookie"])[COOKIE].value
        assert (again == value) == kept


async def test_sign_ins_in_several_tabs_go_on_side_by_side(
    client: AsyncClient, provider: str
) -> None:
    answers = [await reach(client, provider, Person()) for _ in range(3)]
    codes = [landing(await come_back(client, provider, answer))["code"] for answer in answers]
    assert [(await exchange(client, code)).status_code for code in codes[::-1]] == [200] * 3


@pytest.mark.parametrize(
    "change",
    [{"state": None}, {"state": ""}, {"state": "x" * 43}, {"state": "é\x00"}],
    ids=["missing", "empty", "made up", "no text"],
)
async def test_nobody_comes_back_without_the_state(
    client: AsyncClient, provider: str, fake: Fake, change: dict[str, str | None]
) -> None:
    answer = await reach(client, provider, Person())
    changed = {name: value for name, value in (answer | change).items() if value is not None}
    refused = await come_back(client, provider, changed)
    assert_problem(refused, 400, "oauth_state_invalid")
    assert fake.token not in fake.asked
    assert "code" in landing(await come_back(client, provider, answer))


async def test_another_browser_can_not_go_on_and_does_not_end_it_either(
    browsers: list[AsyncClient], provider: str, fake: Fake
) -> None:
    mine, other = browsers
    answer = await reach(mine, provider, Person())
    assert_problem(await come_back(other, provider, answer), 400, "oauth_state_invalid")
    # With a cookie of its own as well.
    await initiate(other, provider)
    assert_problem(await come_back(other, provider, answer), 400, "oauth_state_invalid")
    assert fake.token not in fake.asked
    code = landing(await come_back(mine, provider, answer))["code"]
    assert_problem(await exchange(other, code), 401, "token_invalid")
    assert (await exchange(mine, code)).status_code == 200


async def test_a_state_is_good_for_the_provider_that_it_was_made_for(
    client: AsyncClient, provider: str, fake: Fake, database: Database
) -> None:
    answer = await reach(client, provider, Person())
    move = "UPDATE oauth_states SET provider = $1"
    await database.execute(move, "elsewhere")
    assert_problem(await come_back(client, provider, answer), 400, "oauth_state_invalid")
    assert fake.token not in fake.asked
    await database.execute(move, provider)
    assert "code" in landing(await come_back(client, provider, answer))


@pytest.mark.parametrize("table", ["oauth_states", "oauth_codes"])
async def test_what_has_expired_leads_nowhere_and_goes(
    client: AsyncClient, provider: str, database: Database, table: str
) -> None:
    age = f"UPDATE {table} SET expires_at = expires_at - $1 * interval '1 second'"
    lifetime = {"oauth_states": 600, "oauth_codes": 60}[table]

    async def go_on(seconds: int) -> int:
        answer = await reach(client, provider, Person())
        if table == "oauth_states":
            await database.execute(age, seconds)
            return (await come_back(client, provider, answer)).status_code
        code = landing(await come_back(client, provider, answer))["code"]
        await database.execute(age, seconds)
        return (await exchange(client, code)).status_code

    assert await go_on(lifetime - 5) in {200, 302}
    assert await go_on(lifetime) in {400, 401}
    assert await database.count(table) == 1
    await reach_code(client, provider)
    assert await database.count(f"{table} WHERE expires_at <= now()") == 0


async def test_who_comes_back_twice_is_let_in_once(
    client: AsyncClient, provider: str, fake: Fake
) -> None:
    answer = await reach(client, provider, Person())
    assert "code" in landing(await come_back(client, provider, answer))
    assert_problem(await come_back(client, provider, answer), 400, "oauth_state_invalid")
    assert fake.asked.count(fake.token) == 1


async def test_of_many_at_once_who_come_back_one_is_let_in(
    client: AsyncClient, api: Api, replica: Api, provider: str, fake: Fake
) -> None:
    answer = await reach(client, provider, Person())
    cookies = client.cookies
    async with api.client(cookies=cookies) as here, replica.client(cookies=cookies) as there:
        tries = [come_back(who, provider, answer) for who in [here, there] * TOGETHER]
        answers = await asyncio.gather(*tries)
    statuses = sorted(response.status_code for response in answers)
    assert statuses == [302] + [400] * (2 * TOGETHER - 1)
    assert fake.asked.count(fake.token) == 1


async def test_of_many_exchanges_at_once_one_signs_in(
    client: AsyncClient, api: Api, replica: Api, provider: str, database: Database
) -> None:
    code = await reach_code(client, provider)
    cookies = client.cookies
    async with api.client(cookies=cookies) as here, replica.client(cookies=cookies) as there:
        tries = [exchange(who, code) for who in [here, there] * TOGETHER]
        answers = await asyncio.gather(*tries)
    statuses = sorted(response.status_code for response in answers)
    assert statuses == [200] + [401] * (2 * TOGETHER - 1)
    assert await database.count("auth_sessions") == 1
    assert_problem(await exchange(client, code), 401, "token_invalid")


async def test_whoever_signs_in_for_the_first_time_twice_at_once_has_one_account(
    api: Api, replica: Api, provider: str, database: Database
) -> None:
    clients = [where.client() for where in [api, replica] * 3]
    answers: list[Params] = [await reach(client, provider, Person()) for client in clients]
    pairs = zip(clients, answers, strict=True)
    landed = await asyncio.gather(*(come_back(who, provider, answer) for who, answer in pairs))
    assert all("code" in landing(response) for response in landed)
    for client in clients:
        await client.aclose()
    assert [await database.count(t) for t in ("users", "oauth_identities")] == [1, 1]


async def test_providers_are_listed_as_far_as_the_application_is_registered_there(
    client: AsyncClient, provider: str, environment: dict[str, str]
) -> None:
    listed = (await client.get(f"{OAUTH}/providers")).json()["items"]
    assert {one["name"] for one in listed} == set(FAKES)
    [mine] = [one for one in listed if one["name"] == provider]
    assert mine["title"].lower() == provider
    assert mine["initiate_url"] == f"{OAUTH}/{provider}/initiate"
    settings = load(environment | {f"OAUTH_{provider.upper()}_CLIENT_ID": ""})
    async with running(settings) as api, api.client() as other:
        listed = (await other.get(f"{OAUTH}/providers")).json()["items"]
        assert {one["name"] for one in listed} == set(FAKES) - {provider}
        for name in (provider, "nobody", "providers"):
            response = await other.get(f"{OAUTH}/{name}/initiate")
            assert_problem(response, 404, "not_found")
