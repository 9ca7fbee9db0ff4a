from pathlib import Path

import pytest

from tests.checks.conditionals import (
    condition_faults,
    conditional_budget_faults,
    seam_faults,
)


def write(template: Path, name: str, text: str) -> None:
    file = template / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("# @if a\n# @if b\n1\n# @endif\n# @endif\n", "a.py.jinja:2: 'if b' is nested"),
        ("# @if a and b\n1\n# @endif\n", "a.py.jinja:1: 'if a and b' is not one bare answer"),
        ("# @if not a\n1\n# @endif\n", "a.py.jinja:1: 'if not a' is not one bare answer"),
        ("# @if a == 1\n1\n# @endif\n", "a.py.jinja:1: 'if a == 1' is not one bare answer"),
        ("# @for b in a\n1\n# @endfor\n", "a.py.jinja:1: 'for b in a' is not one bare answer"),
        ("x = 1 {% if a %}\n2\n# @endif\n", "a.py.jinja:1: 'if a' is not alone on its line"),
        ("{%- if a %}\n2\n# @endif\n", "a.py.jinja:1: '- if a' is not one bare answer"),
    ],
)
def test_unreadable_condition(text: str, fault: str, tmp_path: Path) -> None:
    write(tmp_path, "a.py.jinja", text)
    assert fault in condition_faults(tmp_path)


def test_compound_condition_in_a_name(tmp_path: Path) -> None:
    write(tmp_path, "{% if a and b %}x.py{% endif %}", "count = 1\n")
    assert condition_faults(tmp_path) == [
        "{% if a and b %}x.py{% endif %}:0: 'if a and b' is not one bare answer"
    ]


def test_readable_conditions(tmp_path: Path) -> None:
    write(tmp_path, "a.py.jinja", "    # @if a\n    1\n    # @else\n    2\n    # @endif\n")
    write(tmp_path, "README.md.jinja", "{% if a %}\ntext\n{% endif %}\n")
    assert condition_faults(tmp_path) == []


def test_budget_of_a_stem(tmp_path: Path) -> None:
    write(tmp_path, "a.md.jinja", "# @if a\n1\n# @endif\n" * 9)
    assert conditional_budget_faults(tmp_path) == ["a has 9 conditionals, 8 at most"]


def test_budget_of_the_template(tmp_path: Path) -> None:
    for number in range(23):
        write(tmp_path, f"{number}.md.jinja", f"# @if a{number}\n1\n# @endif\n" * 7)
    assert conditional_budget_faults(tmp_path) == [
        "the template has 161 conditionals, 160 at most",
        "23 files have conditionals, 22 at most",
    ]


def test_rendered_python_outside_the_seams(tmp_path: Path) -> None:
    write(tmp_path, "app/services/users.py.jinja", "# @if a\n1\n# @endif\n")
    assert seam_faults(tmp_path) == ["app/services/users.py.jinja is rendered, but is no seam"]


def test_file_with_nothing_to_render(tmp_path: Path) -> None:
    write(tmp_path, "compose.yaml.jinja", "services: {}\n")
    assert seam_faults(tmp_path) == ["compose.yaml.jinja has nothing to render"]
