"""Accounts to attack and to attack from; each test makes its own."""

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from httpx2 import Client, Response

from tests.attacks.carriers import API, Carrier, Credentials
from tests.attacks.deployment import Deployment

T = TypeVar("T")
RESET_LINKS = """
import sys
from app.cli.users import reset_link
for login in sys.argv[1:]:
    reset_link(login)
"""


@dataclass(frozen=True)
class Account:
    id: str
    email: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class People:
    deployment: Deployment
    carrier: Carrier

    def register(self, *, admin: bool = False) -> Account:
        """Open an account that nobody else has; admins are made in the database."""
        name = f"u{secrets.token_hex(6)}"
        password = new_password()
        body = {"email": f"{name}@example.com", "username": name, "password": password}
        here = self.deployment.here
        answer = here.post(f"{API}/auth/register", json=body, headers=self.carrier.nobody(here))
        assert answer.status_code == 201, answer.text
        account = Account(answer.json()["id"], body["email"], name, password)
        if admin:
            self.deployment.database.execute(
                "UPDATE users SET role = 'admin' WHERE id = $1", account.id
            )
        return account

    def sign_in(
        self, account: Account, *, client: Client | None = None, device: str | None = None
    ) -> Credentials:
        client = client or self.deployment.here
        return self.carrier.credentials(
            self.carrier.log_in(client, account.email, account.password, device=device)
        )

    def register_and_sign_in(self, *, admin: bool = False) -> tuple[Account, Credentials]:
        account = self.register(admin=admin)
        return account, self.sign_in(account)

    def is_over(self, credentials: Credentials) -> bool:
        """Tell whether credentials are worth nothing, at any process."""
        return all(
            self.carrier.is_over(process, credentials) for process in self.deployment.processes
        )

    def session_id(self, credentials: Credentials) -> str:
        """Return the name that a session has in the list of devices."""
        answer = self.deployment.here.get(f"{API}/auth/sessions", headers=credentials.headers)
        [current] = [entry["id"] for entry in answer.json()["items"] if entry["current"]]
        return str(current)

    def can_sign_in(self, client: Client, name: str, password: str) -> bool:
        """Tell whether a name and a password are accepted; any answer but yes and no fails."""
        answer = self.carrier.log_in(client, name, password)
        assert answer.status_code == 200 or refusal(answer) == (401, "invalid_credentials")
        return answer.status_code == 200

    def reset_tokens(self, *accounts: Account) -> list[str]:
        """Return the tokens of links as an operator makes them, all in one process."""
        names = [account.username for account in accounts]
        return self.deployment.run_program(RESET_LINKS, *names).split()


def new_password() -> str:
    return secrets.token_urlsafe(18)


def me(client: Client, credentials: Credentials) -> Response:
    return client.get(f"{API}/users/me", headers=credentials.headers)


def is_in(client: Client, credentials: Credentials) -> bool:
    """Tell whether the credentials are accepted; any answer but yes and no fails."""
    answer = me(client, credentials)
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


def refusal(answer: Response) -> tuple[int, str]:
    """Return the status and the code of a refusal, whose shape is checked."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    assert answer.status_code != 401 or "WWW-Authenticate" in answer.headers
    return answer.status_code, answer.json()["code"]


def at_once(
    calls: Iterable[Callable[[], T]],
    *,
    workers: int = 20,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[T]:
    """Make calls in parallel, begun in their order; return what they return."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(call) for call in calls]
        meanwhile()
        return [future.result() for future in futures]
