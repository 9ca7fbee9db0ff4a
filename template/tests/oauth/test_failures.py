"""Providers that are down, slow, or not what they should be, at the request for tokens."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest
from httpx2 import AsyncClient
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tests.fixtures import carrier
from tests.fixtures.api import Account, Api, assert_problem, load, open_account, running
from tests.fixtures.database import Database
from tests.fixtures.identities import PROVIDER, come_back, enter, landing, reach, visit
from tests.fixtures.oauth import CLIENT_SECRET, FAKES, Answer, Fake, Person, drip, give, give_text
from tests.fixtures.waits import end_waits

TIMEOUT = 1.0
PATIENCE = 20
LARGE = 10_000_000
JSON = "application/json"
AWAY = (503, "provider_unavailable")
WRONG = (502, "provider_failed")
DENIED = (403, "oauth_denied")
ZIPPED = {"Content-Encoding": "gzip"}
FAULTS: dict[str, tuple[Answer, tuple[int, str]]] = {
    "500": (give({"access_token": "x"}, 500), AWAY),
    "502 as HTML": (give_text("<h1>Bad gateway</h1>", 502), AWAY),
    "503": (give({}, 503), AWAY),
    "429": (give({"error": "invalid_grant"}, 429), AWAY),
    "HTML": (give_text("<html>Sign in</html>"), WRONG),
    "404": (give({"error": "invalid_grant"}, 404), WRONG),
    "403": (give({}, 403), WRONG),
    "204": (give_text("", 204), WRONG),
    "nothing": (give_text("", media_type=JSON), WRONG),
    "an empty object": (give({}), WRONG),
    "a list": (give([{"access_token": "x"}]), WRONG),
    "a text": (give("invalid_grant"), WRONG),
    "null": (give(None), WRONG),
    "a number": (give(1), WRONG),
    "no UTF-8": (give_text(b'{"access_token": "\xff"}', media_type=JSON), WRONG),
    "half an object": (give_text('{"access_token": "x"', media_type=JSON), WRONG),
    "deep": (give_text("[" * 200_000, media_type=JSON), WRONG),
    "10 MB": (give({"access_token": "x" * LARGE}), WRONG),
    "10 MB of HTML": (give_text(b"<" * LARGE), WRONG),
    "10 MB once unzipped": (give_text(gzip.compress(b" " * LARGE), headers=ZIPPED), WRONG),
    "unasked for zipped": (
        give_text(gzip.compress(b'{"error": "invalid_grant"}'), headers=ZIPPED),
        WRONG,
    ),
    "null as tokens": (give({"access_token": None, "id_token": None}), WRONG),
    "lists as tokens": (give({"access_token": ["x"], "id_token": ["x"]}), WRONG),
    "a line break as tokens": (give({"access_token": "x\r\ny: z", "id_token": "x\r\ny"}), WRONG),
    "no ASCII as tokens": (give({"access_token": "\u20ac", "id_token": "\u20ac"}), WRONG),
    "a refusal": (give({"error": "invalid_grant"}, 400), DENIED),
    "a refusal with 401": (give({"error": "invalid_grant"}, 401), DENIED),
    "a refusal with 200": (give({"error": "bad_verification_code"}), DENIED),
    "a refusal of the client": (give({"error": "invalid_client"}, 401), WRONG),
    "an error that is none": (give({"error": {"a": [1]}, "access_token": "x"}), WRONG),
    "drips": (drip, AWAY),
}


@pytest.fixture(scope="module")
async def hasty_api(environment: dict[str, str]) -> AsyncIterator[Api]:
    async with running(load(environment | {"OAUTH_TIMEOUT": str(TIMEOUT)})) as api:
        yield api


@pytest.fixture
def api(hasty_api: Api, database: Database) -> Api:
    return hasty_api


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_wrong_with_a_provider_is_told_and_is_no_500(
    client: AsyncClient, provider: str, fake: Fake, database: Database, fault: str
) -> None:
    fake.answers[fake.token], (status, code) = FAULTS[fault]
    started = time.monotonic()
    refused = await visit(client, provider)
    assert time.monotonic() - started < TIMEOUT + PATIENCE
    assert_problem(refused, status, code)
    assert ("retry-after" in refused.headers) == (status == 503)
    assert await database.count("users") == 0
    assert fake.asked.count(fake.token) == 1
    del fake.answers[fake.token]
    assert "code" in landing(await visit(client, provider))


async def test_a_provider_that_hangs_is_waited_for_as_long_as_the_settings_say(
    client: AsyncClient, provider: str, fake: Fake
) -> None:
    fake.answers[fake.token] = fake.hang
    answer = await reach(client, provider, Person())
    started = time.monotonic()
    refused = await come_back(client, provider, answer)
    assert time.monotonic() - started >= TIMEOUT
    assert_problem(refused, *AWAY)
    # It is over: the code may have been used.
    assert_problem(await come_back(client, provider, answer), 400, "oauth_state_invalid")


async def test_by_default_thirty_seconds_are_not_waited_out(worker_api: Api) -> None:
    fake = FAKES[PROVIDER]
    fake.answers[fake.token] = fake.hang
    async with worker_api.client() as client, asyncio.timeout(10):
        assert_problem(await visit(client, PROVIDER), *AWAY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_secrets_follow_no_redirect(
    client: AsyncClient, provider: str, fake: Fake, status: int
) -> None:
    async def redirect(_: Request) -> Response:
        return RedirectResponse(f"{fake.url}/elsewhere", status)

    fake.answers |= {fake.token: redirect, "elsewhere": give({})}
    assert_problem(await visit(client, provider), *WRONG)
    assert "elsewhere" not in fake.asked


async def test_who_waits_for_a_provider_holds_no_connection(
    environment: dict[str, str], database: Database, provider: str, fake: Fake
) -> None:
    limits = {"DATABASE_POOL_SIZE": "1", "DATABASE_MAX_OVERFLOW": "0"}
    short = {"DATABASE_POOL_TIMEOUT": "0.3"}
    fake.answers[fake.token] = fake.hang
    account = Account("ada@example.com")
    async with running(load(environment | limits | short)) as api, api.client() as client:
        await open_account(api, account)
        answers = [await reach(client, provider, Person()) for _ in range(3)]
        waiting = [asyncio.create_task(come_back(client, provider, one)) for one in answers]
        async with asyncio.timeout(PATIENCE):
            while fake.asked.count(fake.token) < len(answers):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await carrier.log_in(client, account)
        async with api.resources.engine.connect():
            busy = await carrier.try_to_sign_in(client, **account.credentials)
            assert busy.status_code == 503
        fake.held.set()
        for response in await asyncio.gather(*waiting):
            assert_problem(response, *AWAY)


@pytest.mark.parametrize("kind", ["development", "test"])
async def test_nothing_that_proves_something_is_logged(
    environment: dict[str, str],
    database: Database,
    provider: str,
    fake: Fake,
    capsysbinary: pytest.CaptureFixture[bytes],
    kind: str,
) -> None:
    variables = {"APP_ENVIRONMENT": kind, "APP_DEBUG": "true", "APP_LOG_LEVEL": "DEBUG"}
    variables["OAUTH_TIMEOUT"] = str(TIMEOUT)
    secrets = {CLIENT_SECRET}
    async with (
        running(load(environment | variables)) as api,
        api.client() as client,
    ):
        for fault in (None, give({}, 500), give_text("<html>"), drip):
            if fault is not None:
                fake.answers[fake.token] = fault
            answer = await reach(client, provider, Person())
            secrets |= {answer["state"], answer["code"]}
            response = await come_back(client, provider, answer)
            if fault is None:
                secrets |= {landing(response)["code"], *fake.people}
        secrets |= {value for value in client.cookies.values() if len(value) == 43}
    log = capsysbinary.readouterr().out.decode()
    assert "no sign-in" in log
    assert "/callback" in log
    assert len(secrets) > 10
    assert [secret for secret in secrets if secret in log] == []


async def test_an_answer_in_the_last_moment_is_one(
    client: AsyncClient, provider: str, fake: Fake
) -> None:
    exchange = fake.endpoints()[fake.token]

    async def late(request: Request) -> Response:
        await asyncio.sleep(TIMEOUT / 5)
        return await exchange(request)

    fake.answers[fake.token] = late
    assert (await enter(client, provider))["email"] == Person().email


async def test_many_who_wait_keep_nobody_else_from_signing_in(
    client: AsyncClient, provider: str, fake: Fake
) -> None:
    fake.answers[fake.token] = fake.hang
    answers = [await reach(client, provider, Person()) for _ in range(20)]
    tries = [come_back(client, provider, answer) for answer in answers]
    for response in await asyncio.gather(*tries):
        assert_problem(response, *AWAY)
    del fake.answers[fake.token]
    end_waits()
    assert (await enter(client, provider))["email"] == Person().email
