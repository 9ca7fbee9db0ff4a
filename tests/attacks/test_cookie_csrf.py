"""No other site changes anything in the name of who is signed in, and signs nobody in."""

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from httpx2 import Client, Response

from tests.attacks.access import Scene, table
from tests.attacks.carriers import API
from tests.attacks.cookies import (
    COOKIE,
    CSRF_COOKIE,
    CSRF_HEADER,
    CookieCarrier,
    CookieCredentials,
    browser_headers,
)
from tests.attacks.people import Account, People, is_in, new_password, refusal

REFUSED = (403, "csrf_failed")
ITEMS = f"{API}/items"
ENGINE = {"title": "Engine"}


@dataclass(frozen=True)
class Browser:
    """The browser of a victim, and what an attacker has got for himself."""

    people: People
    account: Account
    session: CookieCredentials
    other_device: CookieCredentials
    before: CookieCredentials
    attacker: CookieCredentials
    stranger: CookieCredentials

    @property
    def here(self) -> Client:
        return self.people.deployment.here

    def sends(self, cookie: str | None, header: str | None, **headers: str) -> dict[str, str]:
        """Return the headers of a request with the victim's session and these CSRF tokens."""
        cookies = {COOKIE: self.session.session_token}
        if cookie is not None:
            cookies[CSRF_COOKIE] = cookie
        return {**browser_headers(cookies, header), **headers}

    def writes(self, headers: Mapping[str, str]) -> Response:
        return self.here.post(ITEMS, json=ENGINE, headers=headers)

    def items(self) -> int:
        answer = self.here.get(f"{ITEMS}/my", headers=self.session.headers)
        return int(answer.json()["total"])


@pytest.fixture
def browser(people: People, carrier: CookieCarrier) -> Browser:
    here, account = people.deployment.here, people.register()
    before = carrier.anonymous(here)
    answer = carrier.log_in_as(before, here, account.email, account.password)
    other, (_, attacker) = people.sign_in(account), people.register_and_sign_in()
    assert isinstance(other, CookieCredentials)
    assert isinstance(attacker, CookieCredentials)
    session, stranger = carrier.credentials(answer), carrier.anonymous(here)
    return Browser(people, account, session, other, before, attacker, stranger)


def forgeries(browser: Browser) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield requests whose session is the victim's and whose CSRF tokens are not."""
    own, made_up = browser.session.csrf_token, secrets.token_hex(32)
    nonce, _, signature = own.partition(".")
    yield "no header", browser.sends(own, None)
    yield "an empty header", browser.sends(own, "")
    yield "no cookie", browser.sends(None, own)
    yield "neither", browser.sends(None, None)
    yield "both empty", browser.sends("", "")
    yield "a wrong header", browser.sends(own, made_up)
    yield "a wrong cookie", browser.sends(made_up, own)
    yield "both made up", browser.sends(made_up, made_up)
    yield "the session id", browser.sends(*[browser.session.session_token] * 2)
    for name, token in {
        "another nonce": f"{secrets.token_hex(16)}.{signature}",
        "no nonce": f".{signature}",
        "only a nonce": nonce,
        "no signature": f"{nonce}.",
        "a signature cut short": own[:-1],
        "a longer signature": f"{own}0",
        "large letters": own.upper(),
        "the dot elsewhere": f"{nonce[:-1]}.{nonce[-1]}{signature}",
    }.items():
        yield name, browser.sends(token, token)
    for name, credentials in {
        "attacker": browser.attacker,
        "other device": browser.other_device,
        "before the sign-in": browser.before,
        "stranger": browser.stranger,
    }.items():
        token = credentials.csrf_token
        yield f"swapped: {name}", browser.sends(own, token)
        yield f"cookie alone: {name}", browser.sends(token, own)
        yield f"tossed: {name}", browser.sends(token, token)


def test_a_forged_token_is_refused(browser: Browser) -> None:
    for name, headers in forgeries(browser):
        assert refusal(browser.writes(headers)) == REFUSED, name
    assert browser.items() == 0
    assert browser.writes(browser.session.headers).status_code == 201
    assert browser.items() == 1


