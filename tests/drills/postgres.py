"""A real PostgreSQL on a port that stays the same, to be killed, frozen and started again."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from tests.attacks.database import connected
from tests.matrix.clusters import running_service
from tests.matrix.environment import Environment

PATIENCE = 30
# Those that serve the drilled processes, and nobody else.
BACKENDS = (
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    " AND datname = current_database() AND pid <> pg_backend_pid()"
)


class Postgres:
    """The server that a render brings, which keeps its data and what it has acknowledged."""

    def __init__(self, project: Path, environment: Environment, folder: Path) -> None:
        self._project = project
        self._environment = environment
        self._folder = folder
        self._life = ExitStack()
        self.url = ""

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def start(self) -> None:
        """Start on the data that there is, or make some; return once it answers."""
        service = running_service(
            "lasting_postgres", self._project, self._environment, self._folder
        )
        url = self._life.enter_context(service)
        assert url == (self.url or url), "It came back elsewhere"
        self.url = url

    def end(self, number: signal.Signals) -> None:
        """End it, by a signal that only SIGKILL needs for each of its processes."""
        processes = self._processes()
        for process in processes if number == signal.SIGKILL else processes[:1]:
            _send(process, number)
        self.stop()
        assert not psutil.wait_procs(processes, timeout=PATIENCE)[1]

    def stop(self) -> None:
        self._life.close()

    def freeze(self) -> None:
        for process in self._processes():
            _send(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self._processes():
            _send(process, signal.SIGCONT)

    def crash(self, database_url: str) -> None:
        """Kill what serves one connection, at which the server ends all others and recovers."""
        with connected(database_url) as database:
            [pid] = database.fetch(f"{BACKENDS} LIMIT 1")[0]
        os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Delete the data, also where it had to lie outside of the folder."""
        self.stop()
        shutil.rmtree(self._home(), ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _home(self) -> Path:
        home = self._folder / "home"
        return home.resolve() if home.is_symlink() else self._folder

    def _processes(self) -> list[psutil.Process]:
        """Return the postmaster and then all others, or nothing if it doesn't run."""
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            lines = (self._home() / "data" / "postmaster.pid").read_text().split()
            postmaster = psutil.Process(int(lines[0]))
            return [postmaster, *postmaster.children(recursive=True)]
        return []


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


@contextmanager
def running_postgres(project: Path, environment: Environment, folder: Path) -> Iterator[Postgres]:
    postgres = Postgres(project, environment, folder)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.thaw()
        postgres.remove()
