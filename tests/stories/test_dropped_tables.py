"""The owner drops the table of a feature that is off, and may want the feature again."""

from pathlib import Path

import pytest

from tests.matrix.questions import Answers
from tests.stories.answers import ON
from tests.stories.databases import lost
from tests.stories.project import LivingProject, applied_in
from tests.stories.stage import Stage

CHANGES = ["core_9001", "items_9001"]
OFF: Answers = {"features": ["audit_log", "idempotency", "mfa"]}


def drop_items(project: LivingProject) -> None:
    """Switch items off, and drop their table on purpose; nothing else may be lost."""
    project.update(OFF)
    kept = {table: rows for table, rows in project.database.rows().items() if table != "items"}
    project.add_revision("Drop items", "--drop", "items")
    assert len(applied_in(project.db("upgrade"))) == 1
    assert project.database.tables() == set(kept)
    assert lost(kept, project.database.rows()) == []


def bring_items_back(project: LivingProject) -> None:
    """Follow what the project says, once items are on and have no table."""
    assert project.upgrade() == []
    advice = project.refused("check")
    assert "op.create_table('items'" in advice
    assert "write it with `app db revision MESSAGE`" in advice
    project.add_revision("Make the table of items anew")
    assert len(project.upgrade()) == 1
    project.fill()


@pytest.mark.full
def test_a_table_that_was_dropped_on_purpose_stays_away(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        drop_items(project)
        assert project.retired_tables() == {"items"}
        assert "Nothing to do" in project.db("revision", "Nothing", "--drop", "items")
        stage.assert_like_new(project)
        project.update(to=stage.versions.later)
        assert project.upgrade() == CHANGES
        assert "items" not in project.database.tables()
        stage.assert_like_new(project)


@pytest.mark.full
def test_a_table_that_was_brought_back_changes_with_the_template(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        drop_items(project)
        project.update(ON)
        bring_items_back(project)
        project.update(to=stage.versions.later)
        assert project.upgrade() == CHANGES
        stage.assert_like_new(project)
