"""One embedded PostgreSQL for a process of the test run, and databases cloned on it at once."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN

PROBE = ROOT / "tests" / "probes" / "postgres.py"
TEMPLATE = "migrated"


@dataclass(frozen=True)
class Cluster:
    """A server that holds a migrated database to clone."""

    url: str = field(repr=False)

    def url_of(self, database: str) -> str:
        return f"{self.url.rpartition('/')[0]}/{database}"

    def execute(self, sql: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        asyncio.run(run())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Clone the migrated database for as long as the block lasts, and give its URL."""
        name = f"clone_{secrets.token_hex(4)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
        try:
            yield self.url_of(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running_cluster(render: Render, environment: Environment, folder: Path) -> Iterator[Cluster]:
    """Run the PostgreSQL that a render brings, with one database migrated by the render."""
    process = subprocess.Popen(
        [environment.path / "bin" / "python", PROBE, folder],
        env={**os.environ, "PYTHONPATH": str(render.path), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # Leaving the block closes its input, at which the server stops, and waits until it has.
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise AssertionError("PostgreSQL didn't start")
        cluster = Cluster(url)
        cluster.execute(f'CREATE DATABASE "{TEMPLATE}"')
        _migrate(render, environment, cluster.url_of(TEMPLATE))
        yield cluster


def _migrate(render: Render, environment: Environment, url: str) -> None:
    variables = {
        "APP_ENVIRONMENT": "test",
        "APP_SECRET_KEY": secrets.token_hex(32),
        "JWT_KEYS": f"main:{secrets.token_hex(32)}",
        "DATABASE_URL": url,
    }
    environment.read("-c", MAIN, "db", "upgrade", cwd=render.path, variables=variables)
