"""The template moves on: core and a feature change, whether the feature is on or off."""

from pathlib import Path

from tests.stories.answers import OFF, ON
from tests.stories.databases import lost
from tests.stories.stage import Stage

CHANGES = ["core_9001", "items_9001"]


def test_a_version_changes_core_and_a_feature(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        project.update(to=stage.versions.later)
        assert project.upgrade() == CHANGES
        stage.assert_like_new(project)


def test_down_to_base_and_up_again(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON, stage.versions.later) as project:
        schema, rows = project.database.schema(), project.database.rows()
        project.db("downgrade", "--to", "base")
        assert project.database.tables() == rows.keys() - {"orders"}
        assert lost(rows, {**project.database.rows(), "orders": rows["orders"]}) == []
        for branch in ("items", "refresh_tokens", "core"):
            project.db("downgrade", "--branch", branch, "--to", "base", "--yes")
        assert project.database.schema() == set()
        assert len(project.upgrade()) == len({*CHANGES, "orders", *("core", "items", "tokens")})
        assert project.database.schema() == schema
        stage.assert_like_new(project)


def test_a_feature_catches_up_on_what_it_missed_while_it_was_off(
    stage: Stage, tmp_path: Path
) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        rows = project.database.rows()
        project.update(OFF)
        assert project.upgrade() == []
        project.update(ON, to=stage.versions.later)
        assert project.upgrade() == CHANGES
        stage.assert_like_new(project)
        assert lost(rows, project.database.rows()) == []


def test_a_feature_that_is_off_keeps_up(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        project.update(OFF)
        project.update(to=stage.versions.later)
        assert project.upgrade() == CHANGES
        stage.assert_like_new(project)
        project.update(ON)
        assert project.upgrade() == []
        stage.assert_like_new(project)
