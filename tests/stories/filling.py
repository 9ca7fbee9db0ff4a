"""Rows for every table, whatever features a project has."""

from graphlib import TopologicalSorter

from tests.stories.databases import Database

ROWS = 3

# What the n-th row of a table holds, by the type of the column.
VALUES = {
    "bigint": "n",
    "boolean": "n % 2 = 0",
    "bytea": "decode(md5(random()::text), 'hex')",
    "character varying": "left(md5(random()::text), {length})",
    "integer": "n",
    "jsonb": """jsonb_build_object('n', n)""",
    "text": "md5(random()::text)",
    "timestamp with time zone": "now() - n * interval '1 hour'",
    "uuid": "gen_random_uuid()",
}
COLUMNS = """
SELECT table_name, column_name, data_type, coalesce(character_maximum_length, 32)
FROM information_schema.columns
WHERE table_schema = 'public' AND is_generated = 'NEVER' AND is_identity = 'NO'
"""
REFERENCES = """
SELECT conrelid::regclass::text, mine.attname, confrelid::regclass::text, theirs.attname
FROM pg_constraint
JOIN pg_attribute mine ON mine.attrelid = conrelid AND mine.attnum = conkey[1]
JOIN pg_attribute theirs ON theirs.attrelid = confrelid AND theirs.attnum = confkey[1]
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""


def fill(database: Database) -> None:
    """Put rows into every table that has none, each beside a row of the tables that it needs."""
    references = {
        (table, column): (other, key) for table, column, other, key in database.read(REFERENCES)
    }
    needs: dict[str, set[str]] = {table: set() for table in database.tables()}
    for (table, _), (other, _) in references.items():
        needs[table] |= {other} - {table}
    columns: dict[str, dict[str, str]] = {table: {} for table in needs}
    for table, column, kind, length in database.read(COLUMNS):
        if table in columns:
            target = references.get((table, column))
            value = _reference(*target) if target else VALUES[kind].format(length=length)
            columns[table][column] = value
    for table in TopologicalSorter(needs).static_order():
        database.execute(_insert(table, columns[table]))


def _reference(table: str, key: str) -> str:
    return f'(SELECT "{key}" FROM "{table}" ORDER BY 1 OFFSET n - 1 LIMIT 1)'  # noqa: S608


def _insert(table: str, columns: dict[str, str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f'INSERT INTO "{table}" ({names}) SELECT {", ".join(columns.values())} '  # noqa: S608
        f'FROM generate_series(1, {ROWS}) n WHERE NOT EXISTS (SELECT FROM "{table}")'
    )
