"""What a request costs the server: its processor time, compared with a bare application."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
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
MOST = 1.0

OURS, BARE = "render", "bare"
PLAIN = {"Accept-Encoding": "identity"}
LIST = f"{API}/items?page_size=20"

logger = logging.getLogger(__name__)
Send = Callable[[httpx2.AsyncClient], Coroutine[Any, Any, httpx2.Response]]

OPERATIONS: Mapping[str, Send] = {
    "live": lambda client: client.get("/health/live"),
    "me": lambda client: client.get(f"{API}/users/me"),
    "list": lambda client: client.get(LIST, headers=PLAIN),
    "compressed_list": lambda client: client.get(LIST),
    "create": lambda client: client.post(f"{API}/items", json={"title": "Analytical engine"}),
}


def run(backend: Backend, *, quick: bool = False) -> Iterator[Ratio]:
    """Ask the render and the bare application in turns."""
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with backend.serve() as ours, backend.serve_bare() as bare:
        servers = {OURS: ours, BARE: bare}
        (person,) = register(ours, 1)
        headers = {name: sign_in(server, person) for name, server in servers.items()}
        for _ in range(ITEMS):
            created = ours.client.post(
                f"{API}/items", json={"title": "Engine"}, headers=headers[OURS]
            )
            created.raise_for_status()
        costs: dict[str, list[dict[str, float]]] = {name: [] for name in OPERATIONS}
        # The first round warms up caches and pools; it doesn't count.
        for number in range(rounds + 1):
            for name, send in OPERATIONS.items():
                cost = {
                    which: asyncio.run(_cost(server, headers[which], send, requests))
                    for which, server in servers.items()
                }
                costs[name] += [cost] if number else []
                logger.info("requests, round %d of %d, %s", number, rounds, _describe(name, cost))
    yield from _ratios(costs)


async def _cost(server: Server, headers: httpx2.Headers, send: Send, requests: int) -> float:
    """Return the seconds of processor time that a request takes the server."""
    async with httpx2.AsyncClient(
        base_url=server.client.base_url, headers=headers, timeout=60
    ) as client:
        process = psutil.Process(server.process.pid)
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


def _describe(name: str, cost: Mapping[str, float]) -> str:
    return f"{name}: " + ", ".join(f"{which} {1e6 * used:.0f} µs" for which, used in cost.items())


def _ratios(costs: Mapping[str, list[dict[str, float]]]) -> Iterator[Ratio]:
    for name, rounds in costs.items():
        ours, bare = (median(cost[which] for cost in rounds) for which in (OURS, BARE))
        yield Ratio(f"requests.{name}", f"processor time of {name}, {OURS} to {BARE}", ours / bare)
