"""What limits and the cache cost: round trips to Redis, and processor time of the server."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

import httpx2
from redis import Redis

from benchmarks.backend import API, Backend, Person, register, sign_in
from benchmarks.requests import ITEMS, OPERATIONS, Target, cost, describe
from benchmarks.results import Ratio

LIMITED, CACHED, NEITHER = "rate_limit", "cache", "neither"
FEATURES = {LIMITED: ("items", "rate_limit"), CACHED: ("items", "cache"), NEITHER: ("items",)}
COUNTED = 50
ROUNDS, REQUESTS = 5, 1000
QUICK_ROUNDS, QUICK_REQUESTS = 1, 160

logger = logging.getLogger(__name__)
Ask = Callable[[httpx2.Client], httpx2.Response]


@dataclass(frozen=True)
class Promise:
    """A feature, the operation that it is compared by, and the most that it may cost."""

    feature: str
    operation: str
    most: float


PROMISES = (
    Promise(LIMITED, "me", 2.0),
    Promise(LIMITED, "create", 2.0),
    Promise(CACHED, "list", 0.9),
)


def run(backend: Backend, *, quick: bool = False) -> Iterator[Ratio]:
    """Count the commands of single requests, then ask renders with and without a feature."""
    rounds, requests = (QUICK_ROUNDS, QUICK_REQUESTS) if quick else (ROUNDS, REQUESTS)
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(backend.serve(backend.with_features(*features)))
            for name, features in FEATURES.items()
        }
        # Signing in so often ends the sessions that somebody has.
        person, other = register(servers[NEITHER], 2)
        targets = {
            name: Target(server, sign_in(server, person)) for name, server in servers.items()
        }
        for _ in range(ITEMS):
            asyncio.run(targets[CACHED].answer(OPERATIONS["create"]))
        yield from _round_trips(backend.services["REDIS_URL"], targets, other)
        yield from _times(targets, rounds, requests)


def _round_trips(url: str, targets: Mapping[str, Target], person: Person) -> Iterator[Ratio]:
    """Yield how many commands a request sends; a sign-in counts by address and by account."""
    credentials = {"username": person.email, "password": person.password}
    requests: dict[tuple[str, str], Ask] = {
        (LIMITED, "read"): lambda client: client.get(f"{API}/users/me"),
        (LIMITED, "write"): lambda client: client.post(f"{API}/items", json={"title": "Engine"}),
        (LIMITED, "sign_in"): lambda client: client.post(f"{API}/auth/login", json=credentials),
        (CACHED, "hit"): lambda client: client.get(f"{API}/items?page_size=20"),
    }
    for (feature, name), ask in requests.items():
        target = targets[feature]
        address = target.server.client.base_url
        with httpx2.Client(base_url=address, headers=target.headers, timeout=60) as client:
            found = round_trips(url, partial(_succeed, ask, client))
        logger.info("redis, %s of %s: %g commands each", name, feature, found)
        meaning = f"commands of Redis for a {name.replace('_', '-')} with {feature}, to requests"
        yield Ratio(f"redis.{feature}.{name}", meaning, found, least=1, most=1)


def _succeed(ask: Ask, client: httpx2.Client) -> None:
    ask(client).raise_for_status()


def round_trips(url: str, ask: Callable[[], object], times: int = COUNTED) -> float:
    """Return how many commands a call has sent, but for those that scripts run inside Redis."""
    ask()  # Opens connections, loads the script and fills the cache.
    last = secrets.token_hex(8)
    with Redis.from_url(url) as watcher, Redis.from_url(url) as redis:
        redis.ping()
        with watcher.monitor() as monitor:
            for _ in range(times):
                ask()
            redis.echo(last)
            return _sent_before(last, monitor.next_command) / times


def _sent_before(last: str, read: Callable[[], Mapping[str, str]]) -> int:
    sent = 0
    while last not in (command := read())["command"]:
        sent += command["client_type"] != "lua"
    return sent


def _times(targets: Mapping[str, Target], rounds: int, requests: int) -> Iterator[Ratio]:
    """Ask both in turns; the first round fills caches and pools, and doesn't count."""
    for promise in PROMISES:
        pair = {name: targets[name] for name in (promise.feature, NEITHER)}
        send, costs = OPERATIONS[promise.operation], []
        for number in range(rounds + 1):
            found = {which: asyncio.run(cost(each, send, requests)) for which, each in pair.items()}
            costs += [found] if number else []
            said = describe(promise.operation, found)
            logger.info("redis, round %d of %d, %s", number, rounds, said)
        with_it, without = (median(found[which] for found in costs) for which in pair)
        meaning = f"processor time of {promise.operation}, with {promise.feature} to without"
        name = f"redis.{promise.feature}.{promise.operation}"
        yield Ratio(name, meaning, with_it / without, most=promise.most)
