"""What keeps other sites from acting in the name of who is signed in."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx2 import AsyncClient, Response

from tests.fixtures import registration
from tests.fixtures.api import (
    PASSWORD,
    Account,
    Api,
    Routes,
    SignIn,
    assert_problem,
    codes_of,
    load,
    running,
)
from tests.fixtures.carrier import COOKIE, HEADER, SAFE_METHODS, sign_in
from tests.fixtures.database import Database

CSRF = "/api/v1/auth/csrf"
LOGIN = "/api/v1/auth/login"
ME = "/api/v1/users/me"
CHANGE = {"full_name": "Eve"}
FRONT = "https://front.example.com"
SOME_ID = "01a1fc75-c369-7283-ba86-bd4b339b3341"


def shown(session: str, cookie: str, header: str | None) -> dict[str, str]:
    """The headers of a request with these cookies, and with this token as a header or with none."""
    cookies = {"Cookie": f"{COOKIE}={session}; {COOKIE}-csrf={cookie}"}
    return cookies if header is None else cookies | {HEADER: header}


def session_of(client: AsyncClient) -> str:
    return client.cookies[COOKIE]


def token_of(client: AsyncClient) -> str:
    return client.cookies[f"{COOKIE}-csrf"]


async def send(client: AsyncClient, method: str, path: str, **options: Any) -> Response:
    """Send a request as it is, without the token that a client of the tests adds."""
    return await AsyncClient.request(client, method, path, **options)


async def change(client: AsyncClient, headers: dict[str, str]) -> Response:
    return await send(client, "PATCH", ME, json=CHANGE, headers=headers)


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "wrong",
        "both wrong",
        "another's",
        "tossed",
        "anonymous",
        "unsigned",
        "only signed",
        "no cookie",
    ],
)
async def test_only_the_token_of_the_session_is_accepted(
    client: AsyncClient, user_client: AsyncClient, admin_client: AsyncClient, kind: str
) -> None:
    anonymous = str((await client.get(CSRF)).json()["csrf_token"])
    session, mine, theirs = session_of(user_client), token_of(user_client), token_of(admin_client)
    nonce, _, signature = mine.partition(".")
    cookie, header = {
        "missing": (mine, None),
        "empty": ("", ""),
        "wrong": (mine, mine[::-1]),
        "both wrong": (mine[::-1], mine[::-1]),
        "another's": (mine, theirs),
        # As a site can that sets cookies for others of its domain.
        "tossed": (theirs, theirs),
        "anonymous": (anonymous, anonymous),
        "unsigned": (nonce, nonce),
        "only signed": (f".{signature}", f".{signature}"),
        "no cookie": ("", mine),
    }[kind]
    refused = await change(user_client, shown(session, cookie, header))
    assert_problem(refused, 403, "csrf_failed")
    assert (await user_client.get(ME)).json()["full_name"] is None
    accepted = await change(user_client, shown(session, mine, mine))
    assert (accepted.status_code, accepted.json()["full_name"]) == (200, "Eve")


async def test_a_token_is_worth_nothing_for_another_session_of_the_user(
    user: Account, sign_in: SignIn
) -> None:
    here, there = await sign_in(user), await sign_in(user)
    token = token_of(there)
    assert_problem(await change(here, shown(session_of(here), token, token)), 403, "csrf_failed")
    assert (await change(there, shown(session_of(there), token, token))).status_code == 200


async def test_the_token_from_before_the_sign_in_ends_with_it(
    client: AsyncClient, user: Account
) -> None:
    before = str((await client.get(CSRF)).json()["csrf_token"])
    anonymous = session_of(client)
    login = await client.post(LOGIN, json=user.credentials)
    assert login.json()["csrf_token"] == token_of(client) != before
    refused = await change(client, shown(session_of(client), before, before))
    assert_problem(refused, 403, "csrf_failed")
    assert_problem(await change(client, shown(anonymous, before, before)), 401, "not_authenticated")
    assert (await client.patch(ME, json=CHANGE)).status_code == 200


async def test_a_fresh_token_takes_the_place_of_the_last_one(user_client: AsyncClient) -> None:
    session, first = session_of(user_client), token_of(user_client)
    second = str((await user_client.get(CSRF)).json()["csrf_token"])
    assert session_of(user_client) == session
    assert second == token_of(user_client) != first
    assert_problem(await change(user_client, {HEADER: first}), 403, "csrf_failed")
    assert (await change(user_client, {HEADER: second})).status_code == 200


@pytest.mark.parametrize("session", ["", "x", "anonymous.", "a" * 4000])
async def test_whatever_the_cookie_is_a_token_for_it_can_be_had(
    api: Api, user: Account, session: str
) -> None:
    async with api.client() as client:
        client.cookies.set(COOKIE, session)
        assert (await client.post(LOGIN, json=user.credentials)).status_code == 200
        assert (await client.get(ME)).json()["email"] == user.email


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("login", {"username": "ada", "password": PASSWORD}),
        ("register", {"email": "new@example.com", "password": PASSWORD}),
        ("reset-password", {"token": "x", "password": PASSWORD}),
    ],
)
async def test_who_is_not_signed_in_needs_a_token_too(
    api: Api,
    client: AsyncClient,
    user: Account,
    database: Database,
    path: str,
    body: dict[str, str],
) -> None:
    client.cookies.clear()
    path = f"/api/v1/auth/{path}"
    async with api.client() as another:
        theirs = str((await another.get(CSRF)).json()["csrf_token"])
    await client.get(CSRF)
    mine = session_of(client)
    client.cookies.clear()
    for headers in (None, {HEADER: "x"}, shown("x", "x", "x"), shown(mine, theirs, theirs)):
        refused = await send(client, "POST", path, json=body, headers=headers)
        assert_problem(refused, 403, "csrf_failed")
        assert "set-cookie" not in refused.headers
    assert [await database.count(table) for table in ("users", "auth_sessions")] == [1, 0]
    answer = await client.post(path, json=body)
    statuses = {"login": 200, "register": registration.REGISTERED, "reset-password": 401}
    assert answer.status_code == statuses[path.rpartition("/")[2]]


async def test_what_is_safe_needs_no_token(client: AsyncClient, user_client: AsyncClient) -> None:
    headers = {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "cross-site"}
    for method in sorted(SAFE_METHODS):
        status = 200 if method in {"GET", "HEAD"} else 405
        assert (await send(user_client, method, ME, headers=headers)).status_code == status
    assert_problem(await send(client, "GET", ME, headers=headers), 401, "not_authenticated")


@pytest.fixture(scope="module")
async def fronted_api(environment: dict[str, str]) -> AsyncIterator[Api]:
    """An application whose front end is on another site."""
    async with running(load(environment | {"APP_CORS_ORIGINS": f"{FRONT},*"})) as api:
        yield api


SITES: list[tuple[str, dict[str, str], bool]] = [
    ("https", {}, True),
    ("https", {"Origin": "https://localhost"}, True),
    ("https", {"Origin": FRONT}, True),
    ("https", {"Origin": FRONT, "Sec-Fetch-Site": "cross-site"}, True),
    ("https", {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}, True),
    ("https", {"Sec-Fetch-Site": "same-origin"}, True),
    ("https", {"Sec-Fetch-Site": "none"}, True),
    # TLS may end at a proxy in front of the application.
    ("http", {"Origin": "https://localhost"}, True),
    ("http", {"Origin": "http://localhost"}, True),
    ("https", {"Origin": "http://localhost"}, False),
    ("https", {"Origin": "https://evil.example.com"}, False),
    ("https", {"Origin": "https://localhost.evil.example.com"}, False),
    ("https", {"Origin": "https://evil.example.com", "Sec-Fetch-Site": "same-origin"}, False),
    ("https", {"Origin": "https://localhost:8443"}, False),
    ("https", {"Origin": "http://front.example.com"}, False),
    ("https", {"Origin": "https://x.front.example.com"}, False),
    ("https", {"Origin": "null"}, False),
    ("https", {"Origin": ""}, False),
    ("https", {"Sec-Fetch-Site": "cross-site"}, False),
    ("https", {"Sec-Fetch-Site": "same-site"}, False),
]


@pytest.mark.parametrize(("scheme", "headers", "accepted"), SITES, ids=str)
async def test_a_token_helps_no_other_site(
    fronted_api: Api,
    user: Account,
    database: Database,
    scheme: str,
    headers: dict[str, str],
    accepted: bool,
) -> None:
    async with fronted_api.client() as client:
        await sign_in(client, **user.credentials)
        token = token_of(client)
        known = shown(session_of(client), token, token)
        path = f"{scheme}://localhost{ME}"
        response = await send(client, "PATCH", path, json=CHANGE, headers=known | headers)
    if accepted:
        assert response.status_code == 200, response.text
    else:
        problem = assert_problem(response, 403, "csrf_failed")
        assert "site" in problem["detail"]


async def test_every_operation_that_changes_something_asks_for_a_token(
    client: AsyncClient, user_client: AsyncClient, routes: Routes
) -> None:
    tried = 0
    for name, route in routes.items():
        method, path = re.sub(r"\{\w+\}", SOME_ID, name).split()
        unsafe = method not in SAFE_METHODS
        assert ("csrf_failed" in codes_of(route)) == unsafe, name
        for someone in (client, user_client) if unsafe else ():
            refused = await send(someone, method, path, json={})
            assert_problem(refused, 403, "csrf_failed")
            tried += 1
        if unsafe:
            answer = await client.request(method, path, json={})
            assert answer.json()["code"] in {"validation_error", "not_authenticated"}, name
    assert tried > 20


async def test_the_documentation_page_sends_the_token(variables: dict[str, str]) -> None:
    settings = load(variables | {"APP_DOCS_ENABLED": "true"})
    async with running(settings) as api, api.client() as client:
        page = await client.get("/docs")
        [script] = re.findall(r"const ui = SwaggerUIBundle\(\{(.*?)\}\)", page.text, re.DOTALL)
        assert "requestInterceptor: async (request) =>" in script
        assert f'request.headers["{HEADER}"]' in script
        [path] = re.findall(r'fetch\("([^"]+)"\)', script)
        assert set((await client.get(path)).json()) == {"csrf_token"}
        assert "connect-src 'self'" in page.headers["content-security-policy"]
        assert "requestInterceptor" not in (await client.get("/redoc")).text
