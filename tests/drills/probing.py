"""How each process says it is, asked all the time as a balancer does."""

import threading
import time
from typing import Self

from httpx2 import Client, Limits, TransportError

from tests.drills.site import Site
from tests.drills.traffic import Answer

PATHS = {"live": ("/health/live", 0.05), "ready": ("/health/ready", 0.1)}


class Probes:
    """Asks on a connection of its own each time, so that any worker may be met."""

    def __init__(self, site: Site) -> None:
        self._stopping = threading.Event()
        self._answers: list[Answer] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(kind, number, str(server.client.base_url)))
            for number, server in enumerate(site.servers)
            for kind in PATHS
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers(self) -> list[Answer]:
        return sorted(self._answers, key=lambda answer: answer.begun)

    def _ask(self, kind: str, number: int, address: str) -> None:
        path, pause = PATHS[kind]
        with Client(base_url=address, limits=Limits(max_keepalive_connections=0)) as client:
            while not self._stopping.wait(pause):
                self._answers.append(_ask_once(client, kind, number, path))


def _ask_once(client: Client, kind: str, number: int, path: str) -> Answer:
    begun = time.monotonic()
    try:
        answer = client.get(path)
    except TransportError as error:
        seconds, code = time.monotonic() - begun, type(error).__name__
        return Answer(kind, number, begun, seconds, 0, code)
    seconds = time.monotonic() - begun
    retry_after = "Retry-After" in answer.headers
    code = answer.json().get("code", "")
    return Answer(kind, number, begun, seconds, answer.status_code, code, retry_after=retry_after)