def test_a_token_counts_in_its_header_only(browser: Browser) -> None:
    token = browser.session.csrf_token
    headers = browser.sends(token, None)
    for name in (CSRF_HEADER, "csrf_token", CSRF_COOKIE):
        answer = browser.here.post(ITEMS, json=ENGINE, params={name: token}, headers=headers)
        assert refusal(answer) == REFUSED
        answer = browser.here.post(ITEMS, json={**ENGINE, name: token}, headers=headers)
        assert refusal(answer) == REFUSED
        answer = browser.here.post(ITEMS, data={**ENGINE, name: token}, headers=headers)
        assert refusal(answer) == REFUSED
    for name in ("X-CSRF", "X-XSRF-TOKEN", "Authorization", "X-Requested-With"):
        assert refusal(browser.writes({**headers, name: token})) == REFUSED
    assert browser.items() == 0


def test_every_token_that_was_issued_to_a_session_fits_it(browser: Browser) -> None:
    path = f"{API}/auth/csrf"
    for process in browser.people.deployment.processes:
        answer = process.get(path, headers=browser.session.headers)
        fresh = answer.json()["csrf_token"]
        assert fresh != browser.session.csrf_token
        assert browser.writes(browser.sends(fresh, fresh)).status_code == 201


def test_every_route_that_changes_something_asks_for_a_token(people: People, kind: str) -> None:
    scene = Scene.make(people)
    session, database = scene.owner.session, people.deployment.database
    headers = {name: value for name, value in session.headers.items() if name != CSRF_HEADER}
    unsafe = [route for route in table(kind) if not route.startswith("GET ")]
    assert len(unsafe) > 12
    before = database.dump()
    for route in unsafe:
        (method, path), body = route.split(), table(kind)[route].body
        sent = body(scene, scene.owner) if body else None
        for process in people.deployment.processes:
            answer = process.request(method, scene.path(path), json=sent, headers=headers)
            assert refusal(answer) == REFUSED, route
            assert "Set-Cookie" not in answer.headers
    assert database.dump() == before


def origins(here: str) -> Iterator[tuple[bool, dict[str, str]]]:
    """Yield whether the front end sends such headers, and headers; it is served by `here`."""
    host = here.removeprefix("https://")
    name, _, port = host.partition(":")
    yield True, {}
    yield True, {"Origin": here}
    yield True, {"Origin": here, "Sec-Fetch-Site": "same-origin"}
    yield True, {"Sec-Fetch-Site": "same-origin"}
    yield True, {"Sec-Fetch-Site": "none"}
    for site in ("cross-site", "same-site", "", "sideways"):
        yield False, {"Sec-Fetch-Site": site}
    for origin in (
        "null",
        "",
        "*",
        "https://evil.example",
        f"http://{host}",
        f"https://{name}",
        f"https://{name}:{int(port) + 1}",
        f"https://{host}.evil.example",
        f"https://{host}@evil.example",
        f"https://evil.example#{host}",
        f"https://evil.example/{host}",
        f"https://evil.example:{port}",
        f"https://localhost:{port}",
        f"{here} https://evil.example",
        host,
        "file://",
        "chrome-extension://abcdefgh",
        "app.asgi",
    ):
        yield False, {"Origin": origin}
        yield False, {"Origin": origin, "Sec-Fetch-Site": "same-origin"}


def test_another_site_is_refused_with_the_right_token(browser: Browser) -> None:
    here = str(browser.here.base_url).rstrip("/")
    written = 0
    for allowed, headers in origins(here):
        answer = browser.writes({**browser.session.headers, **headers})
        written += allowed
        assert (answer.status_code == 201) == allowed, headers
        assert allowed or refusal(answer) == REFUSED
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert browser.items() == written == 5


