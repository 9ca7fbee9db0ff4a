"""Servers that end with the process that started them, however that one ends."""

import fcntl
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

STOP_SECONDS = 10

# The shell turns into the server, but leaves a guard behind. The launcher holds the other end of
# stdin: a line tells the guard that the server has stopped, an end without one that the launcher
# was killed. The guard closes the log, whose lock must last as long as the server and no longer.
GUARDED = """
exec 3<&0 </dev/null
guard() { read -r _ <&3 || { kill -INT $$; [ -z "$0" ] || { sleep 2; rm -rf "$0"; }; }; }
(guard >/dev/null 2>&1 &)
exec 3<&-
exec "$@"
"""


class ServiceNotStarted(Exception):
    """Say why a server is not running, and what to do."""


def find_ports(last: Path) -> Iterator[int]:
    """Offer the last port and then free ones, which others may take before the server does."""
    with suppress(FileNotFoundError, ValueError):
        yield int(last.read_text())
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        yield port


def lock_file(file: IO[bytes], *, seconds: float = 0) -> bool:
    """Lock a file, for whoever inherits it as well; tell whether that was possible in time."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    process.kill()
    process.communicate(b"\n")
