"""`app worker`, but for working."""

import pytest

from app.services.tasks import TASKS
from tests.fixtures.api import Run
from tests.tasks import samples
from tests.tasks.crew import Crew
from tests.tasks.samples import register


async def test_tasks_are_listed_with_their_schedules(run: Run) -> None:
    register(samples.note)
    register(samples.wait, cron="30 4 1 1 *")
    result = await run("worker", "list")
    assert result.exit_code == 0
    listed = {cells[0]: cells[1:] for cells in map(cells_of, result.stdout.splitlines()) if cells}
    assert set(TASKS) <= set(listed)
    assert listed["note"] == ["", ""]
    schedule, due = listed["wait"]
    assert (schedule, due[4:]) == ("30 4 1 1 *", "-01-01 04:30")
    assert listed["cleanup_tokens"][0] == "17 3 * * *"


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("│")[1:-1]]


async def test_a_task_is_enqueued_with_its_arguments(crew: Crew, run: Run) -> None:
    register(samples.note)
    for arguments in ('{"a": 1, "name": "ada", "self": [null]}', "{}"):
        result = await run("worker", "enqueue", "note", arguments)
        assert (result.exit_code, result.stdout) == (0, "Enqueued note.\n")
    async with crew.at_work():
        await crew.until_done("note", times=2)
    assert await crew.effects("note") == ['{"a":1,"name":"ada","self":[null]}', "{}"]


@pytest.mark.parametrize("given", ["{", "[1]", "1", "null", "", "{'a': 1}", '{"a": NaN}'])
async def test_what_is_no_object_is_refused(crew: Crew, run: Run, given: str) -> None:
    register(samples.note)
    result = await run("worker", "enqueue", "note", given)
    assert (result.exit_code, "not a JSON object" in result.stderr) == (2, True)
    assert await crew.state() == []
    assert (await run("worker", "enqueue", "note", "{}")).exit_code == 0
    assert await crew.state() == [("note", 0, False, None)]


async def test_what_there_is_no_task_for_is_refused(crew: Crew, run: Run) -> None:
    register(samples.note)
    result = await run("worker", "enqueue", "notes")
    assert (result.exit_code, "cleanup_tokens, note" in result.stderr) == (2, True)
    assert await crew.state() == []


async def test_what_the_database_cannot_hold_is_one_sentence(crew: Crew, run: Run) -> None:
    register(samples.note)
    result = await run("worker", "enqueue", "note", '{"a": "\\u0000"}')
    assert result.exit_code == 1
    [sentence] = result.stderr.splitlines()
    assert "cannot be converted to text" in sentence
    assert await crew.state() == []
