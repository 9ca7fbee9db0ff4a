"""Steady traffic of several people on all processes, and the ledger of all that was answered."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from httpx2 import Response, TransportError

from tests.attacks.carriers import API, Credentials
from tests.drills.site import Site

ITEMS = f"{API}/items"
WALKERS = 8
PAUSE = 0.15
PATIENCE = 20
IN_PROGRESS = "request_in_progress"
# Of an odd length, so that each kind meets both processes in turn.
STEPS = ("read", "write", "list", "live", "read", "list", "login")


@dataclass(frozen=True)
class Answer:
    """One request; its status is 0 where there was no answer."""

    kind: str
    walker: int
    begun: float
    seconds: float
    status: int
    code: str = ""
    retry_after: bool = False
    key: str = ""
    """What a write was to make once, whatever happened."""
    made: str = ""
    """The id that a write was acknowledged with."""
    replayed: bool = False
    expected: int | None = None
    listed: int | None = None
    stranger: bool = False
    """Whether it was an answer to somebody else."""

    @property
    def ended(self) -> float:
        return self.begun + self.seconds


@dataclass
class Walker:
    """Somebody who asks one process after the other, over and over.

    What was not acknowledged is asked for again, until it is.
    """

    site: Site
    number: int
    logins: Callable[[], str]
    email: str
    credentials: Credentials
    steps: Sequence[str] = STEPS
    answers: list[Answer] = field(default_factory=list)
    signed_in: list[Credentials] = field(default_factory=list)
    """Sign-ins beside their own one that were acknowledged, and nothing else."""
    signed_out: list[Credentials] = field(default_factory=list)
    acknowledged: int = 0
    _pending: str = ""

    def __post_init__(self) -> None:
        self._clients = self.site.clients()

    def walk(self, stopping: threading.Event, reading: threading.Event) -> None:
        """Go on until `stopping`; list instead of writing as long as there is only `reading`."""
        for number in itertools.count(self.number):
            self._client = self._clients[number % len(self._clients)]
            due = time.monotonic() + PAUSE
            kind = self.steps[number % len(self.steps)]
            idle = kind == "logout" and not self.signed_in
            self._take("list" if idle or (kind == "write" and reading.is_set()) else kind)
            if stopping.wait(max(0, due - time.monotonic())):
                break
        for client in self._clients:
            client.close()

    def _take(self, kind: str) -> None:
        begun = time.monotonic()
        expected = self.acknowledged if kind == "list" else None
        if kind == "write":
            self._pending = self._pending or uuid.uuid4().hex
        try:
            answer = self._ask(kind)
        except TransportError as error:
            seconds, code = time.monotonic() - begun, type(error).__name__
            self.answers.append(
                Answer(kind, self.number, begun, seconds, 0, code, key=self._pending)
            )
            return
        self._note(kind, begun, answer, expected)

    def _ask(self, kind: str) -> Response:
        client, headers = self._client, self.credentials.headers
        if kind == "read":
            return client.get(f"{API}/users/me", headers=headers)
        if kind == "write":
            keyed = {**headers, "Idempotency-Key": self._pending}
            return client.post(ITEMS, json={"title": self._pending}, headers=keyed)
        if kind == "list":
            return client.get(f"{ITEMS}/my", headers=headers)
        if kind == "login":
            return self.site.log_in(client, self.logins())
        if kind == "logout":
            return client.post(f"{API}/auth/logout", headers=self.signed_in[0].headers)
        return client.get("/health/live")

    def _note(self, kind: str, begun: float, answer: Response, expected: int | None) -> None:
        seconds = time.monotonic() - begun
        body, good = answer.json() if answer.content else {}, answer.is_success
        written = kind == "write"
        self.answers.append(
            Answer(
                kind,
                self.number,
                begun,
                seconds,
                answer.status_code,
                code=body.get("code", ""),
                retry_after="Retry-After" in answer.headers,
                key=self._pending if written else "",
                made=body["id"] if written and good else "",
                replayed="Idempotency-Replayed" in answer.headers,
                expected=expected,
                listed=body["total"] if kind == "list" and good else None,
                stranger=good and self._is_strange(kind, body),
            )
        )
        if written and good:
            self.acknowledged += 1
        if written and answer.status_code < 500 and body.get("code") != IN_PROGRESS:
            self._pending = ""
        if kind == "logout":
            self._note_logout(answer)
        elif answer.status_code == 401:
            self._sign_in_again()
        elif kind == "login" and good and "logout" in self.steps:
            self.signed_in.append(self.site.carrier.credentials(answer))

    def _note_logout(self, answer: Response) -> None:
        """Remember what is over, also because an attempt that got no answer took effect."""
        if answer.status_code in {204, 401}:
            self.signed_out.append(self.signed_in.pop(0))

    def _is_strange(self, kind: str, body: dict[str, str]) -> bool:
        if kind == "read":
            return body["email"] != self.email
        return kind == "write" and body["title"] != self._pending

    def _sign_in_again(self) -> None:
        """Do what a person does whom an empty Redis has signed out."""
        again = self.site.log_in(self._client, self.email)
        if again.is_success:
            self.credentials = self.site.carrier.credentials(again)


class Traffic:
    """Runs walkers, each in a thread, until the block ends."""

    def __init__(self, site: Site, steps: Sequence[str] = STEPS) -> None:
        residents = itertools.cycle(site.residents)
        here = site.servers[0].client
        self._stopping, self._reading = threading.Event(), threading.Event()
        self._walkers, self._steps = [], steps
        for number in range(WALKERS):
            email = site.register(here)
            credentials = site.sign_in(here, email)
            walker = Walker(site, number, lambda: next(residents), email, credentials, steps)
            self._walkers.append(walker)
        self._threads = [
            threading.Thread(target=walker.walk, args=(self._stopping, self._reading))
            for walker in self._walkers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, seconds: float) -> None:
        """Wait so long, and until everything has been asked for and answered meanwhile."""
        begun, kinds = time.monotonic(), {*self._steps}
        time.sleep(seconds)
        while kinds - {each.kind for each in self.answers if each.begun > begun}:
            assert time.monotonic() < begun + PATIENCE, "Somebody stopped asking"
            time.sleep(0.05)

    @contextmanager
    def only_reading(self) -> Iterator[None]:
        """Begin no write until the block ends."""
        self._reading.set()
        yield
        self._reading.clear()

    @property
    def answers(self) -> list[Answer]:
        """Return all answers so far, in the order in which they were asked for."""
        found = [answer for walker in self._walkers for answer in [*walker.answers]]
        return sorted(found, key=lambda answer: answer.begun)

    @property
    def signed_in(self) -> list[Credentials]:
        return [each for walker in self._walkers for each in walker.signed_in]

    @property
    def signed_out(self) -> list[Credentials]:
        return [each for walker in self._walkers for each in walker.signed_out]


def losses(answers: Iterable[Answer], rows: Iterable[tuple[str, str]]) -> list[str]:
    """Compare the ledger with the ids and titles in the database; say what was lost or doubled."""
    made: dict[str, list[str]] = {}
    for identity, title in rows:
        made.setdefault(title, []).append(identity)
    found = [f"made {len(ids)} times: {title}" for title, ids in made.items() if len(ids) > 1]
    lost = [
        f"acknowledged and lost: {answer.made} with the key {answer.key}"
        for answer in answers
        if answer.made and answer.made not in made.get(answer.key, [])
    ]
    return found + lost
