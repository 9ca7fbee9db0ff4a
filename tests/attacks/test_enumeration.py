"""A failed sign-in tells nothing about the account, not even whether there is one."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API
from tests.attacks.deployment import Deployment
from tests.attacks.people import People, new_password, refusal

REQUEST_ID = "one-request-id-for-all"
Attempt = tuple[str, str]


@pytest.fixture
def clients(deployment: Deployment) -> Iterator[list[Client]]:
    """Return a client of each process that sends the same request id with everything."""
    headers = {"X-Request-ID": REQUEST_ID}
    with ExitStack() as stack:
        yield [
            stack.enter_context(deployment.client_of(process, headers))
            for process in deployment.processes
        ]


@pytest.fixture
def attempts(people: People, here: Client) -> dict[str, Attempt]:
    """Return sign-ins that all fail, each for a reason of its own."""
    known, disabled, without, locked = (people.register() for _ in range(4))
    deleted, session = people.register_and_sign_in()
    assert here.delete(f"{API}/users/me", headers=session.headers).status_code == 204
    set_user = people.deployment.database.execute
    set_user("UPDATE users SET is_active = false WHERE id = $1", disabled.id)
    set_user("UPDATE users SET hashed_password = NULL WHERE id = $1", without.id)
    for _ in range(5):
        assert not people.can_sign_in(here, locked.email, new_password())
    return {
        "unknown name": ("nobody-here", known.password),
        "unknown address": ("nobody@example.com", known.password),
        "neither name nor address": ("no body, @ all", known.password),
        "wrong password": (known.email, new_password()),
        "wrong password for the name": (known.username, new_password()),
        "disabled": (disabled.email, disabled.password),
        "disabled, wrong password": (disabled.email, new_password()),
        "deleted": (deleted.email, deleted.password),
        "deleted, by name": (deleted.username, deleted.password),
        "without a password": (without.email, without.password),
        "locked": (locked.email, locked.password),
        "locked, wrong password": (locked.username, new_password()),
    }


def appearance(answer: Response) -> tuple[object, ...]:
    """Return all that a client sees of an answer, but for the time of day and its calls so far."""
    headers = [
        (name, value)
        for name, value in answer.headers.raw
        if not name.lower().startswith((b"date", b"ratelimit-"))
    ]
    return answer.status_code, answer.http_version, headers, answer.content


def test_every_failure_looks_the_same(
    people: People, clients: list[Client], attempts: dict[str, Attempt]
) -> None:
    for door in people.carrier.doors():
        for client in clients:
            answers = {why: door(client, *attempt) for why, attempt in attempts.items()}
            assert {refusal(answer) for answer in answers.values()} == {
                (401, "invalid_credentials")
            }
            seen = {why: appearance(answer) for why, answer in answers.items()}
            expected = seen["unknown name"]
            assert {why: look for why, look in seen.items() if look != expected} == {}
            assert REQUEST_ID.encode() in answers["locked"].content


def test_a_success_looks_otherwise(people: People, clients: list[Client]) -> None:
    account = people.register()
    for door in people.carrier.doors():
        right, wrong = (
            door(clients[0], account.email, word) for word in (account.password, new_password())
        )
        assert appearance(right) != appearance(wrong)
        assert (right.status_code, wrong.status_code) == (200, 401)


def test_only_a_registration_tells_of_an_address(people: People, here: Client) -> None:
    """Without mail there is no other way to tell its owner: a trade, and a documented one."""
    account = people.register()
    body = {"email": account.email.upper(), "password": new_password()}
    nobody = people.carrier.nobody(here)
    taken = here.post(f"{API}/auth/register", json=body, headers=nobody)
    assert refusal(taken) == (409, "email_taken")
    assert account.id not in taken.text


def test_a_stranger_learns_nothing_of_a_user_by_id(people: People, there: Client) -> None:
    account = people.register()
    _, stranger = people.register_and_sign_in()
    nowhere = account.id[:-12] + "0" * 12
    seen = [
        there.get(f"{API}/users/{user_id}", headers=stranger.headers)
        for user_id in (account.id, nowhere)
    ]
    assert [refusal(answer) for answer in seen] == [(404, "not_found")] * 2
    titles = [{**answer.json(), "instance": "", "request_id": ""} for answer in seen]
    assert titles[0] == titles[1]
