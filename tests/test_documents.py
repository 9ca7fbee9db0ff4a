"""The documents of this repository speak of files and commands that exist, here or in a render."""

import re

import pytest

from tests.checks.commands import command_faults, commands_of
from tests.checks.documents import Documents, link_faults, mention_faults, targets_in
from tests.matrix.environment import Environment
from tests.matrix.git import git
from tests.matrix.questions import ROOT
from tests.matrix.renders import Renders
from tests.matrix.rows import PRESETS, everything


@pytest.fixture
def documents(renders: Renders) -> Documents:
    listing = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    ours = [name for name in listing.split("\0") if name and (ROOT / name).is_file()]
    render = renders.get(everything(on=True))
    return Documents(
        root=ROOT,
        files=[ROOT / name for name in ours if _is_document(name)],
        names=[
            *ours,
            *filter(None, map(_destination, ours)),
            *(render.name_of(path) for path in render.files()),
        ],
        targets=[*targets_in(ROOT), *targets_in(render.path)],
    )


def test_links(documents: Documents) -> None:
    assert link_faults(documents) == []


def test_mentions(documents: Documents) -> None:
    assert mention_faults(documents) == []


def test_commands(documents: Documents, renders: Renders, environment: Environment) -> None:
    tree = commands_of(renders.get(everything(on=True)), environment)
    assert command_faults(documents.files, tree) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_commands_of_a_render(preset: str, renders: Renders, environment: Environment) -> None:
    render = renders.get({"preset": preset})
    tree = commands_of(render, environment)
    assert command_faults(render.files(".md"), tree) == []


def _destination(name: str) -> str | None:
    """Return where a file of the template lies in a render."""
    if not name.startswith("template/"):
        return None
    return re.sub(r"\{%.*?%\}", "", name).removeprefix("template/").removesuffix(".jinja")


def _is_document(name: str) -> bool:
    return name.endswith(".md") and not name.startswith("template/")
