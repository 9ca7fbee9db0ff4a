"""The template moves on: core and a feature change, whether the feature is on or off."""

from pathlib import Path

import pytest

from tests.stories.answers import OFF, ON
from tests.stories.databases import Database, lost
from tests.stories.project import applied_in
from tests.stories.stage import Stage

CHANGES = ["core_9001", "items_9001"]
BRANCHES = ("audit_log", "idempotency", "items", "mfa", "oauth", "outbox", "refresh_tokens")


def test_a_version_changes_core_and_a_feature(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        project.update(to=stage.versions.later)
        assert project.upgrade() == CHANGES
        stage.assert_like_new(project)


@pytest.mark.full
def test_down_to_base_and_up_again(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON, stage.versions.later) as project:
        schema, rows = project.database.schema(), project.database.rows()
        project.db("downgrade", "--to", "base")
        assert project.database.tables() == rows.keys() - {"orders"}
        assert lost(rows, {**project.database.rows(), "orders": rows["orders"]}) == []
        for branch in (*BRANCHES, "core"):
            project.db("downgrade", "--branch", branch, "--to", "base", "--yes")
        assert project.database.schema() == set()
        assert set(CHANGES) < set(project.upgrade())
        assert project.database.schema() == schema
        stage.assert_like_new(project)


@pytest.mark.full
def test_a_feature_that_is_off_while_the_template_moves_on(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        project.update(OFF)
        project.update(to=stage.versions.later)
        with stage.cluster.database(like=project.database.name) as url:
            # One database keeps up with its project, the other one catches up later.
            prompt = Database(url)
            assert applied_in(project.db("upgrade", on=prompt)) == CHANGES
            project.update(ON)
            assert project.upgrade() == CHANGES
            assert prompt.schema() == project.database.schema()
            assert prompt.rows() == project.database.rows()
        stage.assert_like_new(project)
