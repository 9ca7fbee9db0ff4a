"""The source of the template, before anything is rendered."""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checks.answers import answer_faults
from tests.checks.conditionals import (
    condition_faults,
    conditional_budget_faults,
    conditions,
    seam_faults,
    sources,
)
from tests.checks.leftovers import idle_identifiers
from tests.checks.ownership import anchor_faults, ownership_faults
from tests.checks.revisions import unguarded_revisions
from tests.matrix.questions import (
    ROOT,
    asked,
    configuration,
    owned_globs,
    questions,
    toggles,
)
from tests.matrix.renders import Renders
from tests.matrix.rows import everything, rows
from tests.matrix.stems import STEMS

TEMPLATE = ROOT / "template"
ONE_LINE = 74  # beside Copier's mark, on a terminal of 80 columns


@pytest.mark.parametrize("faults_in", [condition_faults, conditional_budget_faults, seam_faults])
def test_conditionals(faults_in: Callable[[Path], list[str]]) -> None:
    assert faults_in(TEMPLATE) == []


def test_answers() -> None:
    assert answer_faults(ROOT) == []


def test_ownership(renders: Renders) -> None:
    globs = owned_globs()
    assert anchor_faults(globs) == []
    # What is chosen instead of another thing is on in none but its own render.
    all_on = [{**everything(on=True), "auth": auth} for auth in asked()["auth"].choices]
    assert ownership_faults(globs, *map(renders.get, all_on)) == []


def test_features_go_without_a_table_that_was_dropped() -> None:
    assert unguarded_revisions(TEMPLATE) == []


def test_conditions_are_computed_booleans() -> None:
    latches = {question.name for question in questions().values() if question.latched}
    assert conditions(TEMPLATE) - toggles() - latches <= {"retired_tables"}


def test_every_toggle_is_a_stem() -> None:
    assert toggles() == set(STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_stem_leaves_traces_where_it_is_on(stem: str, renders: Renders) -> None:
    every = (renders.get(row.answers) for row in rows())
    render = next(render for render in every if render.answers[stem])
    assert idle_identifiers(render, stem) == []


@pytest.mark.parametrize("stem", STEMS)
def test_effect_of_the_stem_has_a_test(stem: str) -> None:
    path, _, name = STEMS[stem].effect.partition("::")
    functions = ast.parse((ROOT / path).read_text()).body
    assert name in {node.name for node in functions if isinstance(node, ast.FunctionDef)}


def test_nothing_bears_the_name_of_the_default_project() -> None:
    texts = {path: path.read_text() for path in sources(TEMPLATE)}
    assert [path for path, text in texts.items() if re.search(r"(?i)\bmy[ _-]api\b", text)] == []


def test_copying_needs_no_trust() -> None:
    assert not {"_tasks", "_jinja_extensions"} & set(configuration())


def test_every_question_has_a_default_and_every_text_a_validator() -> None:
    for question in asked().values():
        details = configuration()[question.name]
        assert "default" in details
        assert 0 < len(details["help"]) <= ONE_LINE
        assert question.choices or details["validator"]


@pytest.mark.parametrize("features", [[], ["items"]], ids=["without", "with"])
def test_files_of_the_owner_are_in_every_render(features: list[str], renders: Renders) -> None:
    render = renders.get({"features": features})
    ours = {f"/{render.name_of(path)}" for path in render.path.glob("app/**/project.py")}
    assert ours == set(configuration()["_skip_if_exists"])
