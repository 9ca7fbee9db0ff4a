"""What is in Redis, and what may be."""

import json
import pickle
from pathlib import Path
from typing import Any

from app.tasks.engine.broker import STREAM
from tests.fixtures.database import Database
from tests.tasks import samples
from tests.tasks.crew import Crew, working
from tests.tasks.samples import register


async def test_arguments_are_in_the_database_only(crew: Crew, database: Database) -> None:
    register(samples.note)
    await crew.enqueue("note", secret="hunter2")
    async with crew.hired() as [worker]:
        assert await worker.queue_batch() == 1
        entries: Any = await crew.redis.xrange(STREAM)
        [(_, fields)] = entries
        [(key,)] = await database.fetch("SELECT id FROM outbox WHERE kind = 'note'")
        assert list(fields) == [b"data"]
        message = json.loads(fields[b"data"])
        assert (message["task_name"], message["args"]) == ("note", [str(key), 0])
        assert not message["kwargs"]
        assert b"hunter2" not in fields[b"data"]
        async with working(worker):
            await crew.until_done("note")
    assert await crew.effects("note") == ['{"secret":"hunter2"}']


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


async def test_what_no_worker_has_written_stops_none_and_is_not_trusted(
    crew: Crew, tmp_path: Path
) -> None:
    register(samples.note)
    trap = tmp_path / "sprung"
    pickle.loads(pickle.dumps(Trap(trap)))
    assert trap.exists()
    trap.unlink()

    def message(name: str, *arguments: object, **named: object) -> bytes:
        written: dict[str, Any] = {"task_id": "x", "task_name": name, "labels": {}}
        return json.dumps({**written, "args": arguments, "kwargs": named}).encode()

    unknown = "00000000-0000-0000-0000-000000000000"
    entries: list[Any] = [
        {b"data": pickle.dumps(Trap(trap))},
        {b"data": b"{"},
        {b"data": b"\xff"},
        {b"other": b"field"},
        {b"data": message("nobody_knows", unknown, 0)},
        {b"data": message("note", unknown, 0)},
    ]
    misfits: list[Any] = [
        {b"data": message("note", "no id", 0)},
        {b"data": message("note", unknown, "many")},
        {b"data": message("note")},
        {b"data": message("note", unknown, 0, other=1)},
    ]
    async with crew.at_work():
        for entry in entries:
            await crew.redis.xadd(STREAM, entry)
        await crew.enqueue("note", n=1)
        await crew.until_done("note")
        await crew.until_stream_is_empty()
        for entry in misfits:
            await crew.redis.xadd(STREAM, entry)
        await crew.enqueue("note", n=2)
        await crew.until_done("note", times=2)
    assert await crew.effects("note") == ['{"n":1}', '{"n":2}']
    assert not trap.exists()
