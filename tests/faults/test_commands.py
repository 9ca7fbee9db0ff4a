from pathlib import Path

import pytest

from tests.checks.commands import command_faults

UPGRADE = {"options": ["--help", "--allow-ahead"], "commands": {}}
DB = {"options": ["--help"], "commands": {"upgrade": UPGRADE}}
TREE = {"options": ["--help"], "commands": {"db": DB}}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Run `app gone`.", "gone"),
        ("Run `uv run app db gone`.", "db gone"),
        ("`app db upgrade --gone`", "db upgrade --gone"),
        ("```\nmake dev && app db upgrade --gone=1  # why\n```", "db upgrade --gone"),
        ("Run\n\n    .venv/bin/app gone | cat\n", "gone"),
    ],
)
def test_command_that_is_not_there(text: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(text)
    assert command_faults([file], TREE) == [f"README.md: there is no `app {fault}`"]


def test_commands_that_are_there(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text(
        "`app --help` `app db upgrade --allow-ahead`, `app`\n```python\napp gone\n```\n"
    )
    assert command_faults([file], TREE) == []
