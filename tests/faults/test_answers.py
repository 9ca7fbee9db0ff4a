from pathlib import Path

import pytest

from tests.checks.answers import answer_faults

QUESTIONS = """
_envops: {line_statement_prefix: "# @"}
_message_after_copy: "{{ name }}"
name: {type: str, default: x, validator: "{% if not name %}Use a name.{% endif %}"}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    (tmp_path / "copier.yml").write_text(QUESTIONS)
    (tmp_path / "template").mkdir()
    return tmp_path


def test_undeclared_answer_in_a_file(template: Path) -> None:
    (template / "template" / "a.py.jinja").write_text("# @if oauth\nx = 1\n# @endif\n")
    assert answer_faults(template) == ["a.py.jinja uses oauth, which is no answer"]


def test_undeclared_answer_in_a_name(template: Path) -> None:
    (template / "template" / "{% if oauth %}a.py{% endif %}").write_text("x = 1\n")
    assert answer_faults(template) == [
        "{% if oauth %}a.py{% endif %} uses oauth, which is no answer"
    ]


def test_undeclared_answer_in_a_question(template: Path) -> None:
    with (template / "copier.yml").open("a") as file:
        file.write('_exclude: ["{% if not oauth %}/a{% endif %}"]\n')
    assert answer_faults(template) == ["_exclude uses oauth, which is no answer"]


def test_answer_that_nothing_uses(template: Path) -> None:
    with (template / "copier.yml").open("a") as file:
        file.write('dead: {type: str, default: x, validator: "{{ dead }}"}\n')
    assert answer_faults(template) == ["dead is answered, but nothing uses it"]
