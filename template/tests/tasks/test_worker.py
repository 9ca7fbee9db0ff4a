"""What is enqueued is done, and what comes of it if it can't be."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exceptions import Conflict
from app.services.tasks import TASKS, Job, TaskLost, TaskService, enqueue, task
from app.services.use_case import use_case
from tests.fixtures.api import Run, load, running
from tests.fixtures.database import Database
from tests.fixtures.polling import eventually
from tests.tasks import samples
from tests.tasks.crew import Crew, working
from tests.tasks.samples import register


async def test_a_task_is_done_once_with_its_arguments_and_leaves_nothing(crew: Crew) -> None:
    register(samples.note)
    given: dict[str, Any] = {"name": "ada", "self": None, "kind": [1, {"é": True}], "session": 0.5}
    await crew.enqueue("note", **given)
    async with crew.at_work(2):
        await crew.until_done("note")
        await crew.enqueue("note", times=20)
        await crew.until_done("note", times=21)
        await crew.until_stream_is_empty()
    effects = [json.loads(effect) for effect in await crew.effects("note")]
    assert (effects.count(given), effects.count({}), len(effects)) == (1, 20, 21)
    assert await crew.state() == []


class Ordering:
    """A use case of a project."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    @use_case
    async def order(self, number: int) -> None:
        await enqueue(self.session, "note", number=number)
        if number < 0:
            raise Conflict


async def test_what_is_rolled_back_is_not_done(crew: Crew) -> None:
    register(samples.note)
    async with running(load(crew.environment)) as api, api.resources.sessions() as session:
        with pytest.raises(Conflict):
            await Ordering(session).order(-1)
        assert await crew.state() == []
        await Ordering(session).order(1)
    async with crew.at_work():
        await crew.until_done("note")
    assert await crew.effects("note") == ['{"number":1}']


async def test_what_nobody_could_do_is_refused_when_it_is_enqueued(crew: Crew) -> None:
    with pytest.raises(LookupError, match=r"no task is called note; there are .*cleanup_tokens"):
        await crew.enqueue("note")
    assert await crew.state() == []
    register(samples.note)
    await crew.enqueue("note")
    assert await crew.state() == [("note", 0, False, None)]


