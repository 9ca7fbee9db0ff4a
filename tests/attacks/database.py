"""The database under attack, past everything that guards it: to move clocks, and to look."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

Row = tuple[Any, ...]
PATIENCE = 8


class Database:
    """One connection, for the thread that runs the tests."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        limits = {"lock_timeout": "5s"}
        self._connection = runner.run(asyncpg.connect(url, server_settings=limits))

    def execute(self, sql: str, *arguments: object) -> int:
        """Run a statement that must meet a row; return how many it met."""
        status = str(self._runner.run(self._connection.execute(sql, *arguments)))
        count = int(status.rsplit(maxsplit=1)[-1])
        assert count, f"No row met: {sql}"
        return count

    def fetch(self, sql: str, *arguments: object) -> list[Row]:
        return [tuple(row) for row in self._runner.run(self._connection.fetch(sql, *arguments))]

    def hold(self, sql: str, *arguments: object) -> None:
        """Lock the rows that a `SELECT … FOR UPDATE` finds, until they are released."""
        self._runner.run(self._connection.execute("BEGIN"))
        assert self.fetch(sql, *arguments)

    def lock(self, table: str) -> None:
        """Let nobody read a table until it is released."""
        self._runner.run(self._connection.execute("BEGIN"))
        self._runner.run(self._connection.execute(f'LOCK TABLE "{table}" IN ACCESS EXCLUSIVE MODE'))

    def release(self, *, waiting: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Release what is held once so many others wait for them, who then are all under way.

        What is done `meanwhile` comes before all that they still do.
        """
        deadline = time.monotonic() + PATIENCE
        try:
            while self.fetch("SELECT count(*) FROM pg_locks WHERE NOT granted") < [(waiting,)]:
                assert time.monotonic() < deadline, "Nobody waits"
                time.sleep(0.02)
            meanwhile()
        finally:
            self._runner.run(self._connection.execute("COMMIT"))

    def tables(self) -> list[str]:
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        return [name for (name,) in self.fetch(sql)]

    def dump(self) -> dict[str, list[str]]:
        """Return every row of every table as PostgreSQL prints it."""
        return {
            table: [row for (row,) in self.fetch(f'SELECT t::text FROM "{table}" t')]  # noqa: S608
            for table in self.tables()
        }

    def close(self) -> None:
        self._runner.run(self._connection.close())


@contextmanager
def connected(url: str) -> Iterator[Database]:
    with asyncio.Runner() as runner:
        database = Database(runner, url)
        try:
            yield database
        finally:
            database.close()
