"""The database itself keeps the rows, whoever asks: here its user is the owner of the table."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.db.base import new_id
from tests.fixtures.database import Database

ADD = (
    "INSERT INTO audit_logs (id, created_at, action, details)"
    " VALUES ($1, now() - $2 * interval '1 day', 'x', '{}')"
)
UPSERT = "INSERT INTO audit_logs TABLE audit_logs ON CONFLICT (id) DO UPDATE SET action = 'y'"
PURGE = "SELECT set_config('audit_log.purge_before', $1, true)"


@pytest.fixture
async def application(
    environment: dict[str, str], database: Database
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection as the application makes it."""
    connection = await asyncpg.connect(environment["DATABASE_URL"])
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_logs SET action = 'y'",
        "UPDATE audit_logs SET created_at = created_at",
        "DELETE FROM audit_logs",
        "TRUNCATE audit_logs",
        UPSERT,
        "WITH gone AS (DELETE FROM audit_logs RETURNING id) SELECT FROM gone",
    ],
)
async def test_no_row_is_changed_or_removed(
    application: "asyncpg.Connection[asyncpg.Record]", database: Database, statement: str
) -> None:
    await application.execute(ADD, new_id(), 400)
    before = await database.fetch("SELECT * FROM audit_logs")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await application.execute(statement)
    assert await database.fetch("SELECT * FROM audit_logs") == before
    await application.execute(ADD, new_id(), 0)
    assert await database.count("audit_logs") == 2


@pytest.mark.parametrize(
    ("age", "days", "goes"), [(31, 30, True), (400, 365, True), (300, 365, False), (29, 0, False)]
)
async def test_only_old_rows_go_and_only_by_a_purge(
    application: "asyncpg.Connection[asyncpg.Record]",
    database: Database,
    age: int,
    days: int,
    goes: bool,
) -> None:
    await application.execute(ADD, new_id(), age)
    before = await application.fetchval(f"SELECT (now() - interval '{days} days')::text")
    try:
        async with application.transaction():
            await application.execute(PURGE, before)
            await application.execute("DELETE FROM audit_logs")
    except asyncpg.InsufficientPrivilegeError:
        assert not goes
    assert await database.count("audit_logs") == (0 if goes else 1)


async def test_a_purge_opens_the_table_for_its_own_transaction_only(
    application: "asyncpg.Connection[asyncpg.Record]", database: Database
) -> None:
    for _ in range(2):
        await application.execute(ADD, new_id(), 400)
    async with application.transaction():
        await application.execute(PURGE, "now")
        await application.execute(
            "DELETE FROM audit_logs WHERE id = (SELECT max(id::text)::uuid FROM audit_logs)"
        )
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute("DELETE FROM audit_logs")
    assert await database.count("audit_logs") == 1


async def test_nobody_brings_a_clock_of_their_own(
    application: "asyncpg.Connection[asyncpg.Record]", database: Database
) -> None:
    await application.execute(ADD, new_id(), 0)
    await application.execute(ADD, new_id(), 400)
    transaction = application.transaction()
    await transaction.start()
    await application.execute(
        "CREATE SCHEMA fake; SET LOCAL search_path = fake, pg_catalog, public;"
        " CREATE FUNCTION fake.now() RETURNS timestamptz RETURN timestamptz 'infinity'"
    )
    assert str(await application.fetchval("SELECT now()::text")) == "infinity"
    await application.execute(PURGE, "infinity")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await application.execute("DELETE FROM audit_logs")
    await transaction.rollback()
    assert await database.count("audit_logs") == 2
