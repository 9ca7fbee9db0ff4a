"""Workers in this process and in others, and what can be seen of them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from app.api.dependencies.resources import Resources
from app.services.tasks import TaskService
from app.tasks.engine.broker import GROUP, STREAM
from app.tasks.engine.worker import Worker, open_worker
from tests.fixtures.api import load, running
from tests.fixtures.database import Database
from tests.fixtures.polling import PATIENCE, eventually
from tests.tasks.samples import GATE

COMMAND = (
    "from tests.tasks.samples import register_all; register_all(); from app.cli import main; main()"
)
TASKS = "outbox WHERE kind <> 'schedule'"
WAITING = (
    "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted AND objid = $1"
)


class Crew:
    """Workers that are quick to try again, and the tasks that they are given."""

    def __init__(self, environment: Mapping[str, str], database: Database, redis: Redis) -> None:
        self.environment = {
            **environment,
            "TASKS_POLL_INTERVAL": "0.02",
            "TASKS_BASE_DELAY": "0.04",
            "TASKS_MAX_DELAY": "0.1",
            "TASKS_MAX_ATTEMPTS": "3",
        }
        self.database = database
        self.redis = redis

    @asynccontextmanager
    async def hired(self, count: int = 1, **variables: str) -> AsyncIterator[list[Worker]]:
        """Have workers with a pool of connections, which don't work yet."""
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(running(load({**self.environment, **variables})))
            hired = [open_worker(*_needs(api.resources)) for _ in range(count)]
            yield [await stack.enter_async_context(worker) for worker in hired]

    @asynccontextmanager
    async def at_work(self, count: int = 1, **variables: str) -> AsyncIterator[list[Worker]]:
        async with self.hired(count, **variables) as workers, working(*workers):
            yield workers

    @asynccontextmanager
    async def process(self, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run `app worker` in a process of its own, which is killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", COMMAND, "worker"),
            env={**os.environ, **self.environment, **variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def enqueue(self, name: str, /, times: int = 1, **arguments: Any) -> None:
        async with running(load(self.environment)) as api:
            await enqueue(api.resources, name, times, **arguments)

    async def effects(self, name: str) -> list[str]:
        rows = await self.database.fetch("SELECT arguments FROM effects WHERE name = $1", name)
        return sorted(arguments for (arguments,) in rows)

    async def until_effects(self, name: str, times: int) -> None:
        async def enough() -> bool:
            return len(await self.effects(name)) >= times

        await eventually(enough)

    async def until_done(self, name: str, times: int = 1) -> None:
        """Wait until so many effects can be seen, and until nothing is left of their tasks."""

        async def done() -> bool:
            left = await self.database.count(f"outbox WHERE kind = '{name}' AND failed_at IS NULL")
            return len(await self.effects(name)) >= times and not left

        await eventually(done)

    async def until_nothing_is_left(self, name: str) -> None:
        async def gone() -> bool:
            return not await self.database.count(f"outbox WHERE kind = '{name}'")

        await eventually(gone)

    async def until_given_up(self, name: str) -> None:
        given_up = f"outbox WHERE kind = '{name}' AND failed_at IS NOT NULL"
        await eventually(lambda: self.database.count(given_up))

    async def state(self) -> list[tuple[Any, ...]]:
        """Name, attempts, whether it was given up, and why; of each task that is left."""
        columns = "kind, attempts, failed_at IS NOT NULL, last_error"
        return await self.database.fetch(f"SELECT {columns} FROM {TASKS} ORDER BY kind")

    async def make_due(self) -> None:
        """Let all be due at once, as if the delays were over."""
        due = "next_attempt_at = now() - interval '1 second'"
        await self.database.execute(f"UPDATE {TASKS.replace(' ', f' SET {due} ', 1)}")

    async def queued(self) -> int:
        """Count what is in the stream, whether somebody has taken it or not."""
        return int(await self.redis.xlen(STREAM))

    async def until_stream_is_empty(self) -> None:
        """Wait until neither an entry is left, nor a note that somebody has taken one."""

        async def empty() -> bool:
            return not await self.queued() and not await self.held()

        await eventually(empty)

    async def held(self) -> int:
        """Count what was taken and not acknowledged."""
        try:
            pending: dict[str, int] = await self.redis.xpending(STREAM, GROUP)
        except ResponseError:  # nobody has made the group
            return 0
        return pending["pending"]

    @asynccontextmanager
    async def gate_closed(self) -> AsyncIterator[None]:
        """Let `wait` wait for as long as the block lasts."""
        await self.database.execute("SELECT pg_advisory_lock($1)", GATE)
        try:
            yield
        finally:
            await self.database.execute("SELECT pg_advisory_unlock($1)", GATE)

    async def until_waiting(self) -> None:
        """Wait until somebody is at the gate."""

        async def waiting() -> bool:
            return await self.database.fetch(WAITING, GATE) == [(1,)]

        await eventually(waiting)


@asynccontextmanager
async def working(*workers: Worker) -> AsyncIterator[None]:
    """Let workers work until the block ends; fail if one of them ended before, or doesn't then."""
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(worker.run(stopping)) for worker in workers]
        try:
            yield
            assert not any(run.done() for run in runs)
        finally:
            stopping.set()
            _, late = await asyncio.wait(runs, timeout=PATIENCE)
            for run in late:
                run.cancel()
        assert not late


async def enqueue(resources: Resources, name: str, /, times: int = 1, **arguments: Any) -> None:
    """Enqueue a task, each time in a use case of its own."""
    async with resources.sessions() as session:
        for _ in range(times):
            await TaskService(session).enqueue(name, **arguments)


def _needs(resources: Resources) -> tuple[Any, Any]:
    return resources.settings, resources.sessions
