"""However admins go about it, one of them is left."""

from collections.abc import Callable
from functools import partial

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, Credentials
from tests.attacks.people import Account, People, at_once, refusal

ROUNDS = 4
LAST = (409, "last_admin")
Admin = tuple[Account, Credentials]
Act = Callable[[Client, Credentials, str], Response]


def demote(process: Client, by: Credentials, user_id: str) -> Response:
    path = f"{API}/users/{user_id}"
    return process.patch(path, json={"role": "user"}, headers=by.headers)


def deactivate(process: Client, by: Credentials, user_id: str) -> Response:
    path = f"{API}/users/{user_id}"
    return process.patch(path, json={"is_active": False}, headers=by.headers)


def delete(process: Client, by: Credentials, user_id: str) -> Response:
    return process.delete(f"{API}/users/{user_id}", headers=by.headers)


ACTS: dict[str, tuple[Act, Act]] = {
    "demote": (demote, demote),
    "deactivate": (deactivate, deactivate),
    "delete": (delete, delete),
    "demote-and-delete": (demote, delete),
    "deactivate-and-demote": (deactivate, demote),
}


def admins(people: People, count: int) -> list[Admin]:
    """Make so many admins, and nobody else one."""
    people.deployment.database.fetch("UPDATE users SET role = 'user' WHERE role = 'admin'")
    return [people.register_and_sign_in(admin=True) for _ in range(count)]


def left(people: People) -> int:
    [(count,)] = people.deployment.database.fetch(
        "SELECT count(*) FROM users WHERE role = 'admin' AND is_active AND deleted_at IS NULL"
    )
    return int(count)


@pytest.mark.parametrize("mutual", [True, False], ids=["each-other", "themselves"])
@pytest.mark.parametrize("acts", ACTS.values(), ids=ACTS)
def test_two_admins_at_once(acts: tuple[Act, Act], mutual: bool, people: People) -> None:
    for _ in range(ROUNDS):
        (first, first_session), (second, second_session) = admins(people, 2)
        of_first, of_second = (second.id, first.id) if mutual else (first.id, second.id)
        here, there = people.deployment.processes
        database = people.deployment.database
        database.hold("SELECT FROM users WHERE role = 'admin' FOR UPDATE")
        answers = at_once(
            [
                partial(acts[0], here, first_session, of_first),
                partial(acts[1], there, second_session, of_second),
            ],
            meanwhile=partial(database.release, waiting=2),
        )
        assert left(people) == 1, [answer.text for answer in answers]
        assert [answer.is_success for answer in answers].count(True) == 1
        [refused] = [answer for answer in answers if not answer.is_success]
        assert refused.status_code in {401, 403, 404} or refusal(refused) == LAST


@pytest.mark.parametrize("act", [demote, deactivate, delete])
def test_the_last_admin_stays(act: Act, people: People) -> None:
    [(only, session)] = admins(people, 1)
    for process in people.deployment.processes:
        assert refusal(act(process, session, only.id)) == LAST
        assert refusal(process.delete(f"{API}/users/me", headers=session.headers)) == LAST
    another, _ = people.register_and_sign_in(admin=True)
    assert act(people.deployment.here, session, another.id).is_success
    assert refusal(act(people.deployment.there, session, only.id)) == LAST


def test_an_admin_who_may_not_sign_in_does_not_count(people: People) -> None:
    [(only, session), (disabled, _), (deleted, _)] = admins(people, 3)
    database = people.deployment.database
    database.execute("UPDATE users SET is_active = false WHERE id = $1", disabled.id)
    database.execute("UPDATE users SET deleted_at = now() WHERE id = $1", deleted.id)
    assert refusal(demote(people.deployment.there, session, only.id)) == LAST
    database.execute("UPDATE users SET is_active = true WHERE id = $1", disabled.id)
    assert demote(people.deployment.here, session, only.id).is_success
