"""Workers in processes of their own, that are killed and told to stop."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack

import pytest

from app.tasks.engine import worker as engine
from tests.fixtures.database import Database
from tests.fixtures.polling import PATIENCE, eventually
from tests.tasks import samples
from tests.tasks.crew import Crew


@pytest.fixture(autouse=True)
def _registered() -> None:
    samples.register_all()


async def test_what_a_killed_worker_was_doing_is_done_by_another(crew: Crew) -> None:
    """Its effect happens once; nobody does it before the time that it may take is over."""
    await crew.enqueue("wait", n=1)
    async with crew.gate_closed(), crew.process() as process:
        await crew.until_waiting()
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    await crew.enqueue("note")
    async with crew.at_work():
        await crew.until_done("note")
        assert await crew.state() == [("wait", 1, False, None)]
        async with crew.gate_closed():
            await crew.make_due()
            await crew.until_waiting()
            assert await crew.state() == [("wait", 2, False, None)]
        await crew.until_done("wait")
    assert await crew.effects("wait") == ['{"n":1}']


async def test_what_kills_each_worker_is_given_up_while_others_are_done(crew: Crew) -> None:
    once = {"TASKS_MAX_ATTEMPTS": "1"}
    await crew.enqueue("perish")
    async with crew.process(**once) as process, asyncio.timeout(PATIENCE):
        assert await process.wait() == 3
    assert await crew.state() == [("perish", 1, False, None)]
    await crew.make_due()
    await crew.enqueue("note")
    async with crew.process(**once) as process:
        await crew.until_done("note")
        await crew.until_given_up("perish")
        assert process.returncode is None
    why = "RuntimeError: it has ended each worker that has begun it"
    assert await crew.state() == [("perish", 2, True, why)]
    assert await crew.effects("perish") == []


async def test_a_worker_that_is_told_to_stop_finishes_what_it_does(crew: Crew) -> None:
    await crew.enqueue("wait")
    async with crew.process() as process, asyncio.timeout(PATIENCE):
        async with crew.gate_closed():
            await crew.until_waiting()
            process.send_signal(signal.SIGTERM)
            await crew.enqueue("note")
            await asyncio.sleep(0.3)
            assert process.returncode is None
        output, _ = await process.communicate()
        assert process.returncode == 0, output
    assert b"Traceback" not in output
    assert len(await crew.effects("wait")) == 1
    assert await crew.state() == [("note", 0, False, None)]


async def test_a_worker_that_has_nothing_to_do_ends_at_once(crew: Crew) -> None:
    slow = {"TASKS_POLL_INTERVAL": "600"}
    async with crew.process(**slow) as process, asyncio.timeout(PATIENCE):
        assert process.stdout is not None
        assert b"Doing the tasks" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


@pytest.mark.parametrize("name", ["sleep", "ask"])
async def test_what_is_not_finished_in_time_is_given_back(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, database: Database, name: str
) -> None:
    """It is due at once, and the attempt doesn't count."""
    monkeypatch.setattr(engine, "GRACE", 0.1)
    await crew.enqueue(name, seconds=9)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(crew.at_work())
        await eventually(lambda: database.count("outbox WHERE attempts = 1"))
        stopped = time.monotonic()
        await stack.aclose()
        assert time.monotonic() - stopped < 5
    due = f"outbox WHERE kind = '{name}' AND next_attempt_at <= now()"
    assert await database.count(due) == 1
    assert await crew.state() == [(name, 0, False, None)]
    assert await crew.effects(name) == []
    await database.execute("UPDATE outbox SET payload = '{\"seconds\": 0}'")
    async with crew.at_work():
        await crew.until_done(name)
    assert await crew.effects(name) == ['{"seconds":0}']
