"""What is done to PostgreSQL, and what of it people may notice."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.drills.database_site import DatabaseSite
from tests.drills.proxy import Proxy


@dataclass(frozen=True)
class Fault:
    """How it begins and ends; `away` tells whether nothing can be asked of PostgreSQL meanwhile.

    What `hurts` may have requests refused.
    """

    begin: Callable[[DatabaseSite], object]
    end: Callable[[DatabaseSite], object]
    away: bool = True
    hurts: bool = True
    proxied: bool = False


def _proxy(site: DatabaseSite) -> Proxy:
    assert site.proxy is not None
    return site.proxy


def _ended_by(number: signal.Signals) -> Fault:
    return Fault(lambda site: site.postgres.end(number), lambda site: site.postgres.start())


def _dragged(seconds: float, *, away: bool) -> Fault:
    """Let a call take twice that time, and several times as long where it has to connect first."""
    return Fault(
        lambda site: _proxy(site).slow(seconds),
        lambda site: _proxy(site).restore(),
        away=away,
        hurts=away,
        proxied=True,
    )


FAULTS = {
    "killed": _ended_by(signal.SIGKILL),
    "stopped at once": _ended_by(signal.SIGQUIT),
    "restarted": _ended_by(signal.SIGINT),
    "crashed": Fault(
        lambda site: site.postgres.crash(site.database_url), lambda _: None, away=False
    ),
    "frozen": Fault(
        lambda site: site.postgres.freeze(),
        lambda site: site.postgres.thaw(),
    ),
    "slow": _dragged(0.025, away=False),
    # A call takes more than it may, and half of it is what one takes at most that was under way.
    "too slow": _dragged(1.1, away=True),
    "unanswered": Fault(
        lambda site: _proxy(site).freeze(),
        lambda site: _proxy(site).restore(),
        proxied=True,
    ),
    "cut off": Fault(
        lambda site: _proxy(site).cut(),
        lambda site: _proxy(site).restore(),
        proxied=True,
    ),
}
