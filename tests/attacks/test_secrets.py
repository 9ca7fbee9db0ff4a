"""What a thief of the database or of the logs doesn't get."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote_plus

import pytest
from httpx2 import Client

from tests.attacks.carriers import API, Credentials, TokenCarrier, bearer
from tests.attacks.people import Account, People, is_in, new_password, refusal

pytestmark = pytest.mark.xdist_group("attacks")

FAST = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)


@dataclass
class Journey:
    """All that one person does, and every secret that was sent on the way."""

    people: People
    here: Client
    there: Client
    account: Account
    passwords: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, people: People, here: Client, there: Client) -> Self:
        account = people.register()
        return cls(people, here, there, account, passwords=[account.password])

    def note(self, credentials: Credentials) -> Credentials:
        self.tokens += self.people.carrier.secrets(credentials)
        return credentials

    def password(self) -> str:
        self.passwords.append(new_password())
        return self.passwords[-1]

    def sign_in(self, password: str, device: str | None = None) -> Credentials:
        answer = self.people.carrier.log_in(
            self.there, self.account.username, password, device=device
        )
        return self.note(self.people.carrier.credentials(answer))

    def fail(self) -> None:
        """Do what people do wrong: wrong passwords, and passwords in the wrong places."""
        here, carrier = self.here, self.people.carrier
        for name in (self.account.email, self.password(), f"{self.password()}@example.com"):
            assert refusal(carrier.log_in(here, name, self.password()))[0] == 401
        for body in ({"password": [self.password()]}, {self.password(): 1, "password": 2}):
            sent = here.post(f"{API}/auth/register", json=body, headers=carrier.nobody(here))
            assert refusal(sent)[0] == 422
        broken = f'{{"username": "ada", "password": "{self.password()}"'.encode()
        headers = {**carrier.nobody(here), "Content-Type": "application/json"}
        assert here.post(f"{API}/auth/login", content=broken, headers=headers).status_code == 422
        guess = {"token": self.password(), "password": self.password()}
        answer = here.post(f"{API}/auth/reset-password", json=guess, headers=carrier.nobody(here))
        assert answer.status_code == 401

    def change(self) -> None:
        """Change everything that a password protects."""
        first = self.sign_in(self.account.password)
        session = self.sign_in(self.account.password, device=first.device)
        me, headers = f"{API}/users/me", session.headers
        wrong = {"current_password": self.password(), "new_password": self.password()}
        change = f"{me}/change-password"
        assert refusal(self.here.post(change, json=wrong, headers=headers))[0] == 403
        second = self.password()
        body = {"current_password": self.account.password, "new_password": second}
        assert self.here.post(change, json=body, headers=headers).status_code == 204
        moved = {"email": f"moved-{self.account.email}", "password": second}
        answer = self.here.post(f"{me}/change-email", json=moved, headers=headers)
        assert answer.status_code == 200, answer.text

    def reset(self) -> None:
        """Get a new password by a link, and one from an operator."""
        deployment, third, fourth = self.people.deployment, self.password(), self.password()
        # The second one stays pending.
        token, pending = self.people.reset_tokens(self.account, self.people.register())
        self.tokens += [token, pending]
        body = {"token": token, "password": third}
        headers = self.people.carrier.nobody(self.here)
        answer = self.here.post(f"{API}/auth/reset-password", json=body, headers=headers)
        assert answer.status_code == 204, answer.text
        self.sign_in(third)
        shown = deployment.run("set-password", self.account.username, NEW_USER_PASSWORD=fourth)
        assert fourth not in shown
        self.sign_in(fourth)


def spellings(secret: str) -> Iterator[str]:
    """Yield a secret as text, and as what encodes it reversibly."""
    raw = secret.encode()
    yield from (secret, quote_plus(secret), raw.hex(), raw.hex().upper(), secret[-24:])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # The last characters depend on what follows.
        yield encode(raw).decode().rstrip("=")[:-2]


def found(secrets: list[str], text: str) -> list[str]:
    return [secret for secret in secrets if any(form in text for form in spellings(secret))]


def fast_hashes(passwords: list[str]) -> list[str]:
    return [new(password.encode()).hexdigest() for password in passwords for new in FAST]


def check(journey: Journey) -> None:
    """Look for every secret, and for what has to be found if the search is any good."""
    deployment = journey.people.deployment
    stored = "\n".join(row for rows in deployment.database.dump().values() for row in rows)
    logged = deployment.log()
    everything = [*journey.passwords, *journey.tokens]
    assert len(set(everything)) > 8
    assert journey.account.username in stored
    assert "$argon2id$" in stored
    assert journey.account.id in logged
    assert found(everything, stored) == []
    assert found(everything, logged) == []
    assert found(fast_hashes(journey.passwords), stored + logged) == []


def test_no_secret_is_stored_or_logged(people: People) -> None:
    here, there = people.deployment.processes
    # The processes differ in what they log.
    for order in ((there, here), (here, there)):
        journey = Journey.begin(people, *order)
        journey.fail()
        journey.change()
        check(journey)
    journey.reset()
    check(journey)


def test_no_token_is_stored_or_logged(people: People, carrier: TokenCarrier) -> None:
    """Tokens only: refresh, reuse, and tokens in the wrong places."""
    here, there = people.deployment.processes
    journey = Journey.begin(people, here, there)
    pair = carrier.credentials(carrier.log_in(here, journey.account.email, journey.passwords[0]))
    pairs = [pair]
    for process in (here, there, here):
        pairs.append(carrier.credentials(carrier.refresh(process, pairs[-1].refresh_token)))
    token = pairs[-1].access_token
    assert is_in(here, pairs[-1])
    assert here.get(f"{API}/users/me", params={"access_token": token}).status_code == 401
    assert here.get(f"{API}/users/me", headers=bearer(token[:-6])).status_code == 401
    assert refusal(carrier.refresh(there, pair.refresh_token)) == (401, "token_reused")
    assert refusal(carrier.refresh(here, token)) == (401, "token_invalid")
    for each in pairs:
        journey.note(each)
    check(journey)


def test_the_search_finds_what_is_planted(people: People, here: Client) -> None:
    _, session = people.register_and_sign_in()
    planted = [new_password() for _ in range(3)]
    forms = [planted[0], planted[1].encode().hex(), base64.b64encode(planted[2].encode()).decode()]
    named = {"full_name": " ".join(forms)}
    path = f"{API}/users/me"
    assert here.patch(path, json=named, headers=session.headers).status_code == 200
    logged = {**session.headers, "X-Request-ID": planted[0]}
    assert here.get(path, headers=logged).status_code == 200
    stored = "\n".join(row for rows in people.deployment.database.dump().values() for row in rows)
    assert found([*planted, new_password()], stored) == planted
    assert found([planted[0], new_password()], people.deployment.log()) == [planted[0]]
