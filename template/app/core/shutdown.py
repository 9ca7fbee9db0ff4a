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
        """Put off what SIGTERM does, until the block ends.

        A second one changes nothing: where all processes are told, a supervisor repeats it.
        """
        act = signal.getsignal(signal.SIGTERM)
        if not callable(act) or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def announce(number: int, frame: FrameType | None) -> None:
            if not self.begun:
                self.begun = True
                loop.call_soon_threadsafe(loop.call_later, self._delay, act, number, frame)

        signal.signal(signal.SIGTERM, announce)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, act)
