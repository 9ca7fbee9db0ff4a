from pathlib import Path

import pytest

from tests.checks.documents import documents_of, link_faults, mention_faults
from tests.matrix.renders import Render


@pytest.fixture
def tree(tmp_path: Path) -> Render:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("count = 1\n")
    (tmp_path / "Makefile").write_text("dev: ## Run it\n\ttrue\n")
    return Render(tmp_path, {})


def write(tree: Render, text: str) -> None:
    (tree.path / "README.md").write_text(text)


@pytest.mark.parametrize("target", ["docs/GONE.md", "app/gone.py", "#gone"])
def test_broken_link(target: str, tree: Render) -> None:
    write(tree, f"# Start\n\nRead [this]({target}).\n")
    assert link_faults(documents_of(tree)) == [f"README.md: {target} leads nowhere"]


def test_good_links(tree: Render) -> None:
    write(tree, "# Get it: now\n\n[a](app/main.py) [b](#get-it-now) [c](https://example.com)\n")
    assert link_faults(documents_of(tree)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("It lies in `app/gone.py`.", "there is no app/gone.py"),
        ("It lies in `gone.toml`.", "there is no gone.toml"),
        ("Run `make gone`.", "there is no `make gone`"),
        ("```\nmake gone\n```", "there is no `make gone`"),
        ("    make gone", "there is no `make gone`"),
    ],
)
def test_mention_of_nothing(text: str, fault: str, tree: Render) -> None:
    write(tree, f"{text}\n")
    assert mention_faults(documents_of(tree)) == [f"README.md: {fault}"]


def test_good_mentions(tree: Render) -> None:
    write(tree, "`make dev`, `app/main.py`, `main.py`, `text/plain`, `/health/live`, `a/b`\n")
    assert mention_faults(documents_of(tree)) == []
