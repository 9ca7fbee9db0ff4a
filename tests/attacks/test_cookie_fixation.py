"""No session id that anybody knew before a sign-in, or made up, is one that is signed in."""

import hashlib
from urllib.parse import quote

import pytest
from httpx2 import Client

from tests.attacks.carriers import API
from tests.attacks.cookies import (
    COOKIE,
    CSRF_COOKIE,
    CookieCarrier,
    CookieCredentials,
    browser_headers,
    cookies_of,
)
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People, is_in, me, refusal

NOBODY = (401, "not_authenticated")
EXPIRED = (401, "session_expired")


def csrf_for(client: Client, session: str) -> CookieCredentials:
    """Return what a browser has whose session cookie somebody else has set."""
    answer = client.get(f"{API}/auth/csrf", headers=browser_headers({COOKIE: session}))
    cookies = cookies_of(answer)
    assert COOKIE not in cookies
    return CookieCredentials.of(session, cookies[CSRF_COOKIE].value)


def sign_in(
    people: People, carrier: CookieCarrier, before: CookieCredentials, account: Account
) -> CookieCredentials:
    """Sign in with the cookies of `before`; the id must be another one then."""
    here = people.deployment.here
    answer = carrier.log_in_as(before, here, account.email, account.password)
    after = carrier.credentials(answer)
    assert after.session_token != before.session_token
    assert after.csrf_token != before.csrf_token
    return after


def test_an_anonymous_id_ends_at_the_sign_in(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    known = carrier.anonymous(people.deployment.there)
    after = sign_in(people, carrier, known, account)
    for process in people.deployment.processes:
        assert refusal(me(process, known)) == NOBODY
        assert is_in(process, after)
        mixed = {COOKIE: after.session_token, CSRF_COOKIE: known.csrf_token}
        headers = browser_headers(mixed, known.csrf_token)
        answer = process.post(f"{API}/auth/logout", headers=headers)
        assert refusal(answer) == (403, "csrf_failed")


@pytest.mark.parametrize("made_up", ["x", "anonymous.x", "A" * 43, "0" * 64, "anonymous."])
def test_an_id_that_was_made_up_is_not_taken(
    made_up: str, people: People, carrier: CookieCarrier, account: Account
) -> None:
    planted = csrf_for(people.deployment.here, made_up)
    after = sign_in(people, carrier, planted, account)
    for process in people.deployment.processes:
        assert not is_in(process, planted)
        assert is_in(process, after)


def test_every_sign_in_has_an_id_of_its_own(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    known = carrier.anonymous(people.deployment.here)
    ids = {sign_in(people, carrier, known, account).session_token for _ in range(3)}
    assert len(ids) == 3
    assert min(map(len, ids)) == 43


def test_who_plants_the_own_session_stays_who_it_was(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    attacker, session = people.register_and_sign_in()
    assert isinstance(session, CookieCredentials)
    after = sign_in(people, carrier, session, account)
    for process in people.deployment.processes:
        assert me(process, after).json()["id"] == account.id
        answer = me(process, session)
        assert answer.status_code == 401 or answer.json()["id"] == attacker.id


def test_a_second_sign_in_ends_the_first(
    people: People, carrier: CookieCarrier, account: Account
) -> None:
    """A new session token ends the one that it takes the place of (OWASP ASVS 5.0, 7.2.4)."""
    first = sign_in(people, carrier, carrier.anonymous(people.deployment.here), account)
    elsewhere = people.sign_in(account)
    wrong = carrier.log_in_as(first, people.deployment.there, account.email, "not the password")
    assert refusal(wrong) == (401, "invalid_credentials")
    assert is_in(people.deployment.there, first)
    second = sign_in(people, carrier, first, account)
    assert people.is_over(first)
    assert all(is_in(people.deployment.there, each) for each in (second, elsewhere))


def test_what_is_stored_of_an_id_opens_nothing(people: People, account: Account) -> None:
    session = people.sign_in(account)
    assert isinstance(session, CookieCredentials)
    token, name = session.session_token, people.session_id(session)
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert f"session:{digest}" in people.deployment.store.text()
    spellings = (
        digest,
        f"session:{digest}",
        name,
        account.id,
        token[:-1],
        f"{token}=",
        token.swapcase(),
        f"anonymous.{token}",
        f"{token}.{name}",
        "*",
        "../session",
        "%00",
    )
    for process in people.deployment.processes:
        for spelling in spellings:
            answer = process.get(f"{API}/users/me", headers=browser_headers({COOKIE: spelling}))
            assert refusal(answer) in {EXPIRED, NOBODY}, spelling
        assert is_in(process, session)


def test_an_id_counts_in_its_cookie_only(deployment: Deployment, people: People) -> None:
    _, session = people.register_and_sign_in()
    assert isinstance(session, CookieCredentials)
    token, path = session.session_token, f"{API}/users/me"
    cookies = (COOKIE.removeprefix("__Host-"), COOKIE.lower(), f"{COOKIE}-device", CSRF_COOKIE)
    tries: list[dict[str, str]] = [
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Cookie {token}"},
        {"X-Session-ID": token},
        {"Cookie2": f"{COOKIE}={token}"},
        *(browser_headers({name: token}) for name in cookies),
    ]
    for headers in tries:
        assert refusal(deployment.here.get(path, headers=headers)) == NOBODY, headers
    for name in (COOKIE, "session", "sid"):
        answer = deployment.here.get(path, params={name: token})
        assert refusal(answer) == NOBODY
        answer = deployment.here.get(f"{path};{quote(name)}={token}")
        assert answer.status_code in {401, 404}
    assert is_in(deployment.here, session)
