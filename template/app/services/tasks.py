"""Work in the background: what there is to do, and what becomes of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cronsim import CronSim
from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.core.config import Settings
from app.db.base import utc_now
from app.models.outbox import OutboxMessage
from app.repositories.tasks import SCHEDULE, TaskRepository
from app.services.use_case import use_case

LONGEST_NAME = 64  # which is what the outbox takes
QUEUED_AT_ONCE = 100
QUEUEING = timedelta(seconds=10)  # for which nobody else queues what is being queued
MARGIN = 10.0  # seconds between the time that a task may take and the next attempt


class TaskLost(Exception):
    """Another worker has begun the task, since it took too long."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a task is given; an atomic one has its transaction in `session`."""

    session: AsyncSession
    sessions: async_sessionmaker[AsyncSession]
    settings: Settings
    arguments: dict[str, Any]  # as they were enqueued


@dataclass(frozen=True, slots=True)
class Task:
    """`cron` is when it runs by itself, in UTC; `timeout` is in seconds."""

    name: str
    run: Callable[[Job], Awaitable[object]]
    cron: str | None
    timeout: float | None
    atomic: bool

    @property
    def schedule_id(self) -> UUID:
        """Return the same key in every process."""
        return uuid5(NAMESPACE_URL, f"urn:schedule:{self.name}")

    def next_tick(self) -> datetime:
        """Return when it is due next; only for what has a schedule."""
        return next(CronSim(self.cron or "", utc_now()))


TASKS: dict[str, Task] = {}


def task(
    *, cron: str | None = None, timeout: float | None = None, atomic: bool = True
) -> Callable[[Callable[[Job], Awaitable[object]]], Task]:
    """Make a task of a function, under the function's name.

    An atomic task is done in one transaction with the note that it is done, so that its effect on
    the database happens once. Others run at least once, and twice after a crash. Raise
    `ValueError` for a name that is taken or too long, and `cronsim.CronSimError` for a schedule
    that can't be read.
    """
    if cron is not None:
        CronSim(cron, utc_now())

    def register(run: Callable[[Job], Awaitable[object]]) -> Task:
        made = Task(run.__name__, run, cron, timeout, atomic)
        if made.name in {SCHEDULE, *TASKS} or len(made.name) > LONGEST_NAME:
            raise ValueError(f"no task can be called {made.name}: it is taken, or too long")
        TASKS[made.name] = made
        return made

    return register


async def enqueue(session: AsyncSession, name: str, /, **arguments: JsonValue) -> None:
    """Have a task done once the use case has committed; the arguments have to be JSON.

    Raise `LookupError` if no task has that name.
    """
    if name not in TASKS:
        raise LookupError(f"no task is called {name}; there are {', '.join(sorted(TASKS))}")
    await TaskRepository(session).put(name, **arguments)


class TaskService:
    """Who does which task, and when; any number of workers may ask at the same time."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.tasks = TaskRepository(session)

    @use_case
    async def enqueue(self, name: str, /, **arguments: JsonValue) -> None:
        await enqueue(self.session, name, **arguments)

    @use_case
    async def plan(self) -> None:
        """Note when each task with a schedule is due, unless that is known."""
        for planned in _with_schedule():
            await self.tasks.put_schedule(
                planned.schedule_id, planned.name, planned.cron or "", planned.next_tick()
            )

    @use_case
    async def take(self) -> Sequence[OutboxMessage]:
        """Take what is to be queued now, with what has become due by its schedule.

        That is one task for each tick, however many ask, and however many ticks were missed.
        """
        for due in await self.tasks.list_due_schedules([t.schedule_id for t in _with_schedule()]):
            planned = TASKS[due.payload["task"]]
            await self.tasks.put(planned.name)
            due.next_attempt_at = planned.next_tick()
        return await self.tasks.take(TASKS, limit=QUEUED_AT_ONCE, lease=QUEUEING)

    @use_case
    async def mark_queued(self, tasks: Sequence[OutboxMessage], requeue_after: float) -> None:
        await self.tasks.mark_queued(tasks, utc_now() + timedelta(seconds=requeue_after))

    @use_case
    async def begin(self, key: UUID, *, attempts: int, seconds: float) -> OutboxMessage | None:
        """Begin what may take so long; none if it is done, or another worker has begun it."""
        lease = timedelta(seconds=seconds + MARGIN)
        return await self.tasks.begin(key, attempts=attempts, lease=lease)

    @use_case
    async def finish(self, message: OutboxMessage, work: Callable[[], Awaitable[object]]) -> None:
        """Do what is left to do, and note in the same transaction that the task is done.

        Raise `TaskLost`, and undo it, if another worker has begun the task in the meantime. That
        is asked last: who gives up a task may not have to wait for what it left in the database.
        """
        await work()
        if not await self.tasks.hold(message):
            raise TaskLost
        await self.tasks.complete(message)

    @use_case
    async def release(self, message: OutboxMessage) -> None:
        """Give a task back that was begun, to be done by somebody else at once."""
        await self.tasks.release(message)

    @use_case
    async def purge(self, *, days: int) -> int:
        """Delete what was given up so many days ago; return how many rows."""
        return await self.tasks.purge(utc_now() - timedelta(days=days))


def _with_schedule() -> list[Task]:
    return [task for task in TASKS.values() if task.cron is not None]
