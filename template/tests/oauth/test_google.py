"""The whole way of a sign-in with a provider that others have written, in its own process."""

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from httpx2 import AsyncClient

from dev.processes import find_ports
from tests.fixtures import carrier
from tests.fixtures.api import Api, assert_problem, load, running
from tests.fixtures.database import Database
from tests.fixtures.identities import EXCHANGE, ME, Params, come_back, initiate, landing
from tests.fixtures.providers.openid import GOOGLE

NAME = GOOGLE.name
MOCK = (sys.executable, "-W", "ignore", "-m", "oidc_provider_mock")
STRICT = ("--require-registration", "true", "--require-nonce", "true")
GRACE = {"sub": "g-1", "email": "grace@example.com", "email_verified": True, "name": "Grace"}
MALLORY = {"sub": "m-1", "email": "mallory@example.com", "email_verified": False}
PATIENCE = 30


@dataclass(frozen=True)
class Provider:
    url: str
    client_id: str
    client_secret: str


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """A provider that the application is registered with."""
    port = next(find_ports(Path("nothing-was-used-before")))
    url = f"http://127.0.0.1:{port}"
    people = [f"--user-claims={json.dumps(person)}" for person in (GRACE, MALLORY)]
    log = tmp_path_factory.mktemp("provider") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*MOCK, *STRICT, *people, f"--port={port}"], stdout=output, stderr=output
        )
        try:
            yield register(url, process, log)
        finally:
            process.kill()
            process.wait()


def register(url: str, process: subprocess.Popen[bytes], log: Path) -> Provider:
    """Register at the provider as soon as it answers."""
    body = {
        "redirect_uris": [GOOGLE.redirect_uri],
        "token_endpoint_auth_method": "client_secret_post",
    }
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            response = httpx2.post(f"{url}/oauth2/clients", json=body)
        except httpx2.ConnectError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            assert response.status_code == 201, response.text
            made = response.json()
            return Provider(url, made["client_id"], made["client_secret"])


@pytest.fixture
def registered(environment: dict[str, str], provider: Provider) -> dict[str, str]:
    return environment | {
        "OAUTH_GOOGLE_ISSUER": provider.url,
        "OAUTH_GOOGLE_CLIENT_ID": provider.client_id,
        "OAUTH_GOOGLE_CLIENT_SECRET": provider.client_secret,
    }


@pytest.fixture
async def api(registered: dict[str, str], database: Database) -> AsyncIterator[Api]:
    async with running(load(registered)) as api:
        yield api


async def agree(url: str, **form: str) -> Params:
    """Fill in the provider's form; return what the browser brings back."""
    async with AsyncClient() as browser:
        assert (await browser.get(url)).status_code == 200
        response = await browser.post(url, data=form)
    assert response.status_code in {302, 303}, response.text
    back = urlsplit(response.headers["location"])
    assert back._replace(query="").geturl() == GOOGLE.redirect_uri
    return dict(parse_qsl(back.query))


async def test_people_sign_in(client: AsyncClient, database: Database) -> None:
    for _ in range(2):
        answer = await agree(await initiate(client, NAME), sub="g-1")
        code = landing(await come_back(client, NAME, answer))["code"]
        await carrier.enter(client, EXCHANGE, {"code": code})
        account = (await client.get(ME)).json()
        assert (account["email"], account["full_name"]) == (GRACE["email"], GRACE["name"])
    assert await database.fetch("SELECT subject FROM oauth_identities") == [("g-1",)]


async def test_an_address_that_is_not_verified_there_opens_no_account(
    client: AsyncClient, database: Database
) -> None:
    answer = await agree(await initiate(client, NAME), sub="m-1")
    assert_problem(await come_back(client, NAME, answer), 403, "email_not_verified")
    assert await database.count("users") == 0


async def test_a_refusal_there_is_one_here(client: AsyncClient) -> None:
    url = await initiate(client, NAME)
    answer = await agree(url, action="deny")
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    assert answer["error"] == "access_denied"
    refused = await come_back(client, NAME, answer | {"state": state})
    assert_problem(refused, 403, "oauth_denied")


async def test_a_code_is_good_once_there_as_well(client: AsyncClient) -> None:
    first = await agree(await initiate(client, NAME), sub="g-1")
    assert landing(await come_back(client, NAME, first))["code"]
    second = await agree(await initiate(client, NAME), sub="g-1")
    replayed = second | {"code": first["code"]}
    assert_problem(await come_back(client, NAME, replayed), 403, "oauth_denied")


async def test_the_provider_knows_the_application_by_its_secret(
    registered: dict[str, str], database: Database
) -> None:
    settings = load(registered | {"OAUTH_GOOGLE_CLIENT_SECRET": "another-secret"})
    async with running(settings) as api, api.client() as client:
        answer = await agree(await initiate(client, NAME), sub="g-1")
        assert_problem(await come_back(client, NAME, answer), 502, "provider_failed")
