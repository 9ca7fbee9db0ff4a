"""Switching a feature by an update gives what a new project with that answer would be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.matrix.git import commit_all, git
from tests.matrix.projects import answers_of, living_project, update
from tests.matrix.questions import Answers, asked
from tests.matrix.renders import Renders
from tests.matrix.rows import everything
from tests.matrix.trees import differences


def switches() -> Iterator[tuple[str, Answers, Answers]]:
    """Yield each feature with the answers that switch it off and on, all others being on.

    Of other choices the first and the last take turns, and of several ways to have one all do.
    """
    on, off = everything(on=True), everything(on=False)
    for question in asked().values():
        if question.multiselect:
            for part in question.choices:
                others = sorted({*question.choices} - {part})
                yield part, {**on, question.name: others}, on
        elif question.name in off:
            yield question.name, {**on, question.name: "none"}, on
            for choice in sorted({*question.choices} - {"none", on[question.name]}):
                yield f"{question.name}-{choice}", {**on, question.name: choice}, on
        elif question.choices and question.name != "preset":
            one, another = question.choices[0], question.choices[-1]
            yield question.name, {**on, question.name: one}, {**on, question.name: another}


SWITCHES = [pytest.param(off, on, id=name) for name, off, on in switches()]
# On each push, each is switched on or off; the other way is tried with all that takes long.
ON_PUSH, OFF_PUSH = (
    [
        pytest.param(*switch.values, id=switch.id, marks=() if n % 2 == turn else pytest.mark.full)
        for n, switch in enumerate(SWITCHES)
    ]
    for turn in (0, 1)
)
KEPT_BY_A_LATCH = (".copier-answers.yml differs", "migrations/")


def kept(off: Answers, on: Answers) -> tuple[str, ...]:
    """Return what a latch keeps of the choice that another one takes the place of."""
    return KEPT_BY_A_LATCH if off.get("auth") != on.get("auth") else ()


@pytest.mark.parametrize(("off", "on"), ON_PUSH)
def test_switching_on(off: Answers, on: Answers, renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, off, tmp_path / "project")
    update(project, on)
    left = differences(renders.get(on).path, project)
    assert [each for each in left if not each.startswith(kept(off, on))] == []


@pytest.mark.parametrize(("off", "on"), OFF_PUSH)
def test_switching_off(off: Answers, on: Answers, renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, on, tmp_path / "project")
    update(project, off)
    left = differences(renders.get(off).path, project)
    assert [each for each in left if not each.startswith(KEPT_BY_A_LATCH)] == []


@pytest.mark.full
@pytest.mark.parametrize(("off", "on"), SWITCHES)
def test_switching_off_and_on_again(
    off: Answers, on: Answers, renders: Renders, tmp_path: Path
) -> None:
    project = living_project(renders, on, tmp_path / "project")
    update(project, off)
    commit_all(project, "Switch off")
    update(project, on)
    left = differences(renders.get(on).path, project)
    assert [each for each in left if not each.startswith(kept(off, on))] == []


def test_latch(renders: Renders, tmp_path: Path) -> None:
    on = everything(on=True)
    off = {**on, "features": [name for name in on["features"] if name != "items"]}
    project = living_project(renders, on, tmp_path / "project")
    revision = project / "migrations" / "versions" / "items" / "items_0001.py"
    retired = project / "migrations" / "retired_tables.json"
    update(project, off)
    commit_all(project, "Switch off")
    assert answers_of(project)["items_schema"] is True
    assert json.loads(retired.read_text()) == ["items"]
    assert revision.exists()
    update(project, on)
    assert answers_of(project)["items_schema"] is True
    assert not retired.exists()
    assert revision.exists()


def test_nothing_is_latched_that_was_never_on(renders: Renders) -> None:
    render = renders.get({**everything(on=True), "features": []})
    assert render.answers["items_schema"] is False
    assert not (render.path / "migrations" / "versions" / "items").exists()
    assert not (render.path / "migrations" / "retired_tables.json").exists()


def test_files_of_the_owner_stay(renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, everything(on=True), tmp_path / "project")
    ours = list(project.glob("app/**/project.py"))
    for path in ours:
        path.write_text("# ours\n")
    commit_all(project, "Make it ours")
    update(project, {"features": []})
    assert {path.read_text() for path in ours} == {"# ours\n"}


def test_preset_switches_nothing_in_a_living_project(renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, {"preset": "starter"}, tmp_path / "project")
    before = answers_of(project)
    update(project, {"preset": "minimal"})
    assert answers_of(project) == {**before, "preset": "minimal"}


def test_answer_that_was_made_invalid_is_refused(renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, {"preset": "starter"}, tmp_path / "project")
    file = project / ".copier-answers.yml"
    file.write_text(file.read_text().replace("project_slug: my-api", "project_slug: ../my-api"))
    commit_all(project, "Break an answer")
    with pytest.raises(ValueError, match="Use a-z, 0-9 and -"):
        update(project, {})
    assert git(project, "status", "--porcelain") == ""


def test_message_names_the_changelog(
    renders: Renders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = living_project(renders, {"preset": "starter"}, tmp_path / "project")
    update(project, {}, quiet=False)
    assert f"CHANGELOG.md of {renders.template}" in capsys.readouterr().err
