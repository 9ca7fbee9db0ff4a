"""What is done to Valkey, and what of it people may notice."""

import signal
from collections.abc import Callable
from dataclasses import dataclass

from tests.drills.proxy import Proxy
from tests.drills.redis_site import RedisSite


@dataclass(frozen=True)
class Fault:
    """How it begins and ends; `away` tells whether nothing can be asked of Valkey meanwhile."""

    begin: Callable[[RedisSite], object]
    end: Callable[[RedisSite], object]
    away: bool = True
    empties: bool = False
    proxied: bool = False


def _proxy(site: RedisSite) -> Proxy:
    assert site.proxy is not None
    return site.proxy


FAULTS = {
    "killed": Fault(
        lambda site: site.valkey.end(signal.SIGKILL),
        lambda site: site.valkey.start(empty=True),
        empties=True,
    ),
    "frozen": Fault(
        lambda site: site.valkey.send(signal.SIGSTOP),
        lambda site: site.valkey.send(signal.SIGCONT),
    ),
    "restarted": Fault(
        lambda site: site.valkey.end(signal.SIGTERM),
        lambda site: site.valkey.start(),
    ),
    "emptied": Fault(
        lambda site: site.valkey.flush(),
        lambda _: None,
        away=False,
        empties=True,
    ),
    "too slow": Fault(
        lambda site: _proxy(site).slow(0.4),
        lambda site: _proxy(site).restore(),
        proxied=True,
    ),
    "slow": Fault(
        # A call takes 60 ms, and twice that where a connection has to be opened first.
        lambda site: _proxy(site).slow(0.03),
        lambda site: _proxy(site).restore(),
        away=False,
        proxied=True,
    ),
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
