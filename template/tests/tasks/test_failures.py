"""Redis and PostgreSQL are away for a while, or have lost what they held."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from app.services import polling, tasks
from app.tasks.engine import broker
from app.tasks.engine.broker import GROUP, STREAM
from tests.fixtures.database import Database
from tests.fixtures.links import Link
from tests.fixtures.polling import eventually
from tests.tasks import samples
from tests.tasks.crew import Crew, working
from tests.tasks.samples import register


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have workers ask again soon, where it is pauses that a test would wait for."""
    monkeypatch.setattr(broker, "PAUSE", 0.05)
    monkeypatch.setattr(broker, "BLOCK", 0.1)
    monkeypatch.setattr(broker, "IDLE", 0.4)
    monkeypatch.setattr(polling, "LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(tasks, "QUEUEING", timedelta(seconds=0.2))
    register(samples.note)
    register(samples.wait)


Connect = Callable[[str], Awaitable[Link]]


@pytest.fixture
async def connect(environment: dict[str, str]) -> AsyncIterator[Connect]:
    """Make links to services, by the variables that lead there."""
    async with AsyncExitStack() as stack:

        async def connect(variable: str) -> Link:
            link = Link(environment[variable])
            await link.connect()
            stack.push_async_callback(link.cut)
            return link

        yield connect


def was_tried(database: Database) -> Callable[[], Awaitable[int]]:
    """Tell whether somebody has tried to queue the task at least twice."""
    later = "next_attempt_at > created_at + interval '0.3 seconds'"
    return lambda: database.count(f"outbox WHERE kind = 'note' AND {later}")


async def test_while_redis_is_away_tasks_wait_in_the_database(
    crew: Crew, connect: Connect, database: Database
) -> None:
    link = await connect("REDIS_URL")
    async with crew.at_work(2, REDIS_URL=link.url):
        await crew.enqueue("note", n=1)
        await crew.until_done("note")
        await link.cut()
        await crew.enqueue("note", n=2)
        await crew.enqueue("note", n=3)
        await eventually(was_tried(database))
        assert await crew.effects("note") == ['{"n":1}']
        assert await crew.state() == [("note", 0, False, None)] * 2
        await link.connect()
        await crew.until_done("note", times=3)
        await crew.until_stream_is_empty()
    assert await crew.effects("note") == ['{"n":1}', '{"n":2}', '{"n":3}']


async def test_a_worker_may_be_there_before_redis(
    crew: Crew, connect: Connect, database: Database
) -> None:
    link = await connect("REDIS_URL")
    await link.cut()
    await crew.enqueue("note", n=1)
    async with crew.at_work(REDIS_URL=link.url):
        await eventually(was_tried(database))
        assert await crew.state() == [("note", 0, False, None)]
        await link.connect()
        await crew.until_done("note")
    assert await crew.effects("note") == ['{"n":1}']


@pytest.mark.parametrize(("requeue_after", "is_done"), [("0.5", True), ("300", False)])
async def test_what_redis_has_lost_is_queued_once_more(
    crew: Crew, database: Database, requeue_after: str, is_done: bool
) -> None:
    await crew.enqueue("note", n=1)
    async with crew.hired(2, TASKS_REQUEUE_AFTER=requeue_after) as workers:
        assert await workers[0].queue_batch() == 1
        assert await crew.queued() == 1
        await crew.redis.flushall()
        async with working(*workers):
            if not is_done:
                await crew.enqueue("note", n=2)
            await crew.until_effects("note", 1)
    assert await crew.effects("note") == ['{"n":1}' if is_done else '{"n":2}']
    left = await database.fetch("SELECT payload->>'n' FROM outbox WHERE kind = 'note'")
    assert left == ([] if is_done else [("1",)])


async def test_workers_go_on_when_the_stream_under_them_is_gone(crew: Crew) -> None:
    async with crew.at_work(2):
        for n in range(1, 4):
            await crew.enqueue("note", n=n)
            await crew.until_done("note", times=n)
            await crew.until_stream_is_empty()
            await crew.redis.flushall()
    assert len(await crew.effects("note")) == 3


async def test_a_worker_stops_also_if_the_stream_goes_at_that_moment(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "BLOCK", 2.0)
    monkeypatch.setattr(broker, "IDLE", 30.0)
    for n in range(1, 5):
        async with crew.at_work(2):
            await crew.enqueue("note", n=n)
            await crew.until_done("note", times=n)
            await crew.until_stream_is_empty()
            await crew.redis.flushall()


async def test_what_was_queued_before_there_was_a_group_is_done(crew: Crew) -> None:
    await crew.enqueue("note", n=1)
    async with crew.hired() as [worker]:
        await crew.redis.flushall()
        assert await worker.queue_batch() == 1
        async with working(worker):
            await crew.until_done("note")
    assert await crew.effects("note") == ['{"n":1}']


async def test_what_a_dead_worker_holds_is_taken_over(crew: Crew) -> None:
    await crew.enqueue("note", n=1)
    async with crew.hired() as [worker]:
        assert await worker.queue_batch() == 1
        assert await crew.redis.xreadgroup(GROUP, "dead", {STREAM: ">"})
        assert (await crew.held(), await worker.queue_batch()) == (1, 0)
        async with working(worker):
            await crew.until_done("note")
            await crew.until_stream_is_empty()
    assert await crew.effects("note") == ['{"n":1}']


async def test_what_a_live_worker_holds_is_left_to_it(crew: Crew) -> None:
    """Another finds that it is begun, however long it takes."""
    await crew.enqueue("wait")
    async with crew.at_work(2):
        async with crew.gate_closed():
            await crew.until_waiting()
            await crew.until_stream_is_empty()  # the other has found it
            assert await crew.state() == [("wait", 1, False, None)]
        await crew.until_done("wait")
    assert len(await crew.effects("wait")) == 1


async def test_workers_go_on_once_the_database_is_back(crew: Crew, connect: Connect) -> None:
    link = await connect("DATABASE_URL")
    async with crew.at_work(2, DATABASE_URL=link.url):
        await crew.enqueue("note", n=1)
        await crew.until_done("note")
        await link.cut()
        await crew.enqueue("note", n=2)
        await link.connect()
        await crew.until_done("note", times=2)
    assert await crew.effects("note") == ['{"n":1}', '{"n":2}']


async def test_a_task_that_the_database_leaves_is_done_once_more(
    crew: Crew, connect: Connect
) -> None:
    link = await connect("DATABASE_URL")
    async with crew.at_work(2, DATABASE_URL=link.url):
        async with crew.gate_closed():
            await crew.enqueue("wait", n=1)
            await crew.until_waiting()
            await link.cut()
        assert await crew.effects("wait") == []
        await link.connect()
        await crew.make_due()
        await crew.until_done("wait")
    assert await crew.effects("wait") == ['{"n":1}']
