"""A token opens the door that it was made for and no other."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from httpx2 import Client, Response

from tests.attacks.carriers import API, TokenCarrier, bearer
from tests.attacks.people import Account, People, new_password, refusal

Open = Callable[[Client, str], Response]


@dataclass(frozen=True)
class Holder:
    """Somebody who holds a token of every kind, none of them used yet."""

    account: Account
    tokens: dict[str, str]


@pytest.fixture
def holder(people: People, carrier: TokenCarrier, here: Client) -> Holder:
    account = people.register()
    pair = carrier.credentials(carrier.log_in(here, account.email, account.password))
    assert pair.device
    tokens = {
        "access": pair.access_token,
        "refresh": pair.refresh_token,
        "device": pair.device,
        "reset": people.reset_tokens(account)[0],
    }
    return Holder(account, tokens)


def test_no_token_opens_the_door_of_another(
    holder: Holder, people: People, carrier: TokenCarrier
) -> None:
    password = new_password()
    doors: dict[str, Open] = {
        "device": lambda process, token: carrier.log_in(
            process, holder.account.email, holder.account.password, device=token
        ),
        "access": lambda process, token: process.get(f"{API}/users/me", headers=bearer(token)),
        "refresh": carrier.refresh,
        "reset": lambda process, token: process.post(
            f"{API}/auth/reset-password", json={"token": token, "password": password}
        ),
    }
    code = {"device": "invalid_credentials"}
    for _ in range(5):
        assert not people.can_sign_in(people.deployment.here, holder.account.email, password)
    for purpose, door in doors.items():
        for kind, token in holder.tokens.items():
            for process in people.deployment.processes if kind != purpose else ():
                expected = (401, code.get(purpose, "token_invalid"))
                assert refusal(door(process, token)) == expected, f"{kind} for {purpose}"
    # The reset comes last: it ends the session.
    for purpose, door in doors.items():
        assert door(people.deployment.there, holder.tokens[purpose]).is_success, purpose


def test_no_token_is_a_password(holder: Holder, people: People) -> None:
    there = people.deployment.there
    for token in holder.tokens.values():
        assert not people.can_sign_in(there, holder.account.email, token)
    assert people.can_sign_in(there, holder.account.email, holder.account.password)
