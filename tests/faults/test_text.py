from pathlib import Path

import pytest

from tests.checks.text import emptiness_faults, scar_faults, stray_space_faults
from tests.matrix.renders import Render


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("\nkey: 1\n", "starts with a blank line"),
        ("key: 1\n\n\nother: 2\n", "has two blank lines in a row"),
        ("key: 1 \n", "has a space at the end of a line"),
        ("key: 1\n\n", "ends with a blank line"),
        ("key: 1", "doesn't end with a line break"),
    ],
)
def test_stray_space(content: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(content)
    assert f"compose.yaml {fault}" in stray_space_faults(Render(tmp_path, {}))


def test_empty_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "app" / "tasks").mkdir(parents=True)
    (tmp_path / "app" / "__init__.py").write_text("\n")
    assert emptiness_faults(Render(tmp_path, {})) == [
        "app/__init__.py is empty",
        "app/tasks is empty",
    ]


@pytest.mark.parametrize(
    "scar", ["{{ project_slug }}", "{% if items %}", "    # @if items", "# @endif", "{{- x }}"]
)
def test_scar(scar: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(f"first = 1\n{scar}\n")
    faults = scar_faults(Render(tmp_path, {}))
    assert faults
    assert faults[0].startswith("main.py:2 still has ")


def test_what_other_languages_write_is_no_scar(tmp_path: Path) -> None:
    (tmp_path / "ci.yml").write_text("run: echo ${{ github.sha }}\n")
    (tmp_path / "main.py").write_text('text = f"{{{name}}}"\n')
    assert scar_faults(Render(tmp_path, {})) == []


def test_templates_of_the_project_are_no_scars(tmp_path: Path) -> None:
    templates = tmp_path / "app" / "email" / "templates"
    templates.mkdir(parents=True)
    (templates / "mail.txt").write_text("{% if link %}\n{{ link }}\n{% endif %}\n")
    assert scar_faults(Render(tmp_path, {})) == []
    (templates.parent / "mail.txt").write_text("{{ link }}\n")
    assert scar_faults(Render(tmp_path, {})) == ["app/email/mail.txt:1 still has '{{'"]
