"""Switching a feature by an update gives what a new project with that answer would be."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_update

from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.questions import Answers, asked
from tests.matrix.renders import Renders
from tests.matrix.rows import everything
from tests.matrix.trees import differences


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


def switches() -> Iterator[tuple[str, Answers, Answers]]:
    """Yield each feature with the answers that switch it off and on, all others being on."""
    on, off = everything(on=True), everything(on=False)
    for question in asked().values():
        if question.multiselect:
            for part in question.choices:
                others = sorted({*question.choices} - {part})
                yield part, {**on, question.name: others}, on
        elif question.name in off:
            yield question.name, {**on, question.name: "none"}, on


SWITCHES = [pytest.param(off, on, id=name) for name, off, on in switches()]
KEPT_BY_A_LATCH = (".copier-answers.yml differs", "migrations/")


def living_project(renders: Renders, answers: Answers, path: Path) -> Path:
    """Return a project of these answers in a repository of its own."""
    shutil.copytree(renders.get(answers).path, path)
    git(path, "init", "--quiet")
    commit_all(path, "Start")
    return path


def update(project: Path, answers: Answers) -> None:
    run_update(project, answers, defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD")


@pytest.mark.parametrize(("off", "on"), SWITCHES)
def test_switching_on(off: Answers, on: Answers, renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, off, tmp_path / "project")
    update(project, on)
    assert differences(renders.get(on).path, project) == []


@pytest.mark.parametrize(("off", "on"), SWITCHES)
def test_switching_off(off: Answers, on: Answers, renders: Renders, tmp_path: Path) -> None:
    project = living_project(renders, on, tmp_path / "project")
    update(project, off)
    left = differences(renders.get(off).path, project)
    assert [each for each in left if not each.startswith(KEPT_BY_A_LATCH)] == []


@pytest.mark.parametrize(("off", "on"), SWITCHES)
def test_switching_off_and_on_again(
    off: Answers, on: Answers, renders: Renders, tmp_path: Path
) -> None:
    project = living_project(renders, on, tmp_path / "project")
    update(project, off)
    commit_all(project, "Switch off")
    update(project, on)
    assert differences(renders.get(on).path, project) == []
