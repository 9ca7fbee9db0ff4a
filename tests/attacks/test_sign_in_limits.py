"""A password is tried so often for an account, and so often from an address, however it is sent."""

import secrets
from itertools import cycle, islice

import pytest
from httpx2 import Response

from tests.attacks.carriers import API, Carrier
from tests.attacks.deployment import Deployment
from tests.attacks.kinds import TOKENS
from tests.attacks.limits import (
    LIMITED,
    SIGN_INS,
    TRIES,
    WRONG,
    Place,
)
from tests.attacks.people import People, is_in, new_password, refusal


@pytest.fixture
def deployment(place: Place) -> Deployment:
    return place()


def spellings_of_address(email: str) -> list[str]:
    local, _, domain = email.partition("@")
    return [
        email,
        email.upper(),
        f"{local}@{domain.title()}",
        f"{local.title()}@{domain}",
        f"  {email}\t",
        f"\u00a0{email}\u2003",
        f"{' ' * 400}{email}",
        f"{local}@\uff45{domain[1:]}",
    ]


def spellings_of_name(name: str) -> list[str]:
    wide = chr(ord(name[0]) + 0xFEE0)
    return [
        name,
        name.upper(),
        name.title(),
        f" {name} ",
        f"{wide}{name[1:]}",
        f"{' ' * 1000}{name}",
        f"{name}\u3000",
    ]


@pytest.mark.parametrize("how", ["email", "username"])
def test_however_a_name_is_spelt_it_is_one_account(how: str, people: People, place: Place) -> None:
    account, carrier = people.register(), people.carrier
    by_email = how == "email"
    names = spellings_of_address(account.email) if by_email else spellings_of_name(account.username)
    # At first each is accepted as the account's; the address is never the one before.
    for name in names[: TRIES - 1]:
        assert refusal(carrier.log_in(place().here, name, new_password())) == WRONG
    assert carrier.log_in(place().here, names[0], account.password).status_code == 200
    for name in names:
        answer = carrier.log_in(place().there, name, account.password)
        assert (name, refusal(answer)) == (name, LIMITED)
    stranger = people.register()
    assert carrier.log_in(place().here, stranger.email, stranger.password).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json; profile=form",
        "application/form+json",
        "application/vnd.form-data+json",
    ],
)
def test_no_type_of_a_body_hides_the_account(
    content_type: str, people: People, place: Place
) -> None:
    account = people.register()
    body = f'{{"username": "{account.email}", "password": "{account.password}"}}'.encode()

    def log_in() -> Response:
        client = place().here
        headers = {**people.carrier.nobody(client), "Content-Type": content_type}
        return client.post(f"{API}/auth/login", content=body, headers=headers)

    assert [log_in().status_code for _ in range(TRIES + 1)] == [200] * TRIES + [429]


def test_every_door_counts_the_account(people: People, place: Place) -> None:
    for door in people.carrier.doors():
        account = people.register()
        answers = [door(place().here, account.email, new_password()) for _ in range(TRIES + 2)]
        assert [refusal(answer) for answer in answers] == [WRONG] * TRIES + [LIMITED] * 2


def test_a_sign_in_is_one_whatever_its_path(people: People, place: Place) -> None:
    account, carrier = people.register(), people.carrier
    for _ in range(TRIES):
        assert refusal(carrier.log_in(place().here, account.email, new_password())) == WRONG
    body = {"username": account.email, "password": account.password}
    path = f"{API}/auth/login"
    for spelling in (path, f"{path}/", f"{path}///", f"{path}?x=1", path.replace("in", "%69n")):
        client = place().there
        headers, target = carrier.nobody(client), {"target": spelling.encode()}
        answer = client.post("/", json=body, headers=headers, extensions=target)
        assert (spelling, refusal(answer)) == (spelling, LIMITED)


def test_many_accounts_are_tried_from_one_address(
    people: People, carrier: Carrier, place: Place
) -> None:
    account, here, there = people.register(), place(), place()
    clients = islice(cycle(here.processes), SIGN_INS + 4)
    answers = [carrier.log_in(client, f"u{secrets.token_hex(6)}", "no") for client in clients]
    assert [refusal(answer) for answer in answers] == [WRONG] * SIGN_INS + [LIMITED] * 4
    answer = carrier.log_in(here.here, account.email, account.password)
    assert refusal(answer) == LIMITED
    assert carrier.log_in(there.here, account.email, account.password).status_code == 200


def test_no_answer_tells_whether_there_is_an_account(people: People, place: Place) -> None:
    known, unknown = people.register().email, f"u{secrets.token_hex(6)}@example.com"

    def tried(name: str) -> list[object]:
        answers = [people.carrier.log_in(place().here, name, "no") for _ in range(TRIES + 1)]
        return [(refusal(answer), answer.headers["RateLimit-Limit"]) for answer in answers]

    assert tried(known) == tried(unknown)


def test_what_is_counted_names_nobody(people: People, kind: str) -> None:
    account, session = people.register_and_sign_in()
    people.carrier.log_in(people.deployment.here, account.email, new_password())
    keys = b"\n".join(people.deployment.store.keys("rate_limit:*")).decode()
    assert account.email not in keys
    assert account.username not in keys
    assert is_in(people.deployment.here, session)
    if kind == TOKENS:
        assert f"rate_limit:default:user:{account.id}" in "\n".join(
            key.decode() for key in people.deployment.store.keys("rate_limit:*")
        )
