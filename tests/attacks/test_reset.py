"""Reset tokens: once, for a while, for one account, and not past a change of anything."""

from collections.abc import Iterator
from functools import partial

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, Carrier
from tests.attacks.changes import change_email, change_password
from tests.attacks.deployment import Deployment
from tests.attacks.people import Account, People, at_once, new_password, refusal

INVALID = (401, "token_invalid")
TESTS = 10


@pytest.fixture(scope="module")
def stock(shared_deployment: Deployment, carrier: Carrier) -> Iterator[tuple[Account, str]]:
    """Make the links for all tests at once, since a process takes its time to start."""
    people = People(shared_deployment, carrier)
    accounts = [people.register() for _ in range(TESTS)]
    return iter(zip(accounts, people.reset_tokens(*accounts), strict=True))


@pytest.fixture
def link(stock: Iterator[tuple[Account, str]]) -> tuple[Account, str]:
    return next(stock)


@pytest.fixture
def account(link: tuple[Account, str]) -> Account:
    return link[0]


@pytest.fixture
def token(link: tuple[Account, str]) -> str:
    return link[1]


def reset(people: People, process: Client, token: str, password: str) -> Response:
    body = {"token": token, "password": password}
    nobody = people.carrier.nobody(process)
    return process.post(f"{API}/auth/reset-password", json=body, headers=nobody)


def test_of_many_at_once_one_is_served(people: People, account: Account, token: str) -> None:
    words = [new_password() for _ in range(20)]
    processes, database = people.deployment.processes * 10, people.deployment.database
    database.hold("SELECT FROM users WHERE id = $1 FOR UPDATE", account.id)
    answers = at_once(
        (
            partial(reset, people, process, token, word)
            for process, word in zip(processes, words, strict=True)
        ),
        meanwhile=partial(database.release, waiting=5),
    )
    assert sorted(answer.status_code for answer in answers) == [204] + [401] * 19
    winner = words[[answer.status_code for answer in answers].index(204)]
    assert people.can_sign_in(people.deployment.here, account.email, winner)
    assert refusal(reset(people, processes[0], token, new_password())) == INVALID


def test_a_token_is_good_for_half_an_hour(people: People, account: Account, token: str) -> None:
    database, there = people.deployment.database, people.deployment.there
    bounded = (
        "SELECT expires_at BETWEEN now() + interval '25 minutes' AND now() + interval '30 minutes' "
        "FROM account_tokens WHERE user_id = $1"
    )
    move = "UPDATE account_tokens SET expires_at = now() + $2 * interval '1 s' WHERE user_id = $1"
    assert database.fetch(bounded, account.id) == [(True,)]
    database.execute(move, account.id, -1)
    assert refusal(reset(people, there, token, new_password())) == INVALID
    assert people.can_sign_in(there, account.email, account.password)
    database.execute(move, account.id, 60)
    assert reset(people, there, token, new_password()).status_code == 204


def test_a_changed_token_is_worth_nothing(people: People, account: Account, token: str) -> None:
    here = people.deployment.here
    [(stored,)] = people.deployment.database.fetch(
        "SELECT token_hash FROM account_tokens WHERE user_id = $1", account.id
    )
    for made_up in (token[:-1], token + "A", token.swapcase(), "", "%", stored, account.id):
        assert refusal(reset(people, here, made_up, new_password())) == INVALID, made_up
    assert reset(people, here, token, new_password()).status_code == 204


def test_a_password_that_is_refused_leaves_the_token(people: People, token: str) -> None:
    here = people.deployment.here
    assert refusal(reset(people, here, token, "short")) == (422, "validation_error")
    assert reset(people, here, token, new_password()).status_code == 204


@pytest.mark.parametrize("change", ["password", "email", "deactivated", "deleted"])
def test_a_token_does_not_outlive_a_change(
    change: str, people: People, account: Account, token: str
) -> None:
    here, there = people.deployment.processes
    owner, (_, admin) = people.sign_in(account), people.register_and_sign_in(admin=True)
    by_id = f"{API}/users/{account.id}"
    answer = {
        "password": lambda: change_password(here, owner, account.password, new_password()),
        "email": lambda: change_email(here, owner, account.password, f"new-{account.email}"),
        "deactivated": lambda: here.patch(by_id, json={"is_active": False}, headers=admin.headers),
        "deleted": lambda: here.delete(f"{API}/users/me", headers=owner.headers),
    }[change]()
    assert answer.is_success, answer.text
    assert refusal(reset(people, there, token, new_password())) == INVALID


def test_a_reset_unlocks_but_does_not_reactivate(
    people: People, account: Account, token: str
) -> None:
    here, there = people.deployment.processes
    for _ in range(5):
        assert not people.can_sign_in(here, account.email, new_password())
    assert not people.can_sign_in(there, account.email, account.password)
    new = new_password()
    people.deployment.database.execute(
        "UPDATE users SET is_active = false WHERE id = $1", account.id
    )
    assert reset(people, here, token, new).status_code == 204
    assert not people.can_sign_in(there, account.email, new)
    people.deployment.database.execute(
        "UPDATE users SET is_active = true WHERE id = $1", account.id
    )
    assert people.can_sign_in(there, account.email, new)
