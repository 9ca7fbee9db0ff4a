"""Features are switched on and off, and their tables keep their rows."""

from pathlib import Path

import pytest

from tests.matrix.questions import questions
from tests.matrix.renders import Renders
from tests.stories.answers import OFF, ON
from tests.stories.databases import lost
from tests.stories.stage import Stage

# Those of features that are switched off.
TABLES = {
    "audit_logs",
    "idempotency_keys",
    "items",
    "mfa_challenges",
    "mfa_recovery_codes",
    "mfa_totp",
    "oauth_codes",
    "oauth_identities",
    "oauth_states",
    "outbox",
    "refresh_tokens",
}


def test_the_stories_switch_every_feature_that_has_tables(renders: Renders) -> None:
    latches = {name for name in questions() if name.endswith("_schema")}
    for answers, is_on in ((ON, True), (OFF, False)):
        found = renders.ask(answers)
        assert {name: found[name] for name in latches} == dict.fromkeys(latches, is_on)


def test_on_later(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", OFF) as project:
        project.update(ON)
        assert {name.rpartition("_")[0] for name in project.upgrade()} == {
            "audit_log",
            "idempotency",
            "items",
            "mfa",
            "oauth",
            "outbox",
            "refresh_tokens",
        }
        stage.assert_like_new(project)


def test_off_later_and_on_again(stage: Stage, tmp_path: Path) -> None:
    with stage.project(tmp_path / "project", ON) as project:
        rows = project.database.rows()
        assert {*TABLES, "orders", "users"} <= rows.keys()
        project.update(OFF)
        assert project.upgrade() == []
        assert project.retired_tables() == TABLES
        stage.assert_like_new(project)
        project.update(ON)
        assert project.upgrade() == []
        assert project.retired_tables() == set()
        stage.assert_like_new(project)
        assert lost(rows, project.database.rows()) == []


@pytest.mark.full
def test_two_features_in_either_order(stage: Stage, tmp_path: Path) -> None:
    with (
        stage.project(tmp_path / "one", OFF) as one,
        stage.project(tmp_path / "other", OFF) as other,
    ):
        for project, order in ((one, ["auth", "features"]), (other, ["features", "auth"])):
            for name in order:
                project.update({name: ON[name]})
                assert project.upgrade() != []
                project.fill()
            stage.assert_like_new(project)
        assert one.database.schema() == other.database.schema()
