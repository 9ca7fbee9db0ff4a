"""All that a person does, and a search for what of it must not have been written down."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote_plus

from httpx2 import Client

from tests.attacks.carriers import API, Credentials
from tests.attacks.changes import change_email, change_password
from tests.attacks.people import Account, People, new_password, refusal

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
        wrong = change_password(self.here, session, self.password(), self.password())
        assert refusal(wrong)[0] == 403
        second = self.password()
        answer = change_password(self.here, session, self.account.password, second)
        assert answer.status_code == 204, answer.text
        session = self.note(self.people.carrier.renewed(session, answer))
        answer = change_email(self.here, session, second, f"moved-{self.account.email}")
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
    stored, logged = deployment.stored(), deployment.log()
    everything = [*journey.passwords, *journey.tokens]
    assert len(set(everything)) > 8
    assert journey.account.username in stored
    assert "$argon2id$" in stored
    assert journey.account.id in logged
    assert found(everything, stored) == []
    assert found(everything, logged) == []
    assert found(fast_hashes(journey.passwords), stored + logged) == []
