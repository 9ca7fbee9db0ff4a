"""Does the tasks that are queued, and queues those that are due."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from structlog.contextvars import bound_contextvars
from taskiq import AcknowledgeType, Context, TaskiqDepends
from taskiq.kicker import AsyncKicker
from taskiq.receiver import Receiver

import app.tasks
from app.core.config import Settings
from app.core.logging import get_logger
from app.models.outbox import OutboxMessage
from app.services.outbox import OutboxService
from app.services.polling import poll
from app.services.tasks import TASKS, Job, Task, TaskService
from app.tasks.engine.broker import StreamBroker

GRACE = 20.0  # seconds that what is under way has at the end
QUEUEING_TIMEOUT = 5.0  # seconds

log = get_logger("app.tasks")

# Each module there may hold tasks.
for module in iter_modules(app.tasks.__path__, "app.tasks."):
    import_module(module.name)


class Worker:
    """Any number may run, in one process or in many."""

    def __init__(
        self, settings: Settings, sessions: async_sessionmaker[AsyncSession], broker: StreamBroker
    ) -> None:
        self.settings = settings
        self.sessions = sessions
        self.broker = broker
        self._under_way: set[asyncio.Task[None]] = set()
        self._planned = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until the event is set; give back what is not done a while later."""
        for task in TASKS.values():
            self.broker.register_task(self._handler(task), task_name=task.name)
        receiver = Receiver(
            self.broker,
            max_async_tasks=self.settings.tasks.concurrency,
            run_startup=False,
            ack_type=AcknowledgeType.MANUAL,
            wait_tasks_timeout=GRACE,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(receiver.listen(stopping))
            group.create_task(self._queue(stopping))
        for attempt in self._under_way:
            attempt.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def queue_batch(self) -> int:
        """Queue what is due; return how many tasks that were."""
        async with self.sessions() as session:
            tasks = TaskService(session)
            if not self._planned:
                await tasks.plan()
                self._planned = True
            due = await tasks.take()
            if not due:
                return 0
            async with asyncio.timeout(QUEUEING_TIMEOUT):
                for message in due:
                    kicker = AsyncKicker[..., None](message.kind, self.broker, {})
                    await kicker.kiq(str(message.id), message.attempts)
            await tasks.mark_queued(due, self.settings.tasks.requeue_after)
        return len(due)

    async def perform(self, task: Task, key: UUID, attempts: int) -> None:
        """Do a task, unless it is done or somebody else does it; note what became of it."""
        seconds = task.timeout or self.settings.tasks.timeout
        async with self.sessions() as session:
            message = await TaskService(session).begin(key, attempts=attempts, seconds=seconds)
        if message is None:
            return
        origin = {"request_id": message.request_id} if message.request_id else {}
        with bound_contextvars(task=task.name, task_id=str(key), **origin):
            await self._attempt(task, message, seconds)

    async def _attempt(self, task: Task, message: OutboxMessage, seconds: float) -> None:
        started = time.perf_counter()
        error = None
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                await self._do(task, message)
        except asyncio.CancelledError:
            async with self.sessions() as session:
                await TaskService(session).release(message)
            raise
        except Exception as failed:
            why = f"not done after {seconds:g} s" if limit.expired() else str(failed)
            error = f"{type(failed).__name__}: {why}".partition("\n")[0]
            log.exception("task failed")
            async with self.sessions() as session:
                outbox = OutboxService(session, self.settings.tasks)
                await outbox.fail(message, error, for_good=False)
        took = round(time.perf_counter() - started, 3)
        log.info("attempt", attempts=message.attempts, seconds=took, error=error)

    async def _do(self, task: Task, message: OutboxMessage) -> None:
        if message.attempts > self.settings.tasks.max_attempts:
            raise RuntimeError("it has ended each worker that has begun it")
        async with self.sessions() as session:
            job = Job(session, self.sessions, self.settings, message.payload)
            service = TaskService(session)
            if task.atomic:
                await service.finish(message, lambda: task.run(job))
            else:
                await task.run(job)
                await service.finish(message, _nothing)

    def _handler(self, task: Task) -> Callable[..., Awaitable[None]]:
        async def handle(
            key: UUID, attempts: int, context: Annotated[Context, TaskiqDepends()]
        ) -> None:
            attempt = asyncio.create_task(self.perform(task, key, attempts))
            self._under_way.add(attempt)
            attempt.add_done_callback(self._under_way.discard)
            await attempt
            await context.ack()

        return handle

    async def _queue(self, stopping: asyncio.Event) -> None:
        await poll(self.queue_batch, self.settings.tasks.poll_interval, stopping)


async def _nothing() -> None:
    pass


@asynccontextmanager
async def open_worker(
    settings: Settings, sessions: async_sessionmaker[AsyncSession]
) -> AsyncIterator[Worker]:
    broker = StreamBroker(settings.redis)
    await broker.startup()
    try:
        yield Worker(settings, sessions, broker)
    finally:
        await broker.shutdown()
