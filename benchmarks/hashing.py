"""What signing in costs everybody else: hashing passwords off the event loop.

The liveness probe touches nothing, so its time is what a request waits for the event loop. It is
sent at a steady rate whether or not the last one was answered, and timed from when it was due.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

import httpx2
import psutil

from benchmarks.backend import API, Backend, Person, register
from benchmarks.results import Ratio
from tests.matrix.servers import Server

HASHER = "app/core/security/passwords.py"
CALL = re.compile(r"await to_thread\.run_sync\(([\w.]+), (.+), limiter=self\._limiter\)")
RENDER, ON_LOOP, DEFAULT = "render", "event loop", "default threads"
IDLE = "nobody signing in"
VARIANTS = {ON_LOOP: r"\1(\2)", DEFAULT: r"await to_thread.run_sync(\1, \2)"}

P99_LIMIT = 0.2
CLIENTS = 8
PROBES_PER_SECOND = 50
MEMORY_INTERVAL = 0.01
WARM_UP_SECONDS = 0.5
ROUNDS, SECONDS = 7, 5.0
QUICK_ROUNDS, QUICK_SECONDS = 1, 1.0

logger = logging.getLogger(__name__)


@dataclass
class Load:
    """What one server showed in one round."""

    waits: list[float] = field(default_factory=list)
    logins: int = 0
    peak_memory: int = 0

    @property
    def p99(self) -> float:
        return percentile(self.waits, 99)


Measure = Callable[[Load], float]
MEASURES: Mapping[str, tuple[str, Measure]] = {
    "p99": ("p99 of liveness", lambda load: load.p99),
    "logins": ("logins", lambda load: load.logins),
    "memory": ("peak memory", lambda load: load.peak_memory),
}
# Where nobody signs in, the tail is that of the machine: no other can be shorter.
PREFIXES = {RENDER: "hashing", DEFAULT: "hashing.default_threads", IDLE: "hashing.idle"}


def run(backend: Backend, *, quick: bool = False) -> Iterator[Ratio]:
    """Compare hashing as the render does it with hashing on the event loop."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    projects = {RENDER: backend.project}
    for name, replacement in VARIANTS.items():
        change = partial(patch, replacement=replacement)
        projects[name] = backend.variant(name.replace(" ", "-"), HASHER, change)
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(backend.serve(project)) for name, project in projects.items()
        }
        people = register(servers[RENDER], CLIENTS)
        loads: dict[str, list[Load]] = {name: [] for name in (*servers, IDLE)}
        for number in range(1, rounds + 1):
            for name, found in loads.items():
                server, clients = (servers[RENDER], []) if name == IDLE else (servers[name], people)
                load = asyncio.run(_measure(server, clients, seconds))
                found.append(load)
                logger.info("hashing, round %d of %d, %s", number, rounds, _describe(name, load))
    yield from _ratios(loads)


def patch(source: str, replacement: str) -> str:
    """Let the source of the hasher hash elsewhere; raise `LookupError` if it isn't as expected."""
    patched, count = CALL.subn(replacement, source)
    if count == 0 or "limiter=self" in patched:
        raise LookupError(f"{HASHER} doesn't hash as {CALL.pattern} any more: adapt the benchmark")
    return patched


def percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


async def _measure(server: Server, people: Sequence[Person], seconds: float) -> Load:
    load = Load()
    ends = time.monotonic() + WARM_UP_SECONDS + seconds
    endless = httpx2.Limits(max_connections=None)
    async with (
        httpx2.AsyncClient(base_url=server.client.base_url, limits=endless, timeout=60) as client,
        asyncio.TaskGroup() as group,
    ):
        for person in people:
            group.create_task(_sign_in_until(ends, client, person, load))
        group.create_task(_watch_memory_until(ends, server.process.pid, load))
        await asyncio.sleep(WARM_UP_SECONDS)
        for due in steady(time.monotonic(), ends):
            await asyncio.sleep(max(0, due - time.monotonic()))
            group.create_task(_probe(client, due, load))
    return load


def steady(begins: float, ends: float) -> Iterator[float]:
    """Return when each probe is due."""
    count = int((ends - begins) * PROBES_PER_SECOND)
    return (begins + number / PROBES_PER_SECOND for number in range(count))


async def _sign_in_until(
    ends: float, client: httpx2.AsyncClient, person: Person, load: Load
) -> None:
    credentials = {"username": person.email, "password": person.password}
    while time.monotonic() < ends:
        (await client.post(f"{API}/auth/login", json=credentials)).raise_for_status()
        load.logins += 1


async def _watch_memory_until(ends: float, pid: int, load: Load) -> None:
    process = psutil.Process(pid)
    while time.monotonic() < ends:
        load.peak_memory = max(load.peak_memory, process.memory_info().rss)
        await asyncio.sleep(MEMORY_INTERVAL)


async def _probe(client: httpx2.AsyncClient, due: float, load: Load) -> None:
    (await client.get("/health/live")).raise_for_status()
    load.waits.append(time.monotonic() - due)


def _describe(name: str, load: Load) -> str:
    milliseconds = [1000 * percentile(load.waits, 50), 1000 * load.p99, 1000 * max(load.waits)]
    waits = " / ".join(f"{value:.0f}" for value in milliseconds)
    memory = load.peak_memory / 2**20
    return f"{name}: p50 / p99 / max {waits} ms, {load.logins} logins, at most {memory:.0f} MiB"


def _ratios(loads: Mapping[str, Sequence[Load]]) -> Iterator[Ratio]:
    for name, prefix in PREFIXES.items():
        for key, (what, measure) in MEASURES.items():
            if name == IDLE and key != "p99":
                continue
            here, there = (median(map(measure, loads[which])) for which in (name, ON_LOOP))
            limit = P99_LIMIT if (name, key) == (RENDER, "p99") else None
            yield Ratio(f"{prefix}.{key}", f"{what}, {name} to {ON_LOOP}", here / there, most=limit)
