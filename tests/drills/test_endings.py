"""Processes that are told to stop, that stop, and that start before PostgreSQL does."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from httpx2 import Client, Limits, TransportError

from tests.attacks.carriers import API
from tests.attacks.database import Database, connected
from tests.drills.conftest import Grounds
from tests.drills.database_site import HASTY, STATEMENT_TIMEOUT
from tests.drills.postgres import running_postgres
from tests.drills.report import show
from tests.drills.site import SERVE, Site, lines_of, settings_of_site
from tests.drills.traffic import ITEMS, Traffic, losses
from tests.matrix.clusters import Cluster
from tests.matrix.servers import MAIN, serving

pytestmark = pytest.mark.xdist_group("live")

ME, MAKE, HOLD = f"{API}/users/me", f"{API}/drills/make", f"{API}/drills/hold"
DELAY, TAKES, FLYING = 1.0, 3.0, 20
# Until the second signal; two at once are one.
AGAIN = 0.2
# A supervisor looks for signals twice a second.
TOLD_WITHIN = 1.0
SLACK = 1.0
READY_WITHIN = 5.0
HOLDING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'idle in transaction' AND query LIKE '%FOR UPDATE%'"
)
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'SELECT pg_sleep%'"


@dataclass
class Ending:
    """What somebody sees who asks all the time while a process ends; times since the signal."""

    told: float | None = None
    """When readiness said so for the first time."""
    refused: float | None = None
    """When there was no connection any more."""
    wrong: list[str] = field(default_factory=list)

    def watch(self, address: str, headers: dict[str, str]) -> None:
        begun = time.monotonic()
        limits = Limits(max_keepalive_connections=0)
        with Client(base_url=address, limits=limits, timeout=0.5) as client:
            while self.refused is None:
                self._look(client, headers, begun)
                time.sleep(0.02)

    def _look(self, client: Client, headers: dict[str, str], begun: float) -> None:
        try:
            ready = client.get("/health/ready").status_code
            served = client.get(ME, headers=headers).status_code
        except TransportError:
            self.refused = time.monotonic() - begun
            return
        since = time.monotonic() - begun
        if ready == 503 and self.told is None:
            self.told = since
        # Workers are told one after the other.
        if ready == 200 and self.told is not None and since > self.told + 0.2:
            self.wrong.append(f"ready again after {since:.2f} s")
        if served != 200:
            self.wrong.append(f"answered {served} after {since:.2f} s")


@dataclass(frozen=True)
class Flight:
    """One `app serve` with slow requests under way."""

    site: Site
    calls: list[Future[httpx2.Response]]
    headers: dict[str, str]
    database: Database

    @property
    def address(self) -> str:
        return str(self.site.servers[0].client.base_url)

    def tell(self, *, all_processes: bool = False) -> None:
        """Send SIGTERM, to the workers of a supervisor as well or not."""
        send = os.killpg if all_processes else os.kill
        send(self.site.servers[0].process.pid, signal.SIGTERM)

    def expect_landing(self) -> None:
        """Check that all were served, that the status is 0, and that nothing went wrong."""
        assert [call.result().status_code for call in self.calls] == [200] * len(self.calls)
        server = self.site.servers[0]
        assert server.process.wait(30) == 0
        sql = "SELECT count(*) FROM items WHERE title = 'slow'"
        assert self.database.fetch(sql) == [(len(self.calls),)]
        assert [line for line in lines_of(server) if line["level"] == "error"] == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.site.servers[0].client.base_url.port or 0))


@contextmanager
def flying(
    drilled: Grounds,
    folder: Path,
    delay: float,
    workers: int,
    project: Path | None = None,
) -> Iterator[Flight]:
    """Have so many slow requests under way, once all of them are in the database."""
    variables = {"APP_SHUTDOWN_DELAY": str(delay)}
    with ExitStack() as stack:
        run = drilled.calm(
            folder, project=project, variables=variables, processes=1, workers=workers
        )
        site = stack.enter_context(run)
        here = site.servers[0].client
        headers = site.sign_in(here, site.register(here)).headers
        database = stack.enter_context(connected(site.database_url))
        client = stack.enter_context(Client(base_url=here.base_url, timeout=30, limits=Limits()))
        pool = stack.enter_context(ThreadPoolExecutor(FLYING))
        params: dict[str, str | float] = {"title": "slow", "seconds": TAKES}
        calls = [
            pool.submit(client.post, MAKE, params=params, headers=headers) for _ in range(FLYING)
        ]
        deadline = time.monotonic() + TAKES
        while database.fetch(SLEEPING) != [(FLYING,)]:
            assert time.monotonic() < deadline, "They never flew"
            time.sleep(0.02)
        yield Flight(site, calls, headers, database)


def tell(flight: Flight, *, all_processes: bool = False) -> Ending:
    """Tell a process to stop, and watch it until it refuses connections."""
    ending = Ending()
    flight.tell(all_processes=all_processes)
    ending.watch(flight.address, flight.headers)
    show(f"\ntold after {ending.told} s, refused after {ending.refused} s")
    return ending


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.full)])
def test_a_process_is_told_to_stop(workers: int, drilled: Grounds, tmp_path: Path) -> None:
    with flying(drilled, tmp_path, DELAY, workers) as flight:
        ending = tell(flight)
        assert ending.wrong == []
        assert ending.told is not None
        assert ending.told < TOLD_WITHIN
        assert ending.refused is not None
        assert DELAY <= ending.refused < DELAY + TOLD_WITHIN + SLACK
        flight.expect_landing()


@pytest.mark.full
@pytest.mark.parametrize("workers", [1, 2])
def test_all_processes_are_told_twice(workers: int, drilled: Grounds, tmp_path: Path) -> None:
    with flying(drilled, tmp_path, DELAY, workers) as flight:
        flight.tell(all_processes=True)
        time.sleep(AGAIN)
        ending = tell(flight, all_processes=True)
        assert ending.wrong == []
        assert ending.told is not None
        assert ending.refused is not None
        assert DELAY - AGAIN <= ending.refused < DELAY + TOLD_WITHIN + SLACK
        flight.expect_landing()


@pytest.mark.full
def test_an_end_without_notice_is_noticed(drilled: Grounds, tmp_path: Path) -> None:
    old, project = "loop.call_later, self._delay, act", tmp_path / "planted"
    drilled.plant("app/core/shutdown.py", old, "loop.call_later, 0, act", project)
    (tmp_path / "site").mkdir()
    with flying(drilled, tmp_path / "site", DELAY, 1, project) as flight:
        ending = tell(flight)
    assert ending.told is None
    assert ending.refused is not None
    assert ending.refused < DELAY


@pytest.mark.full
def test_a_process_starts_before_postgresql(drilled: Grounds, tmp_path: Path) -> None:
    render, environment = drilled.render(), drilled.environment
    shutil.copytree(render.path, tmp_path / "project")
    with running_postgres(render.path, environment, tmp_path / "postgres") as postgres:
        cluster = Cluster(postgres.url)
        cluster.execute('CREATE DATABASE "late"')
        postgres.stop()
        variables = {**settings_of_site(cluster.url_of("late")), **HASTY}
        with serving(
            tmp_path / "project",
            environment,
            *("-c", MAIN, *SERVE, "--workers=2"),
            variables=variables,
            answers="/health/live",
        ) as server:
            assert _readiness(server.client) == (503, "database: unreachable")
            postgres.start()
            assert _readiness(server.client) == (503, "database: migrations pending")
            cluster.upgrade(render, environment, "late")
            migrated = time.monotonic()
            while _readiness(server.client)[0] != 200:
                assert time.monotonic() < migrated + READY_WITHIN, lines_of(server)
                time.sleep(0.05)
            show(f"\nready {time.monotonic() - migrated:.2f} s after it was migrated")
            site = Site(kind="jwt", servers=(server,), database_url=variables["DATABASE_URL"])
            email = site.register(server.client)
            headers = site.sign_in(server.client, email).headers
            assert server.client.get(ME, headers=headers).json()["email"] == email
            assert server.client.get("/health/live").status_code == 200
            errors = [line for line in lines_of(server) if line["level"] == "error"]
            assert errors == []


def _readiness(client: Client) -> tuple[int, str]:
    answer = client.get("/health/ready")
    return answer.status_code, answer.json().get("detail", "")


@pytest.mark.full
def test_a_process_freezes_in_a_transaction(drilled: Grounds, tmp_path: Path) -> None:
    with drilled.calm(tmp_path, variables=HASTY) as site, ThreadPoolExecutor(1) as pool:
        frozen, other = site.servers
        headers = site.sign_in(other.client, site.register(other.client)).headers
        made = other.client.post(ITEMS, json={"title": "held"}, headers=headers).json()["id"]
        params = {"item_id": made, "seconds": 0.5}
        held = pool.submit(frozen.client.post, HOLD, params=params, headers=headers)
        with connected(site.database_url) as database:
            while database.fetch(HOLDING) == [(0,)]:
                time.sleep(0.01)
        os.kill(frozen.process.pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            first = _change(other.client, made, headers)
            assert (first.status_code, "Retry-After" in first.headers) == (503, True)
            while _change(other.client, made, headers).status_code != 200:
                assert time.monotonic() < begun + STATEMENT_TIMEOUT + SLACK
            show(f"\nreleased {time.monotonic() - begun:.2f} s later")
        finally:
            os.kill(frozen.process.pid, signal.SIGCONT)
        assert held.result().status_code == 503
        assert frozen.client.get(ME, headers=headers).status_code == 200
        for server in site.servers:
            lines = [line for line in lines_of(server) if line["level"] == "error"]
            assert {line["event"] for line in lines} <= {"a resource is away"}


def _change(client: Client, item_id: str, headers: dict[str, str]) -> httpx2.Response:
    return client.patch(f"{ITEMS}/{item_id}", json={"title": "changed"}, headers=headers)


@pytest.mark.full
def test_a_process_is_killed(drilled: Grounds, tmp_path: Path) -> None:
    with drilled.calm(tmp_path) as site:
        site.settle()
        with Traffic(site) as traffic:
            time.sleep(2)
            os.killpg(site.servers[1].process.pid, signal.SIGKILL)
            killed = time.monotonic()
            time.sleep(3)
        with connected(site.database_url) as database:
            rows = database.fetch("SELECT id::text, title FROM items")
        assert losses(traffic.answers, [(identity, title) for identity, title in rows]) == []
        statuses = {answer.status for answer in traffic.answers}
        assert statuses == {0, 200, 201}
        assert all(answer.status for answer in traffic.answers if answer.ended < killed - 0.1)
