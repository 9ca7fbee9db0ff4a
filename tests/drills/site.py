"""Two processes of a render on one PostgreSQL and one Valkey, with people who use them."""

import itertools
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

from httpx2 import Client, Response

from tests.attacks.carriers import API, Carrier, Credentials, TokenCarrier
from tests.attacks.cookies import CookieCarrier
from tests.attacks.database import Database, connected
from tests.drills.proxy import Proxy
from tests.drills.valkey import Valkey, running_valkey
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.questions import Answers
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN, SHORT_LIVED, Server, serving

FEATURES = ["items", "rate_limit", "cache", "idempotency"]
ANSWERS: dict[str, Answers] = {
    "jwt": {"preset": "minimal", "features": FEATURES},
    "session": {"preset": "minimal", "features": FEATURES, "auth": "session"},
}
CARRIERS: dict[str, Carrier] = {"jwt": TokenCarrier(), "session": CookieCarrier()}
DEFAULT, AUTH, ACCOUNT = 150, 5, 10
LIMITS = {
    "RATE_LIMIT_DEFAULT": f"{DEFAULT}/minute",
    "RATE_LIMIT_AUTH": f"{AUTH}/minute",
    "RATE_LIMIT_ACCOUNT": f"{ACCOUNT}/minute",
}
# So many that their sign-ins stay below the limit of each of them.
RESIDENTS = 48
PASSWORD = "a long phrase for drills"  # noqa: S105 - guards nothing but this test's own accounts
# What is logged on purpose of a server that is away, at each call of it.
FORESEEN = "a resource is away"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """What is drilled; `proxy` is between the processes and Valkey if there is one."""

    kind: str
    servers: tuple[Server, Server]
    valkey: Valkey
    proxy: Proxy | None
    database: Database
    residents: list[str] = field(default_factory=list)

    @property
    def carrier(self) -> Carrier:
        return CARRIERS[self.kind]

    def clients(self, address: str | None = None) -> tuple[Client, Client]:
        """Make a client of each process, both as one that calls from an address of its own."""
        headers = from_address(address or new_address())
        here, there = (_client(server, headers) for server in self.servers)
        return here, there

    def register(self, client: Client, **claims: str) -> str:
        """Open an account; return its address for mail."""
        email = f"{secrets.token_hex(6)}@example.com"
        headers = {**self.carrier.nobody(client), **from_address(new_address())}
        body = {"email": email, "password": PASSWORD}
        answer = client.post(f"{API}/auth/register", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        for column, value in claims.items():
            self.database.execute(
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
        found = []
        for server, mark in zip(self.servers, marks, strict=True):
            text = server.log.read_bytes()[mark:].decode()
            found.append([_entry(line) for line in text.splitlines()])
        return found


def new_address() -> str:
    """Return an address that nobody has called from so far."""
    number = next(_numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def from_address(address: str) -> dict[str, str]:
    """Return the header by which a proxy that is trusted tells where a call comes from."""
    return {"X-Forwarded-For": address}


@contextmanager
def running_site(  # noqa: PLR0913 - a place has as many parts
    kind: str,
    render: Render,
    environment: Environment,
    cluster: Cluster,
    folder: Path,
    *,
    proxied: bool,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """Run two processes of a copy of the render until the block ends."""
    project = folder / "project"
    shutil.copytree(render.path, project)
    with ExitStack() as stack:
        url = stack.enter_context(cluster.database())
        valkey = stack.enter_context(running_valkey(environment, folder / "valkey"))
        proxy = stack.enter_context(Proxy(("127.0.0.1", valkey.port))) if proxied else None
        settings = {
            **_settings(url, valkey.url(proxy.port if proxy else None)),
            **(variables or {}),
        }
        command = ("-c", MAIN, "serve", "--host=127.0.0.1")
        here, there = (
            stack.enter_context(serving(project, environment, *command, variables=settings))
            for _ in range(2)
        )
        database = stack.enter_context(connected(url))
        site = Site(kind, (here, there), valkey, proxy, database)
        site.residents.extend(site.register(here.client) for _ in range(RESIDENTS))
        yield site


def _settings(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "APP_ENVIRONMENT": "test",
        "APP_SECRET_KEY": secrets.token_hex(32),
        "APP_TRUSTED_PROXIES": "127.0.0.1",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_KEYS": f"main:{secrets.token_hex(32)}",
        "PASSWORD_MEMORY_COST": "8",
        "PASSWORD_TIME_COST": "1",
        **LIMITS,
    }


def _client(server: Server, headers: Mapping[str, str]) -> Client:
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
