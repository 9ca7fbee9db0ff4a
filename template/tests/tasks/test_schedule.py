"""Tasks that are due by themselves, and those that come with the template."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from cronsim import CronSimError

from app.services.tasks import TASKS
from app.tasks.engine.worker import Worker
from tests.fixtures.api import Account, SignIn
from tests.fixtures.database import Database
from tests.tasks import samples
from tests.tasks.crew import Crew
from tests.tasks.samples import register

ROW = "FROM outbox WHERE kind = 'schedule' AND payload->>'task' = 'note'"


async def when(database: Database) -> tuple[str, datetime]:
    """Return the schedule that is noted for `note`, and when it is due."""
    [(cron, due)] = await database.fetch(f"SELECT payload->>'cron', next_attempt_at {ROW}")
    return cron, due


async def miss_ticks(database: Database) -> None:
    await database.execute(
        f"UPDATE outbox SET next_attempt_at = now() - interval '3 days' "
        f"WHERE id = (SELECT id {ROW})"
    )


@pytest.fixture
async def crowd(crew: Crew) -> AsyncIterator[list[Worker]]:
    """Five workers, of which each has seen the schedule of `note`."""
    register(samples.note, cron="0 * * * *")
    async with crew.hired(5) as workers:
        assert await asyncio.gather(*(worker.queue_batch() for worker in workers)) == [0] * 5
        yield workers


async def test_a_tick_is_one_task_however_many_workers_there_are(
    crew: Crew, crowd: list[Worker], database: Database
) -> None:
    """So are ticks that were missed."""
    for _ in range(3):
        await miss_ticks(database)
        found = await asyncio.gather(*(worker.queue_batch() for worker in crowd))
        assert sorted(found) == [0, 0, 0, 0, 1]
        assert await crew.state() == [("note", 0, False, None)]
        assert await crew.queued() == 1
        cron, due = await when(database)
        now = datetime.now(UTC)
        assert (cron, due.minute, due > now) == ("0 * * * *", 0, True)
        assert (due - now).total_seconds() <= 3600
        await crew.redis.flushall()
        await database.execute("DELETE FROM outbox WHERE kind = 'note'")


async def test_who_queues_does_not_wait_for_who_is_queueing(
    crew: Crew, crowd: list[Worker], database: Database
) -> None:
    await crew.enqueue("note", times=3)
    async with database.connection.transaction():
        locked = await database.fetch("SELECT FROM outbox WHERE kind = 'note' LIMIT 2 FOR UPDATE")
        assert len(locked) == 2
        async with asyncio.timeout(5):
            assert await crowd[0].queue_batch() == 1
    assert await crowd[1].queue_batch() == 2


async def test_what_is_due_by_itself_is_done_and_due_again(crew: Crew, database: Database) -> None:
    register(samples.note, cron="30 4 1 1 *")
    async with crew.at_work(2):
        await crew.enqueue("note", asked=True)
        await crew.until_done("note")
        await miss_ticks(database)
        await crew.until_done("note", times=2)
    assert await crew.effects("note") == ['{"asked":true}', "{}"]
    assert (await when(database))[1] > datetime.now(UTC)


async def test_a_schedule_that_has_changed_is_planned_anew(crew: Crew, database: Database) -> None:
    seen = []
    for cron in ("30 4 1 1 *", "30 4 1 1 *", "45 5 2 2 *", None):
        TASKS.pop("note", None)
        register(samples.note, cron=cron)
        async with crew.hired() as [worker]:
            assert await worker.queue_batch() == 0
        seen.append(await when(database))
        if cron is None:
            await miss_ticks(database)
            async with crew.hired() as [worker]:
                assert await worker.queue_batch() == 0
    assert seen[0] == seen[1]
    assert [due.strftime("%M %H %d %m") for _, due in seen[1:]] == [
        "30 04 01 01",
        "45 05 02 02",
        "45 05 02 02",
    ]


@pytest.mark.parametrize("cron", ["", "daily", "60 * * * *", "* * * *", "* * 31 2 *"])
def test_a_schedule_that_says_nothing_is_refused_where_it_is_written(cron: str) -> None:
    with pytest.raises(CronSimError):
        register(samples.note, cron=cron)
    assert "note" not in TASKS
    register(samples.note, cron="*/5 * * * *")
    assert TASKS["note"].next_tick().minute % 5 == 0


async def test_sessions_that_have_expired_are_deleted_each_night_and_no_others(
    crew: Crew, database: Database, user: Account, sign_in: SignIn
) -> None:
    clients = [await sign_in(user) for _ in range(3)]
    assert (TASKS["cleanup_tokens"].cron, await database.count("auth_sessions")) == (
        "17 3 * * *",
        3,
    )
    await database.execute(
        "UPDATE auth_sessions SET expires_at = now() - interval '1 second'"
        " WHERE id = (SELECT id FROM auth_sessions ORDER BY created_at LIMIT 1)"
    )
    await crew.enqueue("cleanup_tokens")
    async with crew.at_work():
        await crew.until_nothing_is_left("cleanup_tokens")
    assert await database.count("auth_sessions") == 2
    assert await database.count("users") == 1
    for client in clients[1:]:
        assert (await client.get("/api/v1/users/me")).status_code == 200


async def test_what_was_given_up_is_deleted_after_a_month_and_nothing_else(
    crew: Crew, database: Database
) -> None:
    kept = [
        ("failed", "kind", "now() - interval '29 days'", "now() - interval '60 days'"),
        ("waits", "kind", "NULL", "now() + interval '60 days'"),
        ("has waited", "kind", "NULL", "now() - interval '60 days'"),
        ("is planned", "schedule", "NULL", "now() - interval '29 days'"),
    ]
    gone = [
        ("failed long ago", "kind", "now() - interval '31 days'", "now() - interval '31 days'"),
        ("failed, was late", "kind", "now() - interval '31 days'", "now() + interval '60 days'"),
        ("was planned", "schedule", "NULL", "now() - interval '31 days'"),
    ]
    for name, kind, failed, due in [*kept, *gone]:
        await database.execute(
            "INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, attempts,"
            " failed_at) VALUES (gen_random_uuid(), $1, jsonb_build_object('name', $2::text),"
            f" now() - interval '60 days', {due}, 1, {failed})",
            kind,
            name,
        )
    await crew.enqueue("purge_outbox")
    async with crew.at_work():
        await crew.until_nothing_is_left("purge_outbox")
    left = await database.fetch("SELECT payload->>'name' FROM outbox WHERE attempts = 1")
    assert sorted(left) == sorted((name,) for name, *_ in kept)
    planned = await database.fetch("SELECT payload->>'task' FROM outbox WHERE attempts = 0")
    assert {"cleanup_tokens", "purge_outbox"} <= {name for (name,) in planned}
