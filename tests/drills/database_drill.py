"""A drill of PostgreSQL: traffic before a fault, under it and after it, and what became of it."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from httpx2 import Client

from tests.attacks.database import connected
from tests.drills.database_faults import Fault
from tests.drills.database_report import DatabaseReport, Window
from tests.drills.database_site import DatabaseSite
from tests.drills.probing import Probes
from tests.drills.sessions import Sessions, read
from tests.drills.traffic import ITEMS, Traffic, losses

STEPS = ("read", "write", "list", "login", "logout", "write", "read")
BEFORE, DURING, AFTER = 1.5, 4.0, 1.5
RECOVERED_WITHIN = 5.0
PATIENCE = 15.0
UNKEYED = "without a key"


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
            self.sessions = Sessions(self.site, self.clients)
            marks = self.site.log_marks()
            with Traffic(self.site, STEPS) as traffic, Probes(self.site) as probes:
                traffic.go_on(BEFORE)
                window = self._break()
                traffic.go_on(AFTER)
            answers = sorted([*traffic.answers, *probes.answers], key=lambda each: each.begun)
            self.complaints += self.sessions.look(traffic.signed_out, traffic.signed_in)
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
        # With Redis, what is over may be known without PostgreSQL.
        left = {503} if self.fault.away else {204, 503}
        self.complaints += self.sessions.try_meanwhile(gone={401, 503}, left=left)

    def _is_well(self) -> bool:
        """Tell whether every process says so, reads and writes."""
        return all(self._is_served(client) and self._is_served(client) for client in self.clients)

    def _is_served(self, client: Client) -> bool:
        present = self.sessions.present
        statuses = [client.get("/health/ready").status_code, read(client, present)]
        written = client.post(ITEMS, json={"title": UNKEYED}, headers=present.headers)
        return [*statuses, written.status_code] == [200, 200, 201]
