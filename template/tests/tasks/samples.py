"""Tasks to try workers with; what they do is seen in the table `effects`."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import orjson
from sqlalchemy import text

from app.services.tasks import Job, Task, task

GATE = 7_305  # of the advisory lock that a test holds while `wait` is not to go on
INSERT = text("INSERT INTO effects (name, arguments) VALUES (:name, :arguments)")
PASS = text("SELECT pg_advisory_xact_lock_shared(:gate)")


async def _write(job: Job, name: str) -> None:
    given = {"name": name, "arguments": orjson.dumps(job.arguments).decode()}
    await job.session.execute(INSERT, given)


async def note(job: Job) -> None:
    await _write(job, "note")


async def refuse(job: Job) -> None:
    """Fail after an effect."""
    await _write(job, "refuse")
    raise ValueError("not today")


async def wait(job: Job) -> None:
    """Wait for the gate after an effect."""
    await _write(job, "wait")
    await job.session.execute(PASS, {"gate": GATE})


async def sleep(job: Job) -> None:
    await _write(job, "sleep")
    await asyncio.sleep(job.arguments["seconds"])


async def ask(job: Job) -> None:
    """Have the database busy."""
    await job.session.execute(text("SELECT pg_sleep(:seconds)"), job.arguments)
    await _write(job, "ask")


async def perish(job: Job) -> None:
    await _write(job, "perish")
    os._exit(3)


SAMPLES = (note, refuse, wait, sleep, ask, perish)


def register(
    run: Callable[[Job], Awaitable[object]],
    *,
    cron: str | None = None,
    timeout: float | None = None,
    atomic: bool = True,
) -> Task:
    return task(cron=cron, timeout=timeout, atomic=atomic)(run)


def register_all() -> None:
    """Have all of them done by this process."""
    for run in SAMPLES:
        register(run)
