"""Loops that run until their process is told to stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.core.logging import get_logger

LONGEST_PAUSE = 30.0

log = get_logger("app.polling")


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def poll(
    work: Callable[[], Awaitable[int]], interval: float, stopping: asyncio.Event
) -> None:
    """Work until the event is set: at once again while something was found, else after a pause.

    A failure, such as a database that is away, is tried again; the pause then doubles.
    """
    pause = interval
    while not stopping.is_set():
        try:
            found = await work()
        except Exception as error:  # noqa: BLE001  # a loop that ends would do nothing more
            log.warning("what is due is out of reach", error=type(error).__name__)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            pause = 0.0 if found else interval
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)
        pause = pause or interval
