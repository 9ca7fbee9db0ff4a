"""The names that docs/SURFACE.md promises to the project's own code are there."""

import ast
import re
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAME = re.compile(r"`([\w.]+)`")
BLOCK = re.compile(r"^```python\n# (\S+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)


def rows(header: str) -> Iterator[list[str]]:
    """The cells of each row of the tables whose first column has this header."""
    within = False
    for line in (DOCS / "SURFACE.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        within = line.startswith("|") and (within or cells[0] == header)
        if within and NAME.match(cells[0]):
            yield cells


def surface() -> dict[str, set[str]]:
    """The listed names of each module."""
    listed: dict[str, set[str]] = {}
    for module, names, *_ in rows("Import from"):
        listed.setdefault(module.strip("`"), set()).update(NAME.findall(names))
    return listed


def has(owner: object, path: str) -> bool:
    """Whether it has the attribute, and that one the next; instances may have it as a field."""
    name, _, rest = path.partition(".")
    fields = {**getattr(owner, "model_fields", {}), **getattr(owner, "__annotations__", {})}
    if not hasattr(owner, name):
        return name in fields and not rest
    return not rest or has(getattr(owner, name), rest)


@pytest.mark.parametrize("module", surface())
def test_the_listed_names_are_there(module: str) -> None:
    owner = import_module(module)
    assert not has(owner, "Gone")
    assert [name for name in sorted(surface()[module]) if not has(owner, name)] == []


def test_the_listed_fixtures_are_there(request: pytest.FixtureRequest) -> None:
    names = {name for cells in rows("Fixture") for name in NAME.findall(cells[0])}
    known = request.session._fixturemanager
    found = {name for name in names if known.getfixturedefs(name, request.node)}
    assert "client" in found
    assert names - found == set()


def unlisted(code: str, made: set[str]) -> list[str]:
    """What the code imports from the template although no table names it."""
    listed = surface()
    return [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module
        if node.module.startswith(("app.", "tests."))
        for alias in node.names
        if alias.name not in listed.get(node.module, ())
        and not {node.module, f"{node.module}.{alias.name}"} & made
    ]


def test_the_example_relies_on_listed_names_only() -> None:
    blocks = BLOCK.findall((DOCS / "ONBOARDING.md").read_text())
    made = {path.replace("/", ".") for path, _ in blocks}
    assert len(blocks) > 5
    assert [name for _, code in blocks for name in unlisted(code, made)] == []
    assert unlisted("from app.core.security.passwords import PasswordHasher", made)


def test_a_shim_warns_and_fails_nobody() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("Moved by the template: a.B is c.B", DeprecationWarning, stacklevel=1)
    assert len(caught) == 1
    with pytest.raises(DeprecationWarning):
        warnings.warn("B is old", DeprecationWarning, stacklevel=1)
