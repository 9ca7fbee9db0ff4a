"""A drill of PostgreSQL: traffic before a fault, under it and after it, and what became of it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product

from httpx2 import Client

from tests.attacks.carriers import API, Credentials
from tests.attacks.database import connected
from tests.drills.database_faults import Fault
from tests.drills.database_report import DatabaseReport, Window
from tests.drills.database_site import DatabaseSite
from tests.drills.probing import Probes
from tests.drills.traffic import ITEMS, Traffic, losses

STEPS = ("read", "write", "list", "login", "logout", "write", "read")
BEFORE, DURING, AFTER = 1.5, 4.0, 1.5
RECOVERED_WITHIN = 5.0
PATIENCE = 15.0
WORKERS = 4
UNKEYED = "without a key"
ME, LOGOUT = f"{API}/users/me", f"{API}/auth/logout"


@dataclass
class DatabaseDrill:
    """One fault at one site; whatever is wrong is told in `complaints`."""

    site: DatabaseSite
    fault: Fault
    complaints: list[str] = field(default_factory=list)

    def run(self) -> DatabaseReport:
        with ExitStack() as stack:
            self.clients = self.site.clients()
            for client in self.clients:
                stack.enter_context(client)
            self._prepare()
            marks = self.site.log_marks()
            with Traffic(self.site, STEPS) as traffic, Probes(self.site) as probes:
                time.sleep(BEFORE)
                window = self._break()
                time.sleep(AFTER)
            answers = sorted([*traffic.answers, *probes.answers], key=lambda each: each.begun)
            self._look_at_sessions(traffic)
            with connected(self.site.database_url) as database:
                sql = "SELECT id::text, title FROM items WHERE title <> $1"
                rows = [(identity, title) for identity, title in database.fetch(sql, UNKEYED)]
            self.complaints += losses(answers, rows)
            return DatabaseReport(
                kind=self.site.kind,
                times=window,
                answers=answers,
                logged=self.site.logged_since(marks),
                found=self.complaints,
                fault=self.fault,
            )

    def _prepare(self) -> None:
        """Sign somebody out, and in those who will try to leave under the fault."""
        here = self.clients[0]
        email = self.site.register(here)
        self.gone, self.present, *self.leaving = [
            self.site.sign_in(here, email) for _ in range(2 + len(self.clients))
        ]
        answer = here.post(LOGOUT, headers=self.gone.headers)
        self._expect("signed out before", answer.status_code, {204})

    def _break(self) -> Window:
        began = time.monotonic()
        self.fault.begin(self.site)
        struck = time.monotonic()
        try:
            self._meanwhile()
            time.sleep(max(0.0, struck + DURING - time.monotonic()))
        finally:
            lifted = time.monotonic()
            self.fault.end(self.site)
        ended = time.monotonic()
        while not self._is_well() and time.monotonic() < ended + PATIENCE:
            time.sleep(0.05)
        recovered = time.monotonic()
        if recovered - ended > RECOVERED_WITHIN:
            self.complaints.append(f"recovered after {recovered - ended:.1f} s only")
        return Window(began, ended, recovered, struck, lifted)

    def _meanwhile(self) -> None:
        """Try to use a session that is over, and to end one at each process."""
        with ThreadPoolExecutor(WORKERS) as pool:
            found = [pool.submit(self._read, client, self.gone) for client in self.clients]
            pairs = zip(self.clients, self.leaving, strict=True)
            left = [pool.submit(self._leave, client, each) for client, each in pairs]
        for call in found:
            # With Redis, what is over may be known without PostgreSQL.
            self._expect("a session that is over, meanwhile", call.result(), {401, 503})
        allowed = {503} if self.fault.away else {204, 503}
        for call in left:
            self._expect("signing out meanwhile", call.result(), allowed)

    def _is_well(self) -> bool:
        """Tell whether every process says so, reads and writes."""
        return all(self._is_served(client) and self._is_served(client) for client in self.clients)

    def _is_served(self, client: Client) -> bool:
        headers = self.present.headers
        statuses = [client.get("/health/ready").status_code, self._read(client, self.present)]
        written = client.post(ITEMS, json={"title": UNKEYED}, headers=headers)
        return [*statuses, written.status_code] == [200, 200, 201]

    def _look_at_sessions(self, traffic: Traffic) -> None:
        """Check at all processes that who is signed out stays so, and who is signed in, too."""
        for each in self.leaving:
            self._expect("signing out afterwards", self._leave(self.clients[-1], each), {204, 401})
        over = [self.gone, *self.leaving, *traffic.signed_out]
        self._expect_all("sessions that are over", over, 401)
        self._expect_all("sessions that are not", [self.present, *traffic.signed_in], 200)

    def _expect_all(self, what: str, sessions: Sequence[Credentials], status: int) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            pairs = product(self.clients, sessions)
            found = [pool.submit(self._read, client, each) for client, each in pairs]
        for call in found:
            self._expect(what, call.result(), {status})

    def _read(self, client: Client, session: Credentials) -> int:
        return client.get(ME, headers=session.headers).status_code

    def _leave(self, client: Client, session: Credentials) -> int:
        return client.post(LOGOUT, headers=session.headers).status_code

    def _expect(self, what: str, found: int, wanted: set[int]) -> None:
        if found not in wanted:
            self.complaints.append(f"{what}: {found}, not {wanted}")
