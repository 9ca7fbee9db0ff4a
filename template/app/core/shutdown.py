"""The end of a process, announced before it begins."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Shutdown:
    """Whether the process was told to stop; for some seconds it goes on serving all the same.

    Meanwhile balancers learn from readiness that requests have to go elsewhere: once the server
    stops, it refuses connections.
    """

    def __init__(self, delay: float) -> None:
        self.begun = False
        self._delay = delay

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Put off what SIGTERM does, until the block ends; a second one acts at once."""
        act = signal.getsignal(signal.SIGTERM)
        if not callable(act) or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def announce(number: int, frame: FrameType | None) -> None:
            delay, self.begun = 0.0 if self.begun else self._delay, True
            loop.call_soon_threadsafe(loop.call_later, delay, act, number, frame)

        signal.signal(signal.SIGTERM, announce)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, act)
