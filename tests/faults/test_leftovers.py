from pathlib import Path

import pytest

from tests.checks.leftovers import idle_identifiers, leftover_faults
from tests.matrix.renders import Render
from tests.matrix.stems import STEMS


@pytest.fixture
def bare(tmp_path: Path) -> Render:
    """Return a tree with every feature off, to plant a fault in."""
    for name in ("app", "migrations/versions/items", "tests/api"):
        (tmp_path / name).mkdir(parents=True)
    return Render(tmp_path, dict.fromkeys(STEMS, False))


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("app/main.py", "from app.models import ItemRead\n", "has 'ItemRead' of items"),
        ("app/main.py", 'PATH = "/items"\n', "has '/items' of items"),
        ("Makefile", "\tdocker compose up\n", "has 'docker compose' of compose"),
        ("README.md", "It runs on GitHub Actions.\n", "has 'GitHub Actions' of github"),
        ("README.md", "See LICENSE.\n", "has 'LICENSE' of licensed"),
    ],
)
def test_identifier(name: str, text: str, fault: str, bare: Render) -> None:
    (bare.path / name).write_text(text)
    assert leftover_faults(bare) == [f"{name}:1 {fault}"]


def test_file(bare: Render) -> None:
    (bare.path / "tests" / "api" / "test_items.py").write_text("count = 1\n")
    assert leftover_faults(bare) == ["tests/api/test_items.py belongs to items"]


def test_english_and_what_a_latch_keeps_are_no_leftovers(bare: Render) -> None:
    (bare.path / "app" / "main.py").write_text("items: list[int] = []  # the items of a page\n")
    revision = bare.path / "migrations" / "versions" / "items" / "items_0001.py"
    revision.write_text('revision = "items_0001"\n')
    (bare.path / "migrations" / "retired_tables.json").write_text('["items"]\n')
    assert leftover_faults(bare) == []


def test_pattern_that_matches_nothing(bare: Render) -> None:
    assert idle_identifiers(bare, "compose")
