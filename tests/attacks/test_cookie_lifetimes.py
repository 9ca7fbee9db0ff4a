"""A session ends when nobody uses it, and in any case after a week."""

import hashlib

from tests.attacks.changes import change_password
from tests.attacks.cookies import CookieCredentials
from tests.attacks.people import Account, People, is_in, new_password

HALF_A_DAY, WEEK = 12 * 3600, 7 * 24 * 3600


def key_of(session: CookieCredentials) -> str:
    return f"session:{hashlib.sha256(session.session_token.encode()).hexdigest()}"


def test_use_starts_the_idle_time_anew(people: People, session: CookieCredentials) -> None:
    redis, key = people.deployment.store.redis, key_of(session)
    for process in people.deployment.processes:
        assert redis.expire(key, 30)
        assert is_in(process, session)
        assert HALF_A_DAY - 60 < redis.ttl(key) <= HALF_A_DAY


def test_an_idle_session_ends_for_good(
    people: People, account: Account, session: CookieCredentials
) -> None:
    busy = people.sign_in(account)
    assert people.deployment.store.redis.expire(key_of(session), 0)
    for _ in range(2):
        assert people.is_over(session)
    assert is_in(people.deployment.there, busy)


def test_no_use_outlasts_the_week(people: People, session: CookieCredentials) -> None:
    database, redis = people.deployment.database, people.deployment.store.redis
    bounded = (
        "SELECT expires_at - created_at BETWEEN $2 * interval '1 s' - interval '1 min' "
        "AND $2 * interval '1 s' + interval '1 min' FROM auth_sessions WHERE id = $1"
    )
    near = "SELECT expires_at < now() + interval '1 min' FROM auth_sessions WHERE id = $1"
    move = "UPDATE auth_sessions SET expires_at = now() + $2 * interval '1 s' WHERE id = $1"
    name = people.session_id(session)
    assert database.fetch(bounded, name, WEEK) == [(True,)]
    database.execute(move, name, 60)
    assert is_in(people.deployment.there, session)
    assert database.fetch(near, name) == [(True,)]
    database.execute(move, name, -1)
    assert redis.ttl(key_of(session)) > 0
    assert people.is_over(session)


def test_a_renewed_session_ends_when_the_old_one_would_have(
    people: People, account: Account, session: CookieCredentials
) -> None:
    ends = "SELECT expires_at, created_at FROM auth_sessions WHERE id = $1"
    database, here = people.deployment.database, people.deployment.here
    old = people.session_id(session)
    before = database.fetch(ends, old)
    answer = change_password(here, session, account.password, new_password())
    renewed = people.session_id(people.carrier.renewed(session, answer))
    assert renewed != old
    assert database.fetch(ends, renewed) == before
