"""The attributes that keep scripts, other hosts, other sites and wires from a cookie."""

from httpx2 import Response

from tests.attacks.carriers import API
from tests.attacks.changes import change_email, change_password
from tests.attacks.cookies import (
    COOKIE,
    CSRF_COOKIE,
    DEVICE_COOKIE,
    CookieCarrier,
    CookieCredentials,
    cookies_of,
)
from tests.attacks.people import Account, People, new_password, refusal

WEEK, DEVICE = 7 * 24 * 3600, 180 * 24 * 3600
# By name: whether scripts are kept from it, and how long it lasts, if not as long as the browser.
COOKIES = {COOKIE: (True, WEEK), CSRF_COOKIE: (False, None), DEVICE_COOKIE: (True, DEVICE)}


def check(answer: Response, names: set[str], *, ended: bool = False) -> None:
    """Look at every attribute of every cookie that an answer sets."""
    assert answer.is_success, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    cookies = cookies_of(answer)
    assert cookies.keys() == names
    for name, cookie in cookies.items():
        http_only, lifetime = COOKIES[name]
        anonymous = cookie.value.startswith("anonymous.")
        lasts = 0 if ended else None if anonymous else lifetime
        expected = {"path": "/", "secure": "", "samesite": "lax"}
        expected |= {"httponly": ""} if http_only or ended else {}
        expected |= {} if lasts is None else {"max-age": str(lasts)}
        # Whoever knows Max-Age goes by it.
        cookie.attributes.pop("expires", None)
        assert cookie.attributes == expected, name
        assert (cookie.value in {"", '""'}) == ended


def test_every_cookie_is_guarded(people: People, carrier: CookieCarrier, account: Account) -> None:
    here, there = people.deployment.processes
    assert str(here.base_url).startswith("https://")
    check(here.get(f"{API}/auth/csrf"), {COOKIE, CSRF_COOKIE})
    answer = carrier.log_in(here, account.email, account.password)
    check(answer, {COOKIE, CSRF_COOKIE, DEVICE_COOKIE})
    session, new = carrier.credentials(answer), new_password()
    check(there.get(f"{API}/auth/csrf", headers=session.headers), {CSRF_COOKIE})
    changed = change_password(there, session, account.password, new)
    check(changed, {COOKIE, CSRF_COOKIE})
    session = carrier.renewed(session, changed)
    moved = change_email(here, session, new, f"new-{account.email}")
    check(moved, {COOKIE, CSRF_COOKIE})
    session = carrier.renewed(session, moved)
    out = there.post(f"{API}/auth/logout", headers=session.headers)
    check(out, {COOKIE, CSRF_COOKIE}, ended=True)
    session = carrier.credentials(carrier.log_in(here, f"new-{account.email}", new))
    out = here.post(f"{API}/auth/logout-all", headers=session.headers)
    check(out, {COOKIE, CSRF_COOKIE}, ended=True)


def test_no_other_answer_sets_a_cookie(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    here, there = people.deployment.processes
    session = people.sign_in(account)
    nobody, wrong = carrier.nobody(here), new_password()
    body = {"email": f"new-{account.email}", "password": wrong}
    answers = [
        here.get("/health"),
        here.get("/docs"),
        here.get(f"{API}/users/me"),
        here.get(f"{API}/users/me", headers=nobody),
        there.get(f"{API}/users/me", headers=session.headers),
        there.post(f"{API}/items", json={"title": "Engine"}, headers=session.headers),
        here.post(f"{API}/auth/login", json={"username": account.email, "password": wrong}),
        carrier.log_in(here, account.email, wrong),
        here.post(f"{API}/auth/register", json=body, headers=nobody),
        change_email(here, session, wrong, f"new-{account.email}"),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 401, 401, 200, 201, 403, 401, 201, 403]
    assert [answer.request.url for answer in answers if "Set-Cookie" in answer.headers] == []
    assert refusal(answers[-1]) == (403, "wrong_password")


def test_what_scripts_must_not_read_is_in_no_body(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    here = people.deployment.here
    answer = carrier.log_in(here, account.email, account.password)
    session = carrier.credentials(answer)
    sessions = here.get(f"{API}/auth/sessions", headers=session.headers)
    token = here.get(f"{API}/auth/csrf", headers=session.headers)
    assert isinstance(session, CookieCredentials)
    assert session.device
    for shown in (answer, sessions, token, here.get(f"{API}/users/me", headers=session.headers)):
        assert shown.status_code == 200
        assert session.session_token not in shown.text
        assert session.device not in shown.text
    assert session.csrf_token in answer.text
