"""What changes who somebody is, or may be, changes the session id too."""

from collections.abc import Callable
from functools import partial

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials
from tests.attacks.changes import change_email, change_password
from tests.attacks.cookies import COOKIE, CookieCarrier, CookieCredentials, cookies_of
from tests.attacks.people import Account, People, at_once, is_in, me, new_password, refusal

Change = Callable[[Client, Account, Credentials], Response]


def to_new_password(client: Client, account: Account, session: Credentials) -> Response:
    return change_password(client, session, account.password, new_password())


def to_new_email(client: Client, account: Account, session: Credentials) -> Response:
    return change_email(client, session, account.password, f"{new_password()}@example.com")


CHANGES: dict[str, Change] = {"password": to_new_password, "email": to_new_email}
changes = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def alive(people: People, account: Account) -> int:
    """Return how many sessions of an account the database calls alive."""
    [(count,)] = people.deployment.database.fetch(
        "SELECT count(*) FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL", account.id
    )
    return int(count)


@changes
def test_a_change_gives_another_id(
    change: Change,
    people: People,
    carrier: CookieCarrier,
    account: Account,
    session: CookieCredentials,
) -> None:
    answer = change(people.deployment.here, account, session)
    renewed = carrier.renewed(session, answer)
    assert renewed.session_token != session.session_token
    assert people.is_over(session)
    assert alive(people, account) == 1
    for process in people.deployment.processes:
        assert me(process, renewed).json()["id"] == account.id
        mixed = CookieCredentials.of(renewed.session_token, session.csrf_token)
        sent = process.post(f"{API}/items", json={"title": "Engine"}, headers=mixed.headers)
        assert refusal(sent) == (403, "csrf_failed")
        sent = process.post(f"{API}/items", json={"title": "Engine"}, headers=renewed.headers)
        assert sent.status_code == 201


@changes
def test_a_change_that_fails_changes_nothing(
    change: Change, people: People, account: Account, session: CookieCredentials
) -> None:
    wrong = Account(account.id, account.email, account.username, new_password())
    answer = change(people.deployment.here, wrong, session)
    assert refusal(answer) == (403, "wrong_password")
    assert cookies_of(answer) == {}
    assert is_in(people.deployment.there, session)


def test_a_new_role_ends_every_session(people: People, account: Account) -> None:
    here, there = people.deployment.processes
    _, admin = people.register_and_sign_in(admin=True)
    path = f"{API}/users/{account.id}"
    for role in ("admin", "user"):
        sessions = [people.sign_in(account) for _ in range(2)]
        named = here.patch(path, json={"full_name": role}, headers=admin.headers)
        assert named.status_code == 200
        assert all(is_in(there, session) for session in sessions)
        changed = here.patch(path, json={"role": role}, headers=admin.headers)
        assert changed.json()["role"] == role
        assert all(people.is_over(session) for session in sessions)
    assert me(there, people.sign_in(account)).json()["role"] == "user"


@changes
def test_what_has_ended_meanwhile_is_not_renewed(
    change: Change, people: People, account: Account, session: CookieCredentials
) -> None:
    here, there = people.deployment.processes
    database, other = people.deployment.database, people.sign_in(account)

    def sign_out_everywhere() -> None:
        out = there.post(f"{API}/auth/logout-all", headers=other.headers)
        assert out.status_code == 204

    database.hold("SELECT FROM users WHERE id = $1 FOR UPDATE", account.id)
    [answer] = at_once(
        [partial(change, here, account, session)],
        meanwhile=partial(database.release, waiting=1, meanwhile=sign_out_everywhere),
    )
    assert people.is_over(session)
    token = cookies_of(answer).get(COOKIE)
    assert token is None or not token.value or not is_in(there, _with(token.value))
    assert alive(people, account) == 0


def _with(session_token: str) -> CookieCredentials:
    return CookieCredentials.of(session_token, "")


def test_of_many_changes_at_once_one_session_is_left(
    people: People, account: Account, session: CookieCredentials
) -> None:
    answers = at_once(
        partial(to_new_email, process, account, session)
        for process in people.deployment.processes * 5
    )
    tokens = [cookies_of(answer)[COOKIE].value for answer in answers if answer.is_success]
    assert tokens
    assert [is_in(people.deployment.there, _with(token)) for token in tokens].count(True) == 1
    assert alive(people, account) == 1
