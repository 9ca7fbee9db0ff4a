"""What a request costs: processor time of the server, compared with a bare application."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import httpx2
import psutil

from benchmarks.backend import API, Backend, register, sign_in
from benchmarks.results import Ratio
from tests.matrix.servers import Server

CLIENTS = 8
ITEMS = 100
ROUNDS, REQUESTS = 5, 1000
QUICK_ROUNDS, QUICK_REQUESTS = 1, 160

OURS, BARE = "render", "bare"

logger = logging.getLogger(__name__)
Send = Callable[[httpx2.AsyncClient], Coroutine[Any, Any, httpx2.Response]]


@dataclass(frozen=True)
class Target:
    """A server, and who is signed in there."""

    server: Server
    headers: httpx2.Headers

    def client(self) -> httpx2.AsyncClient:
        address = self.server.client.base_url
        return httpx2.AsyncClient(base_url=address, headers=self.headers, timeout=60)

    async def answer(self, send: Send) -> object:
        async with self.client() as client:
            answer: object = (await send(client)).raise_for_status().json()
            return answer


OPERATIONS: Mapping[str, Send] = {
    "live": lambda client: client.get("/health/live"),
    "me": lambda client: client.get(f"{API}/users/me"),
    "list": lambda client: client.get(f"{API}/items?page_size=20"),
    "create": lambda client: client.post(f"{API}/items", json={"title": "Analytical engine"}),
}


def run(backend: Backend, *, quick: bool = False) -> Iterator[Ratio]:
    """Ask the render and the bare application in turns."""
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    costs: dict[str, list[dict[str, float]]] = {name: [] for name in OPERATIONS}
    with backend.serve() as ours, backend.serve_bare() as bare:
        targets = _prepare({OURS: ours, BARE: bare})
        # The first round fills caches and pools; it doesn't count.
        for number in range(rounds + 1):
            for name, send in OPERATIONS.items():
                found = {
                    which: asyncio.run(cost(target, send, requests))
                    for which, target in targets.items()
                }
                costs[name] += [found] if number else []
                logger.info("requests, round %d of %d, %s", number, rounds, describe(name, found))
    yield from _ratios(costs)


def _prepare(servers: Mapping[str, Server]) -> dict[str, Target]:
    """Sign the same person in at both, fill the list, and see that both do the same."""
    (person,) = register(servers[OURS], 1)
    targets = {name: Target(server, sign_in(server, person)) for name, server in servers.items()}
    for _ in range(ITEMS):
        asyncio.run(targets[OURS].answer(OPERATIONS["create"]))
    for name in ("live", "me", "list"):
        answers = [asyncio.run(target.answer(OPERATIONS[name])) for target in targets.values()]
        if answers[0] != answers[1]:
            raise AssertionError(f"{name} is answered by {answers[0]} and by {answers[1]}")
    return targets


async def cost(target: Target, send: Send, requests: int) -> float:
    """Return the seconds of processor time that a request takes the server."""
    process = psutil.Process(target.server.process.pid)
    async with target.client() as client:
        before = process.cpu_times()
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(_repeat(client, send, requests // CLIENTS))
        after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return used / (requests // CLIENTS * CLIENTS)


async def _repeat(client: httpx2.AsyncClient, send: Send, times: int) -> None:
    for _ in range(times):
        (await send(client)).raise_for_status()


def describe(name: str, cost: Mapping[str, float]) -> str:
    return f"{name}: " + ", ".join(f"{which} {1e6 * used:.0f} µs" for which, used in cost.items())


def _ratios(costs: Mapping[str, list[dict[str, float]]]) -> Iterator[Ratio]:
    for name, rounds in costs.items():
        ours, bare = (median(cost[which] for cost in rounds) for which in (OURS, BARE))
        yield Ratio(f"requests.{name}", f"processor time of {name}, {OURS} to {BARE}", ours / bare)