def test_another_site_reads_nothing(browser: Browser) -> None:
    evil = {"Origin": "https://evil.example"}
    for path in (f"{API}/auth/csrf", f"{API}/users/me"):
        answer = browser.here.get(path, headers={**browser.session.headers, **evil})
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]
        asked = {**evil, "Access-Control-Request-Method": "POST"}
        for headers in (asked, {**asked, "Access-Control-Request-Headers": CSRF_HEADER}):
            preflight = browser.here.options(path, headers=headers)
            assert "Access-Control-Allow-Origin" not in preflight.headers
            assert "Access-Control-Allow-Credentials" not in preflight.headers


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "application/json",
        "application/csp-report",
        "",
    ],
)
def test_no_form_of_another_site_writes(content_type: str, browser: Browser) -> None:
    """A form sends JSON as text/plain, with the cookies that the browser has."""
    bodies = [json.dumps(ENGINE), f'{{"title": "Engine", "x": "{"=" * 3}"}}', "title=Engine"]
    for body in bodies:
        for origin in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
            headers = browser.sends(browser.session.csrf_token, None, **origin)
            headers["Content-Type"] = content_type
            answer = browser.here.post(ITEMS, content=body.encode(), headers=headers)
            assert answer.status_code in {403, 415, 422}, answer.text
    headers = {**browser.session.headers, "Content-Type": content_type}
    answer = browser.here.post(ITEMS, content=bodies[0].encode(), headers=headers)
    assert (answer.status_code == 201) == (content_type == "application/json")
    assert browser.items() == (content_type == "application/json")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_no_header_makes_another_method_of_a_safe_one(method: str, browser: Browser) -> None:
    created = browser.writes(browser.session.headers)
    path = f"{ITEMS}/{created.json()['id']}"
    no_token = browser.sends(browser.session.csrf_token, None)
    for headers in (no_token, browser.session.headers):
        for override in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            browser.here.request(method, path, headers={**headers, override: "DELETE"})
        browser.here.request(method, path, headers=headers, params={"_method": "DELETE"})
    assert browser.items() == 1
    # Nor the other way round, to get past the check of the token.
    for override in ("X-HTTP-Method-Override", "X-HTTP-Method"):
        answer = browser.here.delete(path, headers={**no_token, override: method})
        assert refusal(answer) == REFUSED
    assert browser.items() == 1
    assert browser.here.delete(path, headers=browser.session.headers).status_code == 204


def test_another_site_signs_nobody_in(browser: Browser, people: People) -> None:
    attacker = people.register()
    body = {"username": attacker.email, "password": attacker.password}
    stranger = browser.stranger
    cookies = {COOKIE: stranger.session_token, CSRF_COOKIE: stranger.csrf_token}
    for headers in (
        {},
        browser_headers(cookies),
        browser_headers({COOKIE: stranger.session_token}, browser.attacker.csrf_token),
        browser_headers({}, stranger.csrf_token),
        {**stranger.headers, "Origin": "https://evil.example"},
        browser.sends(browser.session.csrf_token, None),
    ):
        answer = browser.here.post(f"{API}/auth/login", json=body, headers=headers)
        assert refusal(answer) == REFUSED
        assert "Set-Cookie" not in answer.headers
    assert is_in(browser.here, browser.session)
    answer = browser.here.post(f"{API}/auth/login", json=body, headers=stranger.headers)
    assert answer.status_code == 200


def test_no_account_is_opened_without_a_token(browser: Browser) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    body, path = {"email": email, "password": new_password()}, f"{API}/auth/register"
    stranger = browser.stranger
    cookies = {COOKIE: stranger.session_token, CSRF_COOKIE: stranger.csrf_token}
    for headers in ({}, browser_headers(cookies), browser_headers({}, stranger.csrf_token)):
        assert refusal(browser.here.post(path, json=body, headers=headers)) == REFUSED
    count = "SELECT count(*) FROM users WHERE email = $1"
    assert browser.people.deployment.database.fetch(count, email) == [(0,)]
    assert browser.here.post(path, json=body, headers=stranger.headers).status_code == 201


def test_an_empty_cookie_is_no_session(browser: Browser) -> None:
    path = f"{API}/auth/csrf"
    answer = browser.here.get(path, headers=browser_headers({COOKIE: ""}))
    assert COOKIE in answer.headers["Set-Cookie"]
    token = answer.json()["csrf_token"]
    cookies = {COOKIE: "", CSRF_COOKIE: token}
    assert refusal(browser.writes(browser_headers(cookies, token))) == REFUSED
