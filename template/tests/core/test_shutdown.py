"""What SIGTERM does, and when."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator

import pytest

from app.core.shutdown import Shutdown

DELAY = 0.3


@pytest.fixture
def stopped() -> Iterator[asyncio.Event]:
    """Is set once the server has been told to stop."""
    event = asyncio.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: event.set())
    yield event
    signal.signal(signal.SIGTERM, before)


async def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)


async def test_the_end_is_announced_before_it_begins(stopped: asyncio.Event) -> None:
    shutdown, began = Shutdown(DELAY), time.monotonic()
    with shutdown.announced():
        assert not shutdown.begun
        await terminate()
        assert shutdown.begun
        assert not stopped.is_set()
        async with asyncio.timeout(10):
            await stopped.wait()
        assert time.monotonic() - began >= DELAY


async def test_who_is_told_twice_goes_on_serving(stopped: asyncio.Event) -> None:
    began = time.monotonic()
    with Shutdown(DELAY).announced():
        await terminate()
        await terminate()
        assert not stopped.is_set()
        async with asyncio.timeout(10):
            await stopped.wait()
        assert time.monotonic() - began >= DELAY


async def test_afterwards_the_signal_is_what_it_was(stopped: asyncio.Event) -> None:
    with Shutdown(60).announced():
        pass
    await terminate()
    assert stopped.is_set()


async def test_without_a_server_there_is_nothing_to_put_off() -> None:
    shutdown, before = Shutdown(60), signal.getsignal(signal.SIGTERM)
    with shutdown.announced():
        assert signal.getsignal(signal.SIGTERM) is before
