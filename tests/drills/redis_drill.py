"""A drill of Valkey: traffic before a fault, under it and after it, and what was wrong."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from httpx2 import Client

from tests.attacks.carriers import API, Credentials
from tests.attacks.database import connected
from tests.drills.policies import EXHAUSTED, LIMITED, exhaust, guess, read
from tests.drills.probing import Probes
from tests.drills.redis_faults import Fault
from tests.drills.redis_report import RedisReport
from tests.drills.redis_site import RedisSite
from tests.drills.report import Times
from tests.drills.sessions import Sessions
from tests.drills.traffic import ITEMS, Traffic, losses

BEFORE, DURING, AFTER = 1.5, 2.0, 1.5
# What is under way ends within this time.
SETTLED = 1.0
RECOVERED_WITHIN = 5.0
# Below what somebody may read who asks all the time.
PATIENCE = 6.0


@dataclass
class Drill:
    """One fault at one site; whatever is wrong is told in `complaints`."""

    site: RedisSite
    fault: Fault
    complaints: list[str] = field(default_factory=list)

    def run(self) -> RedisReport:
        with ExitStack() as stack:
            self.clients = self.site.clients()
            for client in self.clients:
                stack.enter_context(client)
            self._prepare()
            marks = self.site.log_marks()
            with Traffic(self.site) as traffic, Probes(self.site) as probes:
                time.sleep(BEFORE)
                times = self._break(traffic)
                time.sleep(AFTER)
                self._expect_limits()
            answers = sorted([*traffic.answers, *probes.answers], key=lambda each: each.begun)
            self._look_at_cache()
            self.complaints += self.sessions.look([], [], emptied=self._signs_out())
            self.complaints += losses(answers, self._rows())
            return RedisReport(
                kind=self.site.kind,
                times=times,
                answers=answers,
                logged=self.site.logged_since(marks),
                found=self.complaints,
                fault=self.fault,
            )

    def _prepare(self) -> None:
        """Write something at both processes, and use somebody's limit up."""
        here, there = self.clients
        self.author = self.site.register(here)
        self.credentials = self.site.sign_in(here, self.author)
        self.written = 0
        for client in (here, there):
            self._write(client)
        self.sessions = Sessions(self.site, self.clients)
        self.greedy, counted = exhaust(self.site, self.clients)
        self._expect("reads before", counted, EXHAUSTED)

    def _fill_cache(self) -> None:
        for client in (*self.clients, *self.clients):
            self._expect("items before", self._total(client), self.written)

    def _break(self, traffic: Traffic) -> Times:
        with traffic.only_reading():
            time.sleep(SETTLED)
            self._fill_cache()
            began = time.monotonic()
            self.fault.begin(self.site)
        try:
            self._try_policies()
            self._try_sessions()
            # Each process voids what the other one may have read before.
            for client in self.clients:
                self._write(client)
            time.sleep(max(0.0, began + DURING - time.monotonic()))
        except BaseException:
            self.fault.end(self.site)
            raise
        # A later write voids what one under the fault has failed to, and would hide that.
        with traffic.only_reading():
            time.sleep(SETTLED)
            self.fault.end(self.site)
            ended = time.monotonic()
            while not self._is_well() and time.monotonic() < ended + PATIENCE:
                time.sleep(0.1)
            recovered = time.monotonic()
        if recovered - ended > RECOVERED_WITHIN:
            self.complaints.append(f"recovered after {recovered - ended:.1f} s only")
        return Times(began, ended, recovered)

    def _try_policies(self) -> None:
        # Alone while Valkey is away; else all count together.
        alone = [[client] for client in self.clients] if self.fault.away else [self.clients]
        for clients in alone:
            self._expect("guesses meanwhile", guess(self.site, clients), LIMITED)
        if self.fault.away:
            passed = 503 if self.site.kind == "session" else 200
        elif self.fault.empties:
            passed = 401 if self.site.kind == "session" else 200
        else:
            passed = 429
        self._expect("reads meanwhile", read(self.clients, self.greedy, 4), {passed: 4})

    def _try_sessions(self) -> None:
        gone, left = {401}, {204}
        if self.site.kind == "session" and self.fault.away:
            gone = left = {503}
        elif self._signs_out():
            left = {401}
        self.complaints += self.sessions.try_meanwhile(gone=gone, left=left)

    def _signs_out(self) -> bool:
        """Tell whether Redis loses what people are signed in by."""
        return self.fault.empties and self.site.kind == "session"

    def _expect_limits(self) -> None:
        """Check that both processes count together; a busy machine has a second try."""
        guessed = guess(self.site, self.clients)
        if guessed != LIMITED:
            guessed = guess(self.site, self.clients)
        self._expect("guesses afterwards", guessed, LIMITED)
        counted = exhaust(self.site, self.clients)[1]
        if counted != EXHAUSTED:
            counted = exhaust(self.site, self.clients)[1]
        self._expect("reads afterwards", counted, EXHAUSTED)

    def _write(self, client: Client) -> None:
        answer = client.post(ITEMS, json={"title": self.author}, headers=self.credentials.headers)
        self.written += answer.is_success

    def _total(self, client: Client) -> int | None:
        """Return how many items the author has, or nothing where that is not told."""
        answer = client.get(f"{ITEMS}/my", headers=self.credentials.headers)
        if answer.status_code == 401:
            self._sign_in_again(client)
        total: int | None = answer.json().get("total")
        return total

    def _sign_in_again(self, client: Client) -> None:
        if not self._signs_out():
            self.complaints.append("signed out by what empties nothing")
        answer = self.site.log_in(client, self.author)
        if answer.is_success:
            self.credentials = self.site.carrier.credentials(answer)

    def _is_well(self) -> bool:
        """Tell whether both processes say so, and show what was written under the fault."""
        healthy = [client.get("/health").json()["status"] for client in self.clients]
        totals = [self._total(client) for client in self.clients]
        return {*healthy} == {"healthy"} and {*totals} == {self.written}

    def _look_at_cache(self) -> None:
        """Check that nothing in the cache is old, and that what is read from there is counted."""
        here, there = self.clients
        admin = self.site.sign_in(here, self.site.register(here, role="admin"))
        for client in (here, there):
            before = self._hits(client, admin)
            for _ in range(3):
                self._expect("items afterwards", self._total(client), self.written)
            hits = self._hits(client, admin) - before
            if hits < 2:
                self.complaints.append(f"hits of three reads afterwards: {hits}")

    def _hits(self, client: Client, admin: Credentials) -> int:
        hits: int = client.get(f"{API}/cache/status", headers=admin.headers).json()["hits"]
        return hits

    def _rows(self) -> Iterator[tuple[str, str]]:
        with connected(self.site.database_url) as database:
            rows = database.fetch("SELECT id::text, title FROM items")
        # The author's have no key, and so all the same title.
        yield from ((identity, title) for identity, title in rows if "@" not in title)

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.complaints.append(f"{what}: {found}, not {wanted}")
