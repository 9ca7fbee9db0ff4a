"""A rendered project as `make dev` runs it, in the environment that all renders share."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.matrix.environment import Environment

PATIENCE = 120
MAIN = "from app.cli import main; main()"


@dataclass(frozen=True)
class Server:
    """A running project, and a client that knows its address."""

    project: Path
    process: subprocess.Popen[bytes]
    client: httpx2.Client
    log: Path

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise


@contextmanager
def development_server(project: Path, environment: Environment) -> Iterator[Server]:
    """Run `app dev` in a project until the block ends."""
    [port] = free_ports(1)
    log = project.with_suffix(".log")
    variables = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment.path / "bin" / "python", "-c", MAIN, "dev", "--port", str(port)],
            cwd=project,
            env={**variables, "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        server = Server(project, process, client, log)
        try:
            _wait_until_ready(server)
            yield server
        finally:
            server.stop()


def is_ready(address: str) -> bool:
    try:
        return httpx2.get(f"{address.rstrip('/')}/health/ready").is_success
    except httpx2.TransportError:
        return False


def free_ports(count: int) -> list[int]:
    """Return ports that differ, since all of them are held until the last one is found."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in held]


def _wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.process.poll() is None:
        if is_ready(str(server.client.base_url)):
            return
        time.sleep(0.2)
    raise AssertionError(f"The server didn't become ready:\n{server.log.read_text()}")
