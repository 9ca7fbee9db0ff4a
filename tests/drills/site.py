"""Processes of a render, with people who use them."""

import itertools
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from httpx2 import Client, Response

from tests.attacks.carriers import API, Carrier, Credentials, TokenCarrier
from tests.attacks.cookies import CookieCarrier
from tests.attacks.database import connected
from tests.matrix.servers import SHORT_LIVED, Server

CARRIERS: dict[str, Carrier] = {"jwt": TokenCarrier(), "session": CookieCarrier()}
# So many that their sign-ins stay below the limit of each of them.
RESIDENTS = 48
PASSWORD = "a long phrase for drills"  # noqa: S105 - guards nothing but this test's own accounts
# What is logged on purpose of a server that is away, at each call of it.
FORESEEN = "a resource is away"
SERVE = ("serve", "--host=127.0.0.1")
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Site:
    """What is drilled; `database_url` leads past everything that is put in between."""

    kind: str
    servers: tuple[Server, ...]
    database_url: str = field(repr=False)
    residents: list[str] = field(default_factory=list)

    @property
    def carrier(self) -> Carrier:
        return CARRIERS[self.kind]

    def clients(self, address: str | None = None) -> tuple[Client, ...]:
        """Make a client of each process, all as one that calls from an address of its own."""
        headers = from_address(address or new_address())
        return tuple(make_client(server, headers) for server in self.servers)

    def settle(self) -> None:
        """Open the accounts of those who sign in time and again."""
        here = self.servers[0].client
        self.residents.extend(self.register(here) for _ in range(RESIDENTS))

    def register(self, client: Client, **claims: str) -> str:
        """Open an account; return its address for mail."""
        email = f"{secrets.token_hex(6)}@example.com"
        headers = {**self.carrier.nobody(client), **from_address(new_address())}
        body = {"email": email, "password": PASSWORD}
        answer = client.post(f"{API}/auth/register", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        for column, value in claims.items():
            with connected(self.database_url) as database:
                database.execute(
                    f"UPDATE users SET {column} = $1 WHERE email = $2",  # noqa: S608 - a test's own names
                    value,
                    email,
                )
        return email

    def log_in(self, client: Client, email: str, password: str = PASSWORD) -> Response:
        """Try to sign in, from an address that nobody else has."""
        headers = {**self.carrier.nobody(client), **from_address(new_address())}
        body = {"username": email, "password": password}
        return client.post(f"{API}/auth/login", json=body, headers=headers)

    def sign_in(self, client: Client, email: str) -> Credentials:
        return self.carrier.credentials(self.log_in(client, email))

    def log_marks(self) -> list[int]:
        """Return where the logs of the processes end for now."""
        return [server.log.stat().st_size for server in self.servers]

    def logged_since(self, marks: list[int]) -> list[list[dict[str, Any]]]:
        """Return the lines that each process has logged since; one that is no JSON is an error."""
        return [lines_of(server, mark) for server, mark in zip(self.servers, marks, strict=True)]


def lines_of(server: Server, mark: int = 0) -> list[dict[str, Any]]:
    """Return what a process has logged past a mark; a line that is no JSON is an error."""
    return [_entry(line) for line in server.log.read_bytes()[mark:].decode().splitlines()]


def new_address() -> str:
    """Return an address that nobody has called from so far."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def from_address(address: str) -> dict[str, str]:
    """Return the header by which a proxy that is trusted tells where a call comes from."""
    return {"X-Forwarded-For": address}


def settings_of_site(database_url: str) -> dict[str, str]:
    return {
        "APP_ENVIRONMENT": "test",
        "APP_SECRET_KEY": secrets.token_hex(32),
        "APP_TRUSTED_PROXIES": "127.0.0.1",
        # The default, of which other tests have more.
        "DATABASE_LOCK_TIMEOUT": "1.2",
        "DATABASE_URL": database_url,
        "JWT_KEYS": f"main:{secrets.token_hex(32)}",
        "PASSWORD_MEMORY_COST": "8",
        "PASSWORD_TIME_COST": "1",
    }


def make_client(server: Server, headers: Mapping[str, str] | None = None) -> Client:
    """Make a client that keeps no cookie, since it sends those that it is told to."""
    return Client(
        base_url=server.client.base_url,
        headers=headers,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=30,
        limits=SHORT_LIVED,
    )


def _entry(line: str) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
    except ValueError:
        return {"level": "error", "event": line}
    return entry
