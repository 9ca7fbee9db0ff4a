"""What is tried again, and when, and who is not asked for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from httpx2 import AsyncClient
from structlog.testing import capture_logs
from time_machine import Traveller, travel

from app.core.exceptions import ServiceUnavailable
from app.core.resilience import CircuitOpen, circuit, with_circuit_breaker, with_retry
from app.core.security.opaque_tokens import new_token

THRESHOLD = 5
PAUSE = 60
NOON = "2026-01-02 12:00 +0000"


class Refused(Exception):
    """What is about the caller."""


@dataclass
class Other:
    """Somebody who is called: fails as often as it is told to, then answers what it is given."""

    failures: int = 0
    error: type[BaseException] = ConnectionError
    calls: list[float] = field(default_factory=list)

    async def answer(self, given: str = "") -> str:
        """Say it again."""
        self.calls.append(time.monotonic())
        if len(self.calls) <= self.failures:
            raise self.error
        return given


async def fail(call: Callable[[], Awaitable[object]], times: int) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            await call()


async def test_a_call_that_fails_is_tried_again() -> None:
    other = Other(failures=2)
    retried = with_retry(wait=0.001, jitter=0.001)(other.answer)
    assert await retried("yes") == "yes"
    assert len(other.calls) == 3
    assert (retried.__name__, retried.__doc__) == ("answer", "Say it again.")


async def test_the_last_failure_is_what_is_raised() -> None:
    other = Other(failures=9)
    with pytest.raises(ConnectionError):
        await with_retry(max_attempts=4, wait=0.001, jitter=0)(other.answer)()
    assert len(other.calls) == 4


@pytest.mark.parametrize("error", [ValueError, Refused, asyncio.CancelledError, KeyboardInterrupt])
async def test_what_is_not_named_is_not_tried_again(error: type[BaseException]) -> None:
    other = Other(failures=1, error=error)
    with pytest.raises(error):
        await with_retry(wait=0)(other.answer)()
    assert len(other.calls) == 1


async def test_errors_of_ones_own_are_named() -> None:
    other = Other(failures=1, error=Refused)
    assert await with_retry(on=Refused, wait=0, jitter=0)(other.answer)("yes") == "yes"


async def test_waits_are_multiplied_and_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    other = Other(failures=99)
    retried = with_retry(6, 3, wait=0.1, jitter=0.05, longest_wait=2)(other.answer)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        for _ in range(20):
            other.calls.clear()
            with pytest.raises(ConnectionError):
                await retried()
    columns = [slept[start::5] for start in range(5)]
    for least, column in zip((0.1, 0.3, 0.9), columns, strict=False):
        assert all(least <= wait <= least + 0.05 for wait in column)
        assert len(set(column)) > 10
    assert set(columns[3]) == set(columns[4]) == {2}


async def test_attempts_and_waits_last_no_longer_than_the_budget() -> None:
    async def hang() -> None:
        await asyncio.sleep(30)

    other = Other(failures=99)
    for call in (hang, other.answer):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await with_retry(99, 1, on=Exception, wait=0.05, jitter=0, budget=0.3)(call)()
        assert 0.3 <= time.monotonic() - began < 10
    assert 1 < len(other.calls) <= 7


async def test_a_cancellation_ends_the_waits() -> None:
    other = Other(failures=99)
    task = asyncio.create_task(with_retry(wait=30, longest_wait=30, budget=99)(other.answer)(""))
    while not other.calls:  # noqa: ASYNC110
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=10)
    assert task.cancelled()
    assert len(other.calls) == 1


async def test_a_retry_is_logged_without_its_arguments() -> None:
    secret = new_token()
    with capture_logs() as log:
        await with_retry(wait=0, jitter=0)(Other(failures=1).answer)(secret)
    [line] = log
    assert (line["event"], line["error"], line["attempt"]) == ("retry", "ConnectionError", 1)
    assert line["call"].endswith("Other.answer")
    assert secret not in str(log)


@pytest.fixture
def clock() -> Iterator[Traveller]:
    with travel(NOON, tick=False) as coordinates:
        yield coordinates


async def test_a_circuit_opens_half_opens_and_closes(clock: Traveller) -> None:
    other = Other(failures=THRESHOLD + 1)
    guarded = with_circuit_breaker(name="other")(other.answer)
    with capture_logs() as log:
        await fail(guarded, THRESHOLD)
        with pytest.raises(CircuitOpen) as refused:
            await guarded()
        assert (refused.value.name, refused.value.seconds) == ("other", PAUSE)
        assert refused.value.headers["Retry-After"] == str(PAUSE)
        assert isinstance(refused.value, ServiceUnavailable)
        clock.shift(PAUSE - 1)
        with pytest.raises(CircuitOpen, match=r"^other .* in 1 s$"):
            await guarded()
        assert len(other.calls) == THRESHOLD

        clock.shift(2)
        await fail(guarded, 1)
        with pytest.raises(CircuitOpen):
            await guarded()
        clock.shift(PAUSE + 1)
        assert await guarded("yes") == "yes"
    assert len(other.calls) == THRESHOLD + 2
    states = [(line["log_level"], line["state"]) for line in log]
    opened, tried = ("warning", "opened"), ("info", "half-opened")
    assert states == [opened, tried, opened, tried, ("info", "closed")]
    other.failures = len(other.calls) + THRESHOLD - 1
    await fail(guarded, THRESHOLD - 1)
    assert await guarded("yes") == "yes"


async def test_only_failures_in_a_row_open_a_circuit() -> None:
    guarded = {
        failures: with_circuit_breaker(name="other")(Other(failures).answer) for failures in (0, 99)
    }
    for _ in range(3):
        await fail(guarded[99], THRESHOLD - 1)
        await guarded[0]()


async def test_what_is_about_the_caller_is_an_answer() -> None:
    refusing = with_circuit_breaker(name="other", excluded=Refused)(Other(99, Refused).answer)
    failing = with_circuit_breaker(name="other", excluded=Refused)(Other(99).answer)
    for _ in range(2 * THRESHOLD):
        with pytest.raises(Refused):
            await refusing()
    await fail(failing, THRESHOLD - 1)
    with pytest.raises(Refused):
        await refusing()
    await fail(failing, THRESHOLD)
    with pytest.raises(CircuitOpen):
        await refusing()


async def cancelled(call: Callable[[], Awaitable[object]], after: float = 0.01) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(after):
            await call()


async def hang() -> None:
    await asyncio.sleep(30)


async def test_a_cancellation_is_neither_failure_nor_answer(clock: Traveller) -> None:
    guarded = with_circuit_breaker(name="other")(hang)
    failing = with_circuit_breaker(name="other")(Other(99).answer)
    await fail(failing, THRESHOLD - 1)
    for _ in range(THRESHOLD):
        await cancelled(guarded)
    await fail(failing, 1)
    clock.shift(PAUSE + 1)
    await cancelled(guarded)
    # Whoever comes next tries, and the circuit is not closed.
    await fail(failing, 1)
    with pytest.raises(CircuitOpen):
        await failing()


async def test_who_gives_up_after_a_while_has_seen_a_failure() -> None:
    guarded = with_circuit_breaker(name="other", patience=0.02)(hang)
    await cancelled(guarded, after=0.001)
    for _ in range(THRESHOLD):
        await cancelled(guarded, after=0.05)
    with pytest.raises(CircuitOpen):
        await guarded()


async def test_an_open_circuit_is_not_tried_again() -> None:
    other = Other(failures=99)
    guarded = with_circuit_breaker(3, PAUSE, name="other")(other.answer)
    with pytest.raises(CircuitOpen):
        await with_retry(max_attempts=9, on=Exception, wait=0, jitter=0)(guarded)()
    assert len(other.calls) == 3


async def test_one_call_at_a_time_tries(clock: Traveller) -> None:
    held = asyncio.Event()
    other = Other()

    @with_circuit_breaker(name="other")
    async def ask() -> str:
        await held.wait()
        return await other.answer("yes")

    await fail(with_circuit_breaker(name="other")(Other(99).answer), THRESHOLD)
    clock.shift(PAUSE + 1)
    tasks = [asyncio.create_task(ask()) for _ in range(20)]
    await asyncio.sleep(0)
    held.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == "yes"
    assert {type(result) for result in results[1:]} == {CircuitOpen}
    assert await asyncio.gather(*(ask() for _ in range(20))) == ["yes"] * 20


async def test_many_at_once_open_a_circuit_once() -> None:
    guarded = with_circuit_breaker(name="other")(Other(99).answer)
    with capture_logs() as log:
        results = await asyncio.gather(*(guarded() for _ in range(50)), return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionError, CircuitOpen}
    assert [line["state"] for line in log] == ["opened"]


async def test_each_name_is_a_circuit_and_each_function_has_one_by_default() -> None:
    @with_circuit_breaker()
    async def one() -> None:
        raise ConnectionError

    @with_circuit_breaker()
    async def another() -> str:
        return "yes"

    await fail(one, THRESHOLD)
    with pytest.raises(CircuitOpen, match="one has failed"):
        await one()
    assert await another() == "yes"


async def test_health_tells_of_circuits(client: AsyncClient, clock: Traveller) -> None:
    async def read() -> tuple[int, str, str | None]:
        report = (await client.get("/health")).json()
        ready = (await client.get("/health/ready")).status_code
        return ready, report["status"], report["checks"].get("other")

    assert await read() == (200, "healthy", None)
    async with circuit("other"):
        pass
    assert await read() == (200, "healthy", "ok")
    other = Other(failures=THRESHOLD)
    guarded = with_circuit_breaker(name="other")(other.answer)
    await fail(guarded, THRESHOLD)
    assert await read() == (200, "degraded", "open")
    clock.shift(PAUSE + 1)
    # It is asked again: whoever comes next finds out.
    assert await read() == (200, "healthy", "ok")
    await guarded()
    assert await read() == (200, "healthy", "ok")
