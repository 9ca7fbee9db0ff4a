"""A database as a story sees it: what it is made of, what it holds, and who waits in it."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

Part = tuple[str, str, str, str]
"""A table, a kind of its parts, the name of one, and its definition."""
Rows = dict[str, list[dict[str, Any]]]

PATIENCE = 60

# Columns have no order here: one that was added later stands at the end of its table. The function
# of a trigger belongs to the table that it is for.
SCHEMA = """
WITH relation AS (
  SELECT oid, relname, relkind FROM pg_class
  WHERE relnamespace = 'public'::regnamespace AND relname !~ '^alembic_version'
)
SELECT relname, 'relation', relname, relkind::text FROM relation WHERE relkind NOT IN ('i', 'I')
UNION ALL
SELECT relname, 'column', attname, concat_ws(' ', format_type(atttypid, atttypmod),
  CASE WHEN attnotnull THEN 'NOT NULL' END, attidentity, attgenerated,
  pg_get_expr(adbin, adrelid))
FROM relation JOIN pg_attribute ON attrelid = relation.oid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT relname, 'index', indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM relation JOIN pg_index ON indrelid = relation.oid
UNION ALL
SELECT relname, 'constraint', conname, pg_get_constraintdef(pg_constraint.oid)
FROM relation JOIN pg_constraint ON conrelid = relation.oid WHERE contype <> 'n'
UNION ALL
SELECT relname, 'trigger', tgname, pg_get_triggerdef(pg_trigger.oid)
FROM relation JOIN pg_trigger ON tgrelid = relation.oid WHERE NOT tgisinternal
UNION ALL
SELECT DISTINCT coalesce(tgrelid::regclass::text, ''), 'function',
  pg_proc.oid::regprocedure::text, prosrc
FROM pg_proc LEFT JOIN pg_trigger ON tgfoid = pg_proc.oid
WHERE pronamespace = 'public'::regnamespace AND proname <> 'wait_at_the_gate'
UNION ALL
SELECT '', 'enum', enumtypid::regtype::text, string_agg(enumlabel, ',' ORDER BY enumsortorder)
FROM pg_enum GROUP BY enumtypid
"""

# Each revision waits where it writes down that it was applied, its last statement, as long as
# somebody holds its gate.
GATE = """
CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtext(NEW.version_num)); RETURN NEW;
END $$;
CREATE TRIGGER gate BEFORE INSERT OR UPDATE ON alembic_version
FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate()
"""
AT_THE_GATE = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
OTHERS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Database:
    url: str = field(repr=False)

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    def read(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        with self._connected() as (runner, connection):
            return [tuple(row) for row in runner.run(connection.fetch(sql, *arguments))]

    def execute(self, sql: str) -> None:
        with self._connected() as (runner, connection):
            runner.run(connection.execute(sql))

    def schema(self) -> set[Part]:
        """Return every part of every table, and what else was made, but for Alembic's own."""
        return {(table, kind, name, text) for table, kind, name, text in self.read(SCHEMA)}

    def tables(self) -> set[str]:
        return {name for _, kind, name, text in self.schema() if (kind, text) == ("relation", "r")}

    def rows(self) -> Rows:
        """Return what each table holds."""
        with self._connected() as (runner, connection):
            return {
                table: [json.loads(row) for (row,) in runner.run(connection.fetch(_all(table)))]
                for table in sorted(self.tables())
            }

    def revisions(self) -> set[str]:
        return {name for (name,) in self.read("SELECT version_num FROM alembic_version")}

    def put_up_gates(self) -> None:
        self.execute(GATE)

    @contextmanager
    def holding(self, revision: str) -> Iterator[None]:
        """Hold the gate of a revision until the block ends."""
        with self._connected() as (runner, connection):
            runner.run(connection.execute("SELECT pg_advisory_lock(hashtext($1))", revision))
            yield

    def wait_for_one_at_the_gate(self) -> int:
        """Return the backend that waits there."""
        return self._wait_for(AT_THE_GATE, 1)[0]

    def wait_for_others(self, count: int) -> None:
        """Wait until there are so many connections beside that of the caller."""
        self._wait_for(OTHERS, count)

    def _wait_for(self, sql: str, count: int) -> list[int]:
        deadline = time.monotonic() + PATIENCE
        with self._connected() as (runner, connection):
            while len(found := runner.run(connection.fetch(sql))) < count:
                assert time.monotonic() < deadline, f"This never had {count} rows: {sql}"
                time.sleep(0.05)
        return [pid for (pid,) in found]

    @contextmanager
    def _connected(
        self,
    ) -> Iterator[tuple[asyncio.Runner, "asyncpg.Connection[asyncpg.Record]"]]:
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(self.url))
            try:
                yield runner, connection
            finally:
                runner.run(connection.close())


def lost(before: Rows, after: Rows) -> list[str]:
    """Tell which rows are gone, changed or doubled; columns that were added don't matter."""
    told = [
        f"{table} has {row} no more"
        for table, rows in before.items()
        for row in rows
        if not any(row.items() <= other.items() for other in after.get(table, []))
    ]
    return told + [
        f"{table} had {len(rows)} rows and has {len(after[table])}"
        for table, rows in before.items()
        if table in after and len(after[table]) != len(rows)
    ]


def _all(table: str) -> str:
    return f'SELECT to_json(t)::text FROM "{table}" t ORDER BY t::text'  # noqa: S608
