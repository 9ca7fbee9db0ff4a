"""What GitHub says of who has let the application in, and what of it counts."""

import asyncio
from typing import Any

import pytest
from httpx2 import AsyncClient
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tests.fixtures.api import assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.identities import come_back, enter, landing, reach, visit
from tests.fixtures.oauth import CLIENT_SECRET, Answer, Person, drip, give, give_text
from tests.fixtures.providers.github import EMAILS, GITHUB, USER

NAME = GITHUB.name
GRACE = {"email": "grace@example.com", "primary": True, "verified": True}
AWAY = (503, "provider_unavailable")
WRONG = (502, "provider_failed")
UNVERIFIED = (403, "email_not_verified")


@pytest.mark.parametrize(
    ("user", "answer"),
    [
        ({"id": 1001}, None),
        ({"id": 1001, "name": None}, None),
        ({"id": 2**62, "name": "Grace"}, None),
        ({}, WRONG),
        ([], WRONG),
        ({"id": None}, WRONG),
        ({"id": True}, WRONG),
        ({"id": 0}, WRONG),
        ({"id": -1}, WRONG),
        ({"id": "1001"}, WRONG),
        ({"id": "1001'; --"}, WRONG),
        ({"id": 1.5}, WRONG),
        ({"id": 1e400}, WRONG),
        ({"id": [1001]}, WRONG),
        ({"login": "grace"}, WRONG),
    ],
    ids=str,
)
async def test_people_are_known_by_their_number(
    client: AsyncClient, database: Database, user: Any, answer: tuple[int, str] | None
) -> None:
    GITHUB.answers |= {USER: give_json(user), EMAILS: give([GRACE])}
    response = await visit(client, NAME)
    if answer is None:
        assert landing(response)["code"]
        [subject] = await database.fetch("SELECT subject FROM oauth_identities")
        assert subject == (str(user["id"]),)
    else:
        assert_problem(response, *answer)
        assert await database.count("users") == 0


def give_json(content: Any) -> Answer:
    """Answer with JSON that a strict encoder refuses to write."""
    text = str(content).replace("'", '"').replace("None", "null").replace("True", "true")
    return give_text(text.replace("inf", "1e400"), media_type="application/json")


@pytest.mark.parametrize(
    ("emails", "answer"),
    [
        ([GRACE], None),
        ([{"email": "a@example.com", "primary": False, "verified": True}, GRACE], None),
        ([GRACE | {"visibility": "private"}], None),
        ([], UNVERIFIED),
        ([GRACE | {"verified": False}], UNVERIFIED),
        ([GRACE | {"primary": False}], UNVERIFIED),
        ([GRACE | {"email": "grace"}], UNVERIFIED),
        ({}, WRONG),
        ({"message": "Not found"}, WRONG),
        ([GRACE | {"verified": None}], WRONG),
        ([GRACE | {"verified": [True]}], WRONG),
        ([GRACE | {"email": None}], WRONG),
        ([{"email": "grace@example.com"}], WRONG),
        (["grace@example.com"], WRONG),
        (None, WRONG),
    ],
    ids=str,
)
async def test_of_the_addresses_only_the_primary_one_counts_if_it_is_verified(
    client: AsyncClient, database: Database, emails: Any, answer: tuple[int, str] | None
) -> None:
    GITHUB.answers[EMAILS] = give(emails)
    response = await visit(client, NAME)
    if answer is None:
        assert landing(response)["code"]
        assert await database.fetch("SELECT email FROM users") == [(GRACE["email"],)]
    else:
        assert_problem(response, *answer)
        assert await database.count("users") == 0


async def test_a_public_address_is_never_taken(client: AsyncClient, database: Database) -> None:
    await enter(client, NAME)
    assert await database.fetch("SELECT email FROM users") == [("grace@example.com",)]
    assert GITHUB.asked.count(USER) == 1


FAULTS: dict[str, tuple[Answer, tuple[int, str]]] = {
    "500": (give({}, 500), AWAY),
    "429": (give({}, 429), AWAY),
    "401": (give({"message": "Bad credentials"}, 401), WRONG),
    "403": (give({"message": "Resource not accessible"}, 403), WRONG),
    "HTML": (give_text("<html>"), WRONG),
    "10 MB": (give(["x" * 10_000_000]), WRONG),
    "drips": (drip, AWAY),
    "hangs": (GITHUB.hang, AWAY),
}


@pytest.mark.parametrize("path", [USER, EMAILS])
@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_wrong_with_the_api_is_told(
    environment: dict[str, str], database: Database, path: str, fault: str
) -> None:
    GITHUB.answers[path], answer = FAULTS[fault]
    settings = load(environment | {"OAUTH_TIMEOUT": "1"})
    async with running(settings) as api, api.client() as client:
        assert_problem(await visit(client, NAME), *answer)
        assert await database.count("users") == 0
        del GITHUB.answers[path]
        assert landing(await visit(client, NAME))["code"]


async def test_the_time_is_that_of_all_requests_together(
    environment: dict[str, str], database: Database
) -> None:
    """Three that are slow are as bad as one that is three times as slow."""
    settings = load(environment | {"OAUTH_TIMEOUT": "1"})

    def slow(path: str, seconds: float) -> Answer:
        answer = GITHUB.endpoints()[path]

        async def wait(request: Request) -> Response:
            await asyncio.sleep(seconds)
            return await answer(request)

        return wait

    paths = (GITHUB.token, USER, EMAILS)
    async with running(settings) as api, api.client() as client:
        for seconds, fits in [(0.6, False), (0.05, True)]:
            GITHUB.answers = {path: slow(path, seconds) for path in paths}
            response = await visit(client, NAME)
            if fits:
                assert landing(response)["code"]
            else:
                assert_problem(response, *AWAY)


@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        ("{url}/login/oauth", True),
        ("https://github.com/login/oauth", False),
        ("{url}.evil.example/login/oauth", False),
        ("", False),
    ],
)
async def test_an_answer_of_another_issuer_is_refused(
    client: AsyncClient, issuer: str, *, good: bool
) -> None:
    answer = await reach(client, NAME, Person())
    issued = answer | {"iss": issuer.format(url=GITHUB.url)}
    response = await come_back(client, NAME, issued)
    if good:
        assert landing(response)["code"]
    else:
        assert_problem(response, *WRONG)
        assert GITHUB.token not in GITHUB.asked


async def test_a_provider_that_nobody_listens_for_is_away(
    environment: dict[str, str], database: Database, unused_tcp_port: int
) -> None:
    nowhere = {"OAUTH_GITHUB_API_URL": f"http://127.0.0.1:{unused_tcp_port}"}
    async with running(load(environment | nowhere)) as api, api.client() as client:
        assert_problem(await visit(client, NAME), *AWAY)


async def test_the_api_sees_the_token_and_never_the_secret(client: AsyncClient) -> None:
    seen: list[str] = []

    async def look(request: Request) -> Response:
        seen.append(str(request.headers) + str(request.url))
        return JSONResponse([GRACE])

    GITHUB.answers[EMAILS] = look
    assert landing(await visit(client, NAME))["code"]
    [token] = GITHUB.people
    assert f"Bearer {token}" in seen[0]
    assert CLIENT_SECRET not in seen[0]
