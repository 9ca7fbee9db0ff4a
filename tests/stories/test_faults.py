"""What the stories compare with notices what a revision does wrong."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.answers import ON
from tests.stories.databases import lost
from tests.stories.project import LivingProject
from tests.stories.stage import Stage


@pytest.fixture
def project(stage: Stage, tmp_path: Path) -> Iterator[LivingProject]:
    with stage.project(tmp_path / "project", ON) as project:
        yield project


def test_a_revision_that_loses_a_row(project: LivingProject) -> None:
    path = project.add_revision("Tidy up", "--empty")
    body = 'op.execute("DELETE FROM items WHERE id = (SELECT id FROM items LIMIT 1)")'
    path.write_text(path.read_text().replace("pass", body, 1))
    with pytest.raises(AssertionError, match=r"items has .* no more"):
        project.upgrade()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DELETE FROM orders WHERE id = (SELECT id FROM orders LIMIT 1)", "orders has .* no more"),
        ("UPDATE users SET full_name = upper(full_name)", "users has .* no more"),
        (
            "INSERT INTO items SELECT gen_random_uuid(), owner_id, title, description, created_at,"
            " updated_at FROM items LIMIT 1",
            "items had 3 rows and has 4",
        ),
        ("DROP TABLE refresh_tokens", "refresh_tokens has .* no more"),
    ],
)
def test_rows_that_are_gone_changed_or_new(project: LivingProject, change: str, told: str) -> None:
    before = project.database.rows()
    assert lost(before, project.database.rows()) == []
    project.database.execute(change)
    assert re.search(told, lost(before, project.database.rows())[0])


@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX ix_items_owner_id",
        "ALTER TABLE items DROP CONSTRAINT fk_items_owner_id_users",
        "ALTER TABLE items RENAME CONSTRAINT pk_items TO items_pkey",
        "ALTER TABLE items ALTER COLUMN title DROP NOT NULL",
        "ALTER TABLE items ALTER COLUMN title TYPE text",
        "ALTER TABLE items ALTER COLUMN title SET DEFAULT ''",
        "ALTER TABLE items ADD COLUMN extra int",
        "CREATE TABLE extra (id int)",
        "CREATE TYPE colour AS ENUM ('red')",
        "DROP TRIGGER keep_rows ON audit_logs",
        "CREATE OR REPLACE FUNCTION keep_audit_logs() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN OLD; END $$",
    ],
)
def test_a_schema_that_differs(stage: Stage, project: LivingProject, change: str) -> None:
    assert stage.differences(project) == set()
    project.database.execute(change)
    assert stage.differences(project) != set()
