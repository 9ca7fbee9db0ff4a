"""What is attacked: two processes of a rendered project on one database, and one Redis."""

import json
import os
import secrets
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Self

import httpx2

from tests.attacks.database import Database, connected
from tests.attacks.kinds import COOKIES
from tests.attacks.store import Store
from tests.attacks.tls import BEHIND_TLS, Certificate
from tests.matrix.clusters import Cluster, running_service
from tests.matrix.environment import Environment
from tests.matrix.servers import (
    MAIN,
    PATIENCE,
    SHORT_LIVED,
    UNLIMITED,
    free_ports,
    is_ready,
)

LOG_LEVELS = ("DEBUG", "INFO")


@dataclass(frozen=True)
class Target:
    """A rendered project, and where it runs; a variable hands it to another test run."""

    project: Path
    environment: Environment
    cluster: Cluster
    kind: str

    VARIABLE = "ATTACK_TARGET"

    def to_variables(self) -> dict[str, str]:
        paths = [str(self.project), str(self.environment.path)]
        parts = [*paths, self.cluster.url, self.cluster.template, self.kind]
        return {self.VARIABLE: json.dumps(parts)}

    @classmethod
    def from_variables(cls) -> Self | None:
        """Return the target that another test run has handed over, if one has."""
        if given := os.environ.get(cls.VARIABLE):
            project, environment, url, template, kind = json.loads(given)
            cluster = Cluster(url, template)
            return cls(Path(project), Environment(Path(environment)), cluster, kind)
        return None


@dataclass(frozen=True)
class Deployment:
    """Two processes with the same settings; whatever one decides must hold at the other."""

    target: Target
    variables: Mapping[str, str] = field(repr=False)
    trust: ssl.SSLContext | bool
    here: httpx2.Client
    there: httpx2.Client
    logs: tuple[Path, ...]
    database: Database

    @property
    def processes(self) -> tuple[httpx2.Client, httpx2.Client]:
        return self.here, self.there

    @cached_property
    def store(self) -> Store:
        """Return the Redis."""
        return Store(self.variables["REDIS_URL"])

    def client_of(
        self, process: httpx2.Client, headers: Mapping[str, str] | None = None
    ) -> httpx2.Client:
        """Make a client of one of the processes that sends the same headers with everything."""
        return _client(str(process.base_url), self.trust, headers)

    @contextmanager
    def seen_from(self, address: str) -> Iterator[Self]:
        """Give the deployment as somebody has it who calls from another address of loopback."""
        with ExitStack() as stack:
            here, there = (
                stack.enter_context(_client(str(each.base_url), self.trust, address=address))
                for each in self.processes
            )
            yield replace(self, here=here, there=there)

    @contextmanager
    def third(self, folder: Path) -> Iterator[tuple[httpx2.Client, subprocess.Popen[bytes]]]:
        """Run a process more, which may be killed."""
        port = free_ports(1)[0]
        log = folder / f"process-{port}.log"
        with _started(self.target, port, log, self.variables) as process:
            address = _wait_until_ready(process, log, self.trust)
            with _client(address, self.trust) as client:
                yield client, process.popen

    @property
    def keys(self) -> dict[str, str]:
        """Return the keys that sign access tokens, as somebody who has stolen them."""
        return dict(entry.split(":") for entry in self.variables["JWT_KEYS"].split(","))

    def log(self) -> str:
        """Return all that the processes have logged so far."""
        return "".join(log.read_text() for log in self.logs)

    def stored(self) -> str:
        """Return all that the database and Redis hold."""
        rows = [row for rows in self.database.dump().values() for row in rows]
        return "\n".join([*rows, self.store.text()])

    def failures(self) -> list[str]:
        """Return the lines that tell of an error that nobody foresaw."""
        return [line for line in self.log().splitlines() if '"level":"error"' in line]

    def run(self, *arguments: str, **variables: str) -> str:
        """Run a command of the project's command line and return what it prints."""
        return self.run_program(MAIN, *arguments, **variables)

    def run_program(self, program: str, *arguments: str, **variables: str) -> str:
        """Run Python code inside the project and return what it prints."""
        return self.target.environment.read(
            "-c",
            program,
            *arguments,
            cwd=self.target.project,
            variables={**self.variables, **variables},
        )


def settings(database_url: str, redis_url: str) -> dict[str, str]:
    """Return the settings of an attacked deployment; its locks outlast the slowest machine."""
    return {
        "APP_ENVIRONMENT": "test",
        "APP_SECRET_KEY": secrets.token_hex(32),
        "APP_DOCS_ENABLED": "true",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "JWT_KEYS": f"main:{secrets.token_hex(32)},former:{secrets.token_hex(32)}",
        "JWT_ACTIVE_KID": "main",
        "JWT_REFRESH_GRACE": "60",
        "LOCKOUT_BASE_DELAY": "60",
        "PASSWORD_MEMORY_COST": "8",
        "PASSWORD_TIME_COST": "1",
        **UNLIMITED,
    }


@contextmanager
def deployed(
    target: Target, folder: Path, changes: Mapping[str, str] | None = None
) -> Iterator[Deployment]:
    """Run both processes on a database of their own until the block ends."""
    with ExitStack() as stack:
        url = stack.enter_context(target.cluster.database())
        valkey = running_service("valkey", target.project, target.environment, folder / "redis")
        variables = {**settings(url, stack.enter_context(valkey)), **(changes or {})}
        trust: ssl.SSLContext | bool = True
        if target.kind == COOKIES:
            certificate = Certificate.make(folder)
            trust = certificate.trust()
            variables |= certificate.variables
        ports = free_ports(len(LOG_LEVELS))
        logs = tuple(folder / f"process-{port}.log" for port in ports)
        # Both are started before either is waited for, since starting is what costs.
        started = [
            stack.enter_context(_started(target, port, log, {**variables, "APP_LOG_LEVEL": level}))
            for port, log, level in zip(ports, logs, LOG_LEVELS, strict=True)
        ]
        here, there = (
            stack.enter_context(_client(address, trust))
            for address in [
                _wait_until_ready(process, log, trust)
                for process, log in zip(started, logs, strict=True)
            ]
        )
        database = stack.enter_context(connected(url))
        yield Deployment(target, variables, trust, here, there, logs, database)


def _client(
    base_url: str,
    trust: ssl.SSLContext | bool,
    headers: Mapping[str, str] | None = None,
    address: str | None = None,
) -> httpx2.Client:
    """Make a client that keeps no cookie, since it speaks for everybody in turn."""
    none = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    transport = httpx2.HTTPTransport(verify=trust, limits=SHORT_LIVED, local_address=address)
    return httpx2.Client(
        base_url=base_url, cookies=none, headers=headers, transport=transport, timeout=60
    )


@dataclass(frozen=True)
class _Process:
    popen: subprocess.Popen[bytes]
    address: str


@contextmanager
def _started(
    target: Target, port: int, log: Path, variables: Mapping[str, str]
) -> Iterator[_Process]:
    python = target.environment.path / "bin" / "python"
    scheme, program = ("https", BEHIND_TLS) if "TLS_KEY" in variables else ("http", MAIN)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, "-c", program, "serve", "--host=127.0.0.1", f"--port={port}"],
            cwd=target.project,
            env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _Process(process, f"{scheme}://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: _Process, log: Path, trust: ssl.SSLContext | bool) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.popen.poll() is None:
        if is_ready(process.address, trust=trust):
            return process.address
        time.sleep(0.05)
    raise AssertionError(f"A process didn't become ready:\n{log.read_text()}")
