"""Two processes of a render on one PostgreSQL and one Valkey."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.proxy import Proxy
from tests.drills.site import SERVE, Site, settings_of_site
from tests.drills.valkey import Valkey, running_valkey
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.questions import Answers
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN, serving

FEATURES = ["items", "rate_limit", "cache", "idempotency"]
ANSWERS: dict[str, Answers] = {
    "jwt": {"preset": "minimal", "features": FEATURES},
    "session": {"preset": "minimal", "features": FEATURES, "auth": "session"},
}
DEFAULT, AUTH, ACCOUNT = 150, 5, 10
LIMITS = {
    "RATE_LIMIT_DEFAULT": f"{DEFAULT}/minute",
    "RATE_LIMIT_AUTH": f"{AUTH}/minute",
    "RATE_LIMIT_ACCOUNT": f"{ACCOUNT}/minute",
}


@dataclass(frozen=True, kw_only=True)
class RedisSite(Site):
    """What is drilled; `proxy` is between the processes and Valkey if there is one."""

    valkey: Valkey
    proxy: Proxy | None


@contextmanager
def running_site(  # noqa: PLR0913 - a place has as many parts
    kind: str,
    render: Render,
    environment: Environment,
    cluster: Cluster,
    folder: Path,
    *,
    proxied: bool,
    variables: Mapping[str, str] | None = None,
) -> Iterator[RedisSite]:
    """Run two processes of a copy of the render until the block ends."""
    project = folder / "project"
    shutil.copytree(render.path, project)
    with ExitStack() as stack:
        url = stack.enter_context(cluster.database())
        valkey = stack.enter_context(running_valkey(environment, folder / "valkey"))
        proxy = stack.enter_context(Proxy(("127.0.0.1", valkey.port))) if proxied else None
        settings = {
            **settings_of_site(url),
            **LIMITS,
            "REDIS_URL": valkey.url(proxy.port if proxy else None),
            **(variables or {}),
        }
        servers = tuple(
            stack.enter_context(
                serving(project, environment, "-c", MAIN, *SERVE, variables=settings)
            )
            for _ in range(2)
        )
        site = RedisSite(kind=kind, servers=servers, database_url=url, valkey=valkey, proxy=proxy)
        site.settle()
        yield site
