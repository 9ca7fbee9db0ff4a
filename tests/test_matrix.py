"""Every row of the matrix, as it is rendered, passes every check."""

from collections.abc import Callable

import pytest

from tests.checks.behaviour import route_faults, setting_faults
from tests.checks.budgets import (
    FILES,
    file_count_faults,
    ignore_faults,
    length_faults,
    proportion_faults,
)
from tests.checks.code import (
    compile_faults,
    dead_code_faults,
    dependency_faults,
    quick_type_faults,
    strict_type_faults,
)
from tests.checks.documents import documents_of, link_faults, mention_faults
from tests.checks.formatting import formatting_faults, lint_faults
from tests.checks.leftovers import leftover_faults
from tests.checks.syntax import syntax_faults
from tests.checks.text import emptiness_faults, scar_faults, stray_space_faults
from tests.matrix.environment import Environment
from tests.matrix.questions import asked
from tests.matrix.renders import Render, Renders
from tests.matrix.rows import PRESETS, Row, factors, missing_pairs, pair_choices, rows


@pytest.fixture(params=rows(), ids=str)
def render(request: pytest.FixtureRequest, renders: Renders) -> Render:
    row: Row = request.param
    return renders.get(row.answers)


@pytest.fixture(params=PRESETS)
def preset_render(request: pytest.FixtureRequest, renders: Renders) -> Render:
    return renders.get({"preset": request.param})


@pytest.mark.parametrize(
    "faults_in",
    [
        emptiness_faults,
        ignore_faults,
        leftover_faults,
        length_faults,
        proportion_faults,
        scar_faults,
        stray_space_faults,
        syntax_faults,
    ],
)
def test_files(render: Render, faults_in: Callable[[Render], list[str]]) -> None:
    assert faults_in(render) == []


@pytest.mark.parametrize(
    "faults_in",
    [
        compile_faults,
        formatting_faults,
        lint_faults,
        quick_type_faults,
        route_faults,
        setting_faults,
    ],
)
def test_program(
    render: Render,
    environment: Environment,
    faults_in: Callable[[Render, Environment], list[str]],
) -> None:
    assert faults_in(render, environment) == []


def test_documents(render: Render) -> None:
    documents = documents_of(render)
    assert link_faults(documents) + mention_faults(documents) == []


def test_strict_types(preset_render: Render, environment: Environment) -> None:
    assert strict_type_faults(preset_render, environment) == []


def test_dependencies_are_used(preset_render: Render, environment: Environment) -> None:
    assert dependency_faults(preset_render, environment) == []


def test_code_is_used(preset_render: Render) -> None:
    assert dead_code_faults(preset_render) == []


@pytest.mark.parametrize("preset", FILES)
def test_number_of_files(preset: str, renders: Renders) -> None:
    assert file_count_faults(renders.get({"preset": preset}), preset) == []


def test_every_pair_of_choices_meets() -> None:
    assert missing_pairs(pair_choices(), factors()) == []


def test_every_choice_has_a_row(renders: Renders) -> None:
    recorded = [renders.get(row.answers).answers for row in rows()]
    for question in asked().values():
        for choice in question.choices:
            assert any(
                choice in answers[question.name]
                if question.multiselect
                else choice == answers[question.name]
                for answers in recorded
            ), f"no row answers {question.name} with {choice}"
