"""Whether the time of a refusal tells that an account exists, or its state.

Each kind of attempt is tried once a round, in random order. Known and unknown accounts alike are
tried less often than what locks them, but for one that is under attack all the time.
"""

import logging
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from statistics import median

from benchmarks.backend import API, Backend, register
from benchmarks.results import Ratio
from tests.matrix.servers import Server

ROUNDS, QUICK_ROUNDS = 200, 4
ATTEMPTS = 4  # per account; the fifth failure in a row locks it
LEAST, MOST = 0.85, 1.15
CONTROL_LIMIT = 0.5
WRONG = "a password that is wrong"

KNOWN = "known address"
NO_HASH = "without hashing"

# What is compared, and with what it must agree.
COMPARISONS = {
    "unknown address": KNOWN,
    "known name": KNOWN,
    "unknown name": "known name",
    "disabled, right password": KNOWN,
    "without a password": KNOWN,
    "always attacked": KNOWN,
}

logger = logging.getLogger(__name__)
Attempt = Callable[[], None]


def run(backend: Backend, *, quick: bool = False) -> Iterator[Ratio]:
    """Time refusals of every kind, and compare their medians."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with backend.serve() as server:
        logger.info("enumeration: opening accounts …")
        medians = medians_of(
            "enumeration", _attempts(backend, server, -(-rounds // ATTEMPTS)), rounds
        )
    yield from _ratios(medians)


def medians_of(name: str, attempts: dict[str, Attempt], rounds: int) -> dict[str, float]:
    """Time each kind of attempt once a round, in random order; return the medians in seconds."""
    times: dict[str, list[float]] = {kind: [] for kind in attempts}
    for number in range(1, rounds + 1):
        for kind in random.sample(sorted(attempts), len(attempts)):
            began = time.perf_counter()
            attempts[kind]()
            times[kind].append(time.perf_counter() - began)
        if number % 50 == 0 or number == rounds:
            logger.info("%s, round %d of %d", name, number, rounds)
    medians = {kind: median(values) for kind, values in times.items()}
    for kind, value in medians.items():
        logger.info("%s, %s: median %.1f ms", name, kind, 1000 * value)
    return medians


def _attempts(backend: Backend, server: Server, count: int) -> dict[str, Attempt]:
    """Open the accounts, and return an attempt of each kind; each walks round its accounts."""
    by_address, by_name, disabled, without = (register(server, count) for _ in range(4))
    (attacked,) = register(server, 1)
    backend.execute("UPDATE users SET is_active = false WHERE email = ANY($1)", disabled)
    backend.execute("UPDATE users SET hashed_password = NULL WHERE email = ANY($1)", without)
    nobodies = [f"user-{secrets.token_hex(8)}" for _ in range(2 * count)]

    def refused(people: Sequence[tuple[str, str]]) -> Attempt:
        turns = cycle(people)
        return lambda: _fail_to_sign_in(server, *next(turns))

    return {
        KNOWN: refused([(person.email, WRONG) for person in by_address]),
        "unknown address": refused([(f"{name}@example.com", WRONG) for name in nobodies[:count]]),
        "known name": refused([(person.username, WRONG) for person in by_name]),
        "unknown name": refused([(name, WRONG) for name in nobodies[count:]]),
        "disabled, right password": refused([(who.email, who.password) for who in disabled]),
        "without a password": refused([(person.email, WRONG) for person in without]),
        "always attacked": refused([(attacked.email, WRONG)]),
        NO_HASH: lambda: _fail_to_refresh(server),
    }


def _fail_to_sign_in(server: Server, username: str, password: str) -> None:
    credentials = {"username": username, "password": password}
    answer = server.client.post(f"{API}/auth/login", json=credentials)
    if (answer.status_code, answer.json()["code"]) != (401, "invalid_credentials"):
        raise AssertionError(f"A sign-in that must fail was answered by {answer.text}")


def _fail_to_refresh(server: Server) -> None:
    answer = server.client.post(f"{API}/auth/refresh", json={"refresh_token": "none"})
    if answer.status_code != 401:
        raise AssertionError(f"A refresh that must fail was answered by {answer.text}")


def _ratios(medians: dict[str, float]) -> Iterator[Ratio]:
    for kind, other in COMPARISONS.items():
        key = kind.replace(",", "").replace(" ", "_")
        ratio = medians[kind] / medians[other]
        yield Ratio(f"enumeration.{key}", f"refusal, {kind} to {other}", ratio, LEAST, MOST)
    # The control: were hashing left out somewhere, this is how far off its ratio would be.
    ratio = medians[NO_HASH] / medians[KNOWN]
    yield Ratio("enumeration.control", f"refusal {NO_HASH} to {KNOWN}", ratio, most=CONTROL_LIMIT)