async def test_the_log_of_an_attempt_tells_which_request_it_comes_from(
    crew: Crew, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    async def begin(request: Request) -> None:
        async with request.state.resources.sessions() as session:
            await TaskService(session).enqueue("note")

    def prepare(app: FastAPI) -> None:
        app.add_api_route("/begin", begin, methods=["POST"])

    register(samples.note)
    asked = {"X-Request-ID": "a-request-of-theirs"}
    async with running(load(crew.environment), prepare) as api, api.client() as client:
        assert (await client.post("/begin", headers=asked)).status_code == 200
        await crew.enqueue("note")
    async with crew.at_work():
        capsysbinary.readouterr()
        await crew.until_done("note", times=2)
        await crew.until_stream_is_empty()
        lines = capsysbinary.readouterr().out.splitlines()
    attempts = [json.loads(line) for line in lines if b'"event":"attempt"' in line]
    assert {(line["task"], line["attempts"], line["error"]) for line in attempts} == {
        ("note", 1, None)
    }
    assert [line.get("request_id") for line in attempts].count("a-request-of-theirs") == 1
    assert len({line["task_id"] for line in attempts}) == 2


async def test_what_fails_is_tried_again_and_given_up_while_others_go_on(
    crew: Crew, run: Run
) -> None:
    register(samples.refuse)
    register(samples.note)
    await crew.enqueue("refuse", n=1)
    async with crew.at_work():
        for n in range(3):
            await crew.enqueue("note", n=n)
            await crew.until_done("note", times=n + 1)
        await crew.until_given_up("refuse")
        assert await crew.state() == [("refuse", 3, True, "ValueError: not today")]
        assert await crew.effects("refuse") == []
        assert "ValueError: not today" in (await run("outbox", "failed")).stdout
    TASKS["refuse"] = replace(TASKS["refuse"], run=samples.note)
    async with crew.at_work():
        assert (await run("outbox", "retry")).stdout == "To be tried anew: 1.\n"
        await crew.until_done("note", times=4)
    assert await crew.effects("note") == ['{"n":0}', '{"n":1}', '{"n":1}', '{"n":2}']
    assert await crew.state() == []


async def test_delays_double(crew: Crew, database: Database) -> None:
    register(samples.refuse)
    await crew.enqueue("refuse")
    delays: list[float] = []
    failed = "outbox WHERE last_error IS NOT NULL"
    async with crew.at_work(TASKS_BASE_DELAY="100", TASKS_MAX_DELAY="150", TASKS_MAX_ATTEMPTS="9"):
        for _ in range(3):
            await eventually(lambda: database.count(failed))
            [(delay,)] = await database.fetch(f"SELECT next_attempt_at - now() FROM {failed}")
            delays.append(delay.total_seconds())
            await database.execute("UPDATE outbox SET last_error = NULL")
            await crew.make_due()
    assert 45 < delays[0] <= 100
    assert 70 < delays[1] <= 150
    assert 70 < delays[2] <= 150


@pytest.mark.parametrize("name", ["sleep", "ask"])
async def test_what_takes_too_long_has_failed(crew: Crew, name: str) -> None:
    """Also if it is the database that it waits for."""
    register(getattr(samples, name), timeout=0.4)
    await crew.enqueue(name, seconds=0)
    await crew.enqueue(name, seconds=9)
    async with crew.at_work(TASKS_MAX_ATTEMPTS="2"):
        await crew.until_given_up(name)
    assert await crew.state() == [(name, 2, True, "TimeoutError: not done after 0.4 s")]
    assert await crew.effects(name) == ['{"seconds":0}']


async def test_a_timeout_of_its_own_is_an_error_like_any_other(crew: Crew) -> None:
    @task()
    async def call(_: Job) -> None:
        raise TimeoutError("no answer from them")

    await crew.enqueue("call")
    async with crew.at_work(TASKS_MAX_ATTEMPTS="1"):
        await crew.until_given_up("call")
    assert await crew.state() == [("call", 1, True, "TimeoutError: no answer from them")]


@pytest.mark.parametrize("atomic", [True, False])
async def test_what_is_in_the_queue_many_times_is_done_once(crew: Crew, atomic: bool) -> None:
    seen: list[Any] = []

    @task(atomic=atomic)
    async def count(job: Job) -> None:
        seen.append(job.arguments)
        await asyncio.sleep(0.05)

    await crew.enqueue("count", n=1)
    async with crew.hired(3) as workers:
        for n in range(1, 21):
            assert await workers[0].queue_batch() == 1
            assert await crew.queued() == n
            await crew.make_due()
        async with working(*workers):
            await crew.until_stream_is_empty()
    assert seen == [{"n": 1}]
    assert await crew.state() == []


async def test_who_is_late_leaves_a_task_to_who_has_begun_it_since(crew: Crew) -> None:
    register(samples.note)
    await crew.enqueue("note")
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(running(load(crew.environment)))

        async def worker() -> TaskService:
            return TaskService(await stack.enter_async_context(api.resources.sessions()))

        def work(tasks: TaskService, by: str) -> Callable[[], Awaitable[None]]:
            resources = api.resources
            job = Job(tasks.session, resources.sessions, resources.settings, {"by": by})
            return lambda: samples.note(job)

        late, other = await worker(), await worker()
        [queued] = await (await worker()).take()
        first = await late.begin(queued.id, attempts=0, seconds=1)
        assert await other.begin(queued.id, attempts=0, seconds=1) is None
        second = await other.begin(queued.id, attempts=1, seconds=1)
        assert first is not None
        assert second is not None
        late.session.expunge_all()
        other.session.expunge_all()
        with pytest.raises(TaskLost):
            await late.finish(first, work(late, "late"))
        await late.release(first)
        assert await crew.state() == [("note", 2, False, None)]
        await other.finish(second, work(other, "other"))
    assert await crew.state() == []
    assert await crew.effects("note") == ['{"by":"other"}']


async def test_so_many_are_done_at_once_and_no_more(crew: Crew) -> None:
    running_now, most = 0, 0

    @task(atomic=False)
    async def overlap(_: Job) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await asyncio.sleep(0.1)
        running_now -= 1

    for limit in (1, 3):
        most = 0
        await crew.enqueue("overlap", times=9)
        async with crew.hired(TASKS_CONCURRENCY=str(limit)) as [worker]:
            assert await worker.queue_batch() == 9
            async with working(worker):
                await crew.until_stream_is_empty()
        assert (most, await crew.state()) == (limit, [])
