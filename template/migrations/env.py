"""What every Alembic command runs: the connection, the lock, and the place of a new revision."""

import asyncio
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from alembic import command, context
from alembic.operations.ops import MigrationScript
from alembic.runtime.environment import NameFilterParentNames, NameFilterType
from alembic.runtime.migration import MigrationContext, MigrationInfo, MigrationStep, RevisionStep
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

import app.models  # noqa: F401  # completes the metadata
from app.core.config import load_settings
from app.core.config.database import DatabaseSettings
from app.db.base import Base
from app.db.migrations import (
    MigrationError,
    create_migration_engine,
    find_place,
    is_own,
    retired_tables,
    with_ancestors,
)

LOCK = 5_280_114  # any number, the same for every process that migrates this database
POLL_SECONDS = 0.2

HOLDER = text(
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def opened_tables() -> set[str]:
    """Read `-x drop=<table>`, which lets a revision drop a retired table."""
    given = (argument.partition("=") for argument in context.get_x_argument())
    return {value for key, _, value in given if key == "drop"}


RETIRED = retired_tables() - opened_tables()


def include_name(name: str | None, kind: NameFilterType, _parents: NameFilterParentNames) -> bool:
    # A model of this project's own may take the name of a table that was dropped.
    return kind != "table" or name not in RETIRED or name in Base.metadata.tables


def place_revision(
    _context: MigrationContext, _current: object, directives: list[MigrationScript]
) -> None:
    """Write nothing if there is nothing to do; else the revision goes on the project's own."""
    [revision] = directives
    autogenerate = getattr(context.config.cmd_opts, "autogenerate", False)
    if autogenerate and revision.upgrade_ops and revision.upgrade_ops.is_empty():
        directives.clear()
    elif revision.head in {None, "head"}:
        revision.head, revision.depends_on = find_place(context.script)


def upgrade_all(rows: tuple[str, ...], _context: MigrationContext) -> Iterator[RevisionStep]:
    """Apply all branches, in the order in which the project came by their revisions.

    One of its own depends on all that the template had then. What it does not depend on came
    later, and goes after it: a table that was dropped and made anew is changed in its new form.
    """
    script = context.script
    below = {r.revision: with_ancestors(script, {r.revision}) for r in script.walk_revisions()}
    # Whatever a revision needs has less below it. Alembic's order differs from run to run.
    names = sorted(below, key=lambda name: (len(below[name]), name))
    own = [name for name in names if is_own(script, script.get_revision(name))]
    needed = (name for mine in own for name in names if name in below[mine])
    order = dict.fromkeys([*needed, *names])
    applied = with_ancestors(script, rows)
    for name in (name for name in order if name not in applied):
        revision = script.get_revision(name)
        yield MigrationStep.upgrade_from_script(script.revision_map, revision)
        report(name)  # Alembic asks for the next step once it has committed this one


def overrides() -> dict[str, Any]:
    """Make bare `alembic upgrade head` mean all branches, too, as nobody intends one of them."""
    options = context.config.cmd_opts or Namespace()
    is_head = getattr(options, "revision", None) in {"head", "heads"}
    if context.config.attributes.get("upgrade") or (is_head and options.cmd[0] is command.upgrade):
        return {"fn": upgrade_all}
    return {"on_version_apply": report_step}


def report(name: str | None) -> None:
    if on_applied := context.config.attributes.get("on_applied"):
        on_applied(name)


def report_step(*_: object, step: MigrationInfo, **__: object) -> None:
    report(step.up_revision_id)


@asynccontextmanager
async def exclusively(connection: AsyncConnection, seconds: float) -> AsyncIterator[None]:
    """Let one process migrate at a time; the others wait for it, but not for ever.

    They ask again and again: a statement that waits for the lock would keep a snapshot, and
    CREATE INDEX CONCURRENTLY in a revision would wait for that in turn.
    """
    deadline = time.monotonic() + seconds
    while not await connection.scalar(select(func.pg_try_advisory_lock(LOCK))):
        if time.monotonic() > deadline:
            pid = await connection.scalar(HOLDER, {"lock": LOCK})
            raise MigrationError(
                f"Another process (PostgreSQL backend {pid}) has been migrating this database for "
                f"{seconds:g} s: wait for it, or end it with pg_terminate_backend({pid}); "
                "DATABASE_MIGRATION_LOCK_TIMEOUT sets how long to wait."
            )
        await connection.commit()
        await asyncio.sleep(POLL_SECONDS)
    await connection.execute(select(func.set_config("lock_timeout", f"{seconds:g}s", False)))
    await connection.commit()
    yield
    await connection.execute(select(func.pg_advisory_unlock(LOCK)))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        process_revision_directives=place_revision,
        compare_server_default=True,
        # An upgrade that is killed leaves whole revisions behind, each with its row.
        transaction_per_migration=True,
        **overrides(),
    )
    with context.begin_transaction():
        context.run_migrations()


async def main(database: DatabaseSettings) -> None:
    async with (
        create_migration_engine(database).connect() as connection,
        exclusively(connection, database.migration_lock_timeout),
    ):
        await connection.run_sync(run)


asyncio.run(main(context.config.attributes.get("database") or load_settings().database))
