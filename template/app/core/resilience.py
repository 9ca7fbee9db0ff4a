"""Calls to others: which are tried again, and who is not asked for a while.

`docs/RESILIENCE.md` says how the two go together. Circuits are those of one process.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar

import stamina
from purgatory.domain.model import HALF_OPENED, OPENED, Context
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from app.core.checks import STATES
from app.core.exceptions import ServiceUnavailable
from app.core.logging import get_logger

P = ParamSpec("P")
R = TypeVar("R")
Errors: TypeAlias = type[Exception] | tuple[type[Exception], ...]
Call: TypeAlias = Callable[P, Coroutine[Any, Any, R]]

log = get_logger("app.resilience")


class Decorator(Protocol):
    """Takes any async function, and keeps its parameters and what it returns."""

    def __call__(self, function: Callable[P, Awaitable[R]], /) -> Call[P, R]: ...


class CircuitOpen(ServiceUnavailable):
    """Who is called has failed too often of late, and is asked again in so many seconds."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(retry_after=max(1, math.ceil(seconds)))
        self.name = name
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.name} has failed too often, and is asked again in {self.seconds:.0f} s"


def with_retry(
    max_attempts: int = 3,
    wait_multiplier: float = 2.0,
    *,
    on: Errors = (ConnectionError, TimeoutError),
    wait: float = 0.1,
    longest_wait: float = 5.0,
    jitter: float = 0.1,
    budget: float = 10.0,
) -> Decorator:
    """Call an async function again when it raises one of `on`; only where twice does no harm.

    Waits begin at `wait` seconds and are multiplied from one to the next, and at most `jitter` is
    added to each. All attempts and waits together last `budget` seconds at most; then what is
    under way is given up, and `TimeoutError` raised. An open circuit is not tried again.
    """

    def is_retried(error: Exception) -> bool:
        return isinstance(error, on) and not isinstance(error, CircuitOpen)

    def decorate(function: Callable[P, Awaitable[R]]) -> Call[P, R]:
        @stamina.retry(
            on=is_retried,
            attempts=max_attempts,
            timeout=None,
            wait_initial=wait,
            wait_max=longest_wait,
            wait_jitter=jitter,
            wait_exp_base=wait_multiplier,
        )
        @wraps(function)
        async def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
            return await function(*args, **kwargs)

        @wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            async with asyncio.timeout(budget):
                return await attempt(*args, **kwargs)

        return call

    return decorate


def _log_retry(details: RetryDetails) -> None:
    log.warning(
        "retry",
        call=details.name,
        attempt=details.retry_num,
        seconds=round(details.wait_for, 3),
        error=type(details.caused_by).__name__,
    )


# Stamina's own would log the arguments of calls, which may be secrets.
set_on_retry_hooks([_log_retry])


class Circuit:
    """A circuit of purgatory's whose changes are logged, and that one call at a time tries."""

    def __init__(self, name: str, failure_threshold: int, recovery_timeout: float) -> None:
        self._context = Context(name, failure_threshold, recovery_timeout)
        self._tried = False

    def seconds_left(self) -> float | None:
        """Return for how long calls are refused, if they are."""
        if self._tried:
            return 1.0
        if self._context.opened_at is None:
            return None
        left = self._context.opened_at + self._context.ttl - time.time()
        return left if left >= 0 else None

    def read(self) -> str:
        """Tell how it is, as a check of health."""
        return "ok" if self.seconds_left() is None else "open"

    @contextmanager
    def call(self) -> Iterator[None]:
        """Begin a call, by which it is tried if it was open."""
        self._change(self._context.handle_new_request)
        tries = self._context.state == HALF_OPENED
        self._tried = self._tried or tries
        try:
            yield
        finally:
            self._tried = self._tried and not tries

    def answer(self) -> None:
        self._change(self._context.handle_end_request)

    def fail(self, error: BaseException) -> None:
        self._change(partial(self._context.handle_exception, error))

    def _change(self, change: Callable[[], None]) -> None:
        before = self._context.state
        change()
        self._context.messages.clear()  # for listeners, of whom there are none
        state = self._context.state
        if state != before:
            write = log.warning if state == OPENED else log.info
            write("circuit", circuit=self._context.name, state=state, seconds=self._context.ttl)


# Those of this process, by name.
CIRCUITS: dict[str, Circuit] = {}


@asynccontextmanager
async def circuit(
    name: str,
    failure_threshold: int = 5,
    recovery_timeout: float = 60.0,
    *,
    excluded: Errors = (),
    patience: float | None = None,
) -> AsyncIterator[None]:
    """Run the block as one call to `name`, or raise `CircuitOpen`.

    So many failures in a row open the circuit for `recovery_timeout` seconds. Then one call tries,
    while others are still refused, and closes it or opens it again. What is `excluded` is about
    the caller, and so an answer. A call that is cancelled is neither failure nor answer, unless it
    has lasted `patience` seconds: whoever waits with a limit of time gives up so.
    """
    found = CIRCUITS.get(name)
    if found is None:
        found = CIRCUITS[name] = Circuit(name, failure_threshold, recovery_timeout)
        STATES[name] = found.read
    if (seconds := found.seconds_left()) is not None:
        raise CircuitOpen(name, seconds)
    started = time.monotonic()
    with found.call():
        try:
            yield
        except excluded:
            found.answer()
            raise
        except asyncio.CancelledError as error:
            if patience is not None and time.monotonic() - started >= patience:
                found.fail(error)
            raise
        except Exception as error:
            found.fail(error)
            raise
        found.answer()


def with_circuit_breaker(
    failure_threshold: int = 5,
    recovery_timeout: float = 60.0,
    *,
    name: str | None = None,
    excluded: Errors = (),
    patience: float | None = None,
) -> Decorator:
    """Run each call of an async function in the `circuit` of that name, by default its own."""

    def decorate(function: Callable[P, Awaitable[R]]) -> Call[P, R]:
        known_as = name or f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            async with circuit(
                known_as,
                failure_threshold,
                recovery_timeout,
                excluded=excluded,
                patience=patience,
            ):
                return await function(*args, **kwargs)

        return call

    return decorate
