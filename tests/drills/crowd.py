"""Many who ask at once, or who go away before they are answered."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from httpx2 import Client, Limits, Response

Ask = Callable[[Client], Response]


@dataclass(frozen=True)
class Outcome:
    status: int
    seconds: float
    retry_after: bool


def ask(client: Client, what: Ask) -> Outcome:
    begun = time.monotonic()
    answer = what(client)
    seconds = time.monotonic() - begun
    return Outcome(answer.status_code, seconds, "Retry-After" in answer.headers)


def ask_at_once(clients: Sequence[Client], what: Sequence[Ask], count: int) -> list[Outcome]:
    """Ask each process so often at the same time, one thing after the other in turn."""
    total = count * len(clients)
    with ThreadPoolExecutor(total) as pool:
        calls = [
            pool.submit(ask, clients[number % len(clients)], what[number // 2 % len(what)])
            for number in range(total)
        ]
    return [call.result() for call in calls]


@contextmanager
def crowding(clients: Sequence[Client], what: Sequence[Ask], count: int) -> Iterator[list[Outcome]]:
    """Ask so in a block, each time again once there is an answer; all is found at its end."""
    stopping, found = threading.Event(), list[Outcome]()

    def go_on(number: int) -> None:
        while not stopping.is_set():
            client = clients[number % len(clients)]
            found.append(ask(client, what[number // 2 % len(what)]))

    total = count * len(clients)
    with ThreadPoolExecutor(total) as pool:
        calls: list[Future[None]] = [pool.submit(go_on, number) for number in range(total)]
        try:
            yield found
        finally:
            stopping.set()
    for call in calls:
        call.result()


def patient(address: str) -> Client:
    """Make a client for many at once, who wait as long as it takes."""
    return Client(base_url=address, timeout=30, limits=Limits(keepalive_expiry=2))


def vanish(port: int, request: bytes, *, read: int = 0, after: float = 0.0) -> None:
    """Send what may be a part of a request, read what may be a part of its answer, and go away."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        if read:
            connection.recv(read)
        time.sleep(after)
        # Not an end in order, but none at all, as of a machine that is switched off.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
