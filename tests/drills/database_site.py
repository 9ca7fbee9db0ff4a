"""Processes of a render on a PostgreSQL that belongs to them alone."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.postgres import Postgres, running_postgres
from tests.drills.proxy import Proxy
from tests.drills.site import SERVE, Site, settings_of_site
from tests.drills.valkey import running_valkey
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.questions import Answers
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN, Server, serving

FEATURES = ["items", "idempotency"]
ANSWERS: dict[str, Answers] = {
    "jwt": {"preset": "minimal", "features": FEATURES},
    "session": {"preset": "minimal", "features": FEATURES, "auth": "session"},
}
# Shorter than by default, since each drill waits for them.
CONNECT_TIMEOUT = STATEMENT_TIMEOUT = 2.0
HASTY = {
    "DATABASE_CONNECT_TIMEOUT": str(CONNECT_TIMEOUT),
    "DATABASE_STATEMENT_TIMEOUT": str(STATEMENT_TIMEOUT),
}


@dataclass(frozen=True, kw_only=True)
class DatabaseSite(Site):
    """What is drilled; `proxy` is between the processes and PostgreSQL if there is one."""

    postgres: Postgres
    proxy: Proxy | None


@dataclass(frozen=True)
class Ground:
    """Where a kind of sign-in is drilled; with `workers`, one supervisor has them."""

    kind: str
    proxied: bool = False
    workers: int = 1


@contextmanager
def running_database_site(
    ground: Ground, render: Render, environment: Environment, folder: Path
) -> Iterator[DatabaseSite]:
    """Run processes of a copy of the render until the block ends."""
    project = folder / "project"
    shutil.copytree(render.path, project)
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres(project, environment, folder / "postgres"))
        url = Cluster(postgres.url).migrated("drilled", render, environment).url_of("drilled")
        proxy = stack.enter_context(Proxy(("127.0.0.1", postgres.port))) if ground.proxied else None
        through = url.replace(f":{postgres.port}/", f":{proxy.port}/") if proxy else url
        settings = {**settings_of_site(through), **HASTY}
        if ground.kind == "session":
            valkey = stack.enter_context(running_valkey(environment, folder / "valkey"))
            settings["REDIS_URL"] = valkey.url()
        servers = _serve(stack, ground, project, environment, settings)
        site = DatabaseSite(
            kind=ground.kind, servers=servers, database_url=url, postgres=postgres, proxy=proxy
        )
        site.settle()
        yield site


def _serve(
    stack: ExitStack,
    ground: Ground,
    project: Path,
    environment: Environment,
    settings: Mapping[str, str],
) -> tuple[Server, ...]:
    command = ("-c", MAIN, *SERVE, f"--workers={ground.workers}")
    return tuple(
        stack.enter_context(serving(project, environment, *command, variables=settings))
        for _ in range(2 if ground.workers == 1 else 1)
    )
