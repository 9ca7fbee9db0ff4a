from pathlib import Path

import pytest

from tests.checks.syntax import syntax_faults
from tests.matrix.renders import Render


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", 'description = "\\ud83d"\n'),
        ("compose.yaml", "key: [1\n"),
        ("ci.yml", "key: {{ x }}: 1\n"),
        ("retired_tables.json", "['items']\n"),
        ("main.py", "def broken(:\n"),
        ("Makefile", "test:\n    pytest\n"),
    ],
)
def test_invalid_file(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    faults = syntax_faults(Render(tmp_path, {}))
    assert faults
    assert faults[0].startswith(f"{name}:")
