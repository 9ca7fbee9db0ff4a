"""One embedded PostgreSQL for a process of the test run, and databases cloned on it at once."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import asyncpg

from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render
from tests.matrix.servers import MAIN

PROBES = ROOT / "tests" / "probes"
TEMPLATE = "migrated"


@dataclass(frozen=True)
class Cluster:
    """A server that holds a migrated database to clone."""

    url: str = field(repr=False)
    template: str = TEMPLATE

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

    def migrated(self, template: str, render: Render, environment: Environment) -> Self:
        """Return the server with a database to clone that another render migrates."""
        self.execute(f'CREATE DATABASE "{template}"')
        self.upgrade(render, environment, template)
        return replace(self, template=template)

    def upgrade(self, render: Render, environment: Environment, database: str) -> None:
        """Apply the migrations of a render to a database that is there."""
        command = ("-c", MAIN, "db", "upgrade")
        variables = settings_for(self.url_of(database))
        environment.read(*command, cwd=render.path, variables=variables)

    @contextmanager
    def database(self, *, like: str | None = None) -> Iterator[str]:
        """Clone a database for as long as the block lasts, by default the migrated one.

        Give the URL of the clone. `template0` is an empty one.
        """
        name = f"clone_{secrets.token_hex(4)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like or self.template}"')
        try:
            yield self.url_of(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running_service(
    name: str, project: Path, environment: Environment, folder: Path
) -> Iterator[str]:
    """Run a server that a render brings until the block ends; give its address."""
    process = subprocess.Popen(
        [environment.path / "bin" / "python", PROBES / f"{name}.py", folder],
        env={**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"},
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
            raise AssertionError(f"The server of {name}.py didn't start")
        yield url


@contextmanager
def running_cluster(render: Render, environment: Environment, folder: Path) -> Iterator[Cluster]:
    """Run the PostgreSQL that a render brings, with one database migrated by the render."""
    with running_service("postgres", render.path, environment, folder) as url:
        cluster = Cluster(url)
        yield cluster.migrated(TEMPLATE, render, environment)


def settings_for(url: str) -> dict[str, str]:
    """Return what a command of a render reads that works on a database and on nothing else."""
    return {
        "APP_ENVIRONMENT": "test",
        "APP_SECRET_KEY": secrets.token_hex(32),
        "DATABASE_URL": url,
        # A render reads those that it needs, and asks nobody for anything.
        "JWT_KEYS": f"main:{secrets.token_hex(32)}",
        "MFA_SECRET_KEYS": secrets.token_hex(32),
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
