"""A rendered project as its users run it, in the environment that all renders share."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.matrix.environment import Environment

PATIENCE = 120
READY = "/health/ready"
# A server ends connections that are idle for 5 s, even while a request is on its way on one.
SHORT_LIVED = httpx2.Limits(keepalive_expiry=2)
MAIN = "from app.cli import main; main()"
# What is tried and measured here is something else, as long as no test sets limits of its own.
UNLIMITED = {
    "APP_SHUTDOWN_DELAY": "0",
    "DATABASE_LOCK_TIMEOUT": "30",
    **dict.fromkeys(
        (f"RATE_LIMIT_{policy}" for policy in ("DEFAULT", "WRITES", "AUTH", "ACCOUNT")),
        "1000000/second",
    ),
}


@dataclass(frozen=True)
class Server:
    """A running project, and a client that knows its address."""

    project: Path
    process: subprocess.Popen[bytes]
    client: httpx2.Client
    log: Path

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        return _stop(self.process)


@contextmanager
def development_server(
    project: Path,
    environment: Environment,
    variables: Mapping[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Run `app dev` in a project until the block ends."""
    command = ("-c", MAIN, "dev")
    with serving(project, environment, *command, variables=variables, port=port) as server:
        yield server


@contextmanager
def production_server(
    project: Path, environment: Environment, services: Mapping[str, str]
) -> Iterator[Server]:
    """Run `app serve` in a project that has an `.env`, with the settings of production."""
    variables = {"APP_ENVIRONMENT": "production", **services}
    command = ("-c", MAIN, "serve", "--host=127.0.0.1")
    with serving(project, environment, *command, variables=variables) as server:
        yield server


@contextmanager
def development_services(project: Path, environment: Environment) -> Iterator[dict[str, str]]:
    """Run what `app dev` starts beside the server until the block ends; return the variables.

    Migrations are applied then, and the project has an `.env`.
    """
    log = project.with_name(f"{project.name}.services.log")
    command = ("-c", MAIN, "dev", "--services-only")
    with _started(project, environment, command, log, {}) as process:
        _wait_until(lambda: "Ctrl-C" in log.read_text(), process, log)
        lines = (project / ".dev" / "env").read_text().split()
        yield dict(line.split("=", 1) for line in lines)


@contextmanager
def serving(
    project: Path,
    environment: Environment,
    *command: str,
    variables: Mapping[str, str] | None = None,
    port: int | None = None,
    answers: str = READY,
) -> Iterator[Server]:
    """Run a Python command that takes `--port`; the block begins once a path answers 200."""
    port = port or free_ports(1)[0]
    log = project.with_name(f"{project.name}.{port}.log")
    command = (*command, f"--port={port}")
    with (
        _started(project, environment, command, log, variables or {}) as process,
        httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=10, limits=SHORT_LIVED
        ) as client,
    ):
        _wait_until(lambda: is_ready(str(client.base_url), path=answers), process, log)
        yield Server(project, process, client, log)


@contextmanager
def background(
    folder: Path,
    environment: Environment,
    command: tuple[str, ...],
    log: Path,
    *,
    ready: Callable[[], bool],
) -> Iterator[None]:
    """Run any other Python command until the block ends, which begins once it is ready."""
    with _started(folder, environment, command, log, {}) as started:
        _wait_until(ready, started, log)
        yield


def is_ready(address: str, *, path: str = READY, trust: ssl.SSLContext | bool = True) -> bool:
    try:
        return httpx2.get(f"{address.rstrip('/')}{path}", verify=trust).is_success
    except httpx2.TransportError:
        return False


def free_ports(count: int) -> list[int]:
    """Return ports that differ, since all of them are held until the last one is found."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in held]


@contextmanager
def _started(
    project: Path,
    environment: Environment,
    command: tuple[str, ...],
    log: Path,
    variables: Mapping[str, str],
) -> Iterator[subprocess.Popen[bytes]]:
    given = {"DATABASE_URL", "REDIS_URL"}
    kept = {name: value for name, value in os.environ.items() if name not in given}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment.path / "bin" / "python", *command],
            cwd=project,
            env={**kept, "PYTHONUNBUFFERED": "1", **UNLIMITED, **variables},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    try:
        return process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError(f"The server didn't become ready:\n{log.read_text()}")
