"""A preset and its answer file are two ways to the same project."""

import pytest
import yaml

from tests.matrix.questions import ROOT, Answers, asked
from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS
from tests.matrix.trees import differences


def answer_file(preset: str) -> Answers:
    content: Answers = yaml.safe_load((ROOT / "presets" / f"{preset}.yml").read_text())
    return content


def test_every_preset_has_a_file() -> None:
    assert set(PRESETS) == set(asked()["preset"].choices)


@pytest.mark.parametrize("preset", PRESETS)
def test_file_answers_questions_that_are_asked(preset: str) -> None:
    # Copier takes an unknown or a hidden answer from a file without a word.
    assert set(answer_file(preset)) <= set(asked())


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_and_file_give_the_same_project(preset: str, renders: Renders) -> None:
    by_question = renders.get({"preset": preset})
    by_file = renders.get(answer_file(preset))
    assert differences(by_question.path, by_file.path) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_file_gives_every_answer_that_the_preset_sets(preset: str, renders: Renders) -> None:
    another = next(name for name in PRESETS if name != preset)
    by_file = renders.get({**answer_file(preset), "preset": another})
    by_question = renders.get({"preset": preset})
    assert differences(by_question.path, by_file.path) == [".copier-answers.yml differs"]
