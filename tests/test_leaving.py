"""What docs/updating.md says of another source, and of a project that leaves the template."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.checks.documents import documents_of, link_faults, mention_faults
from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.projects import living_project, update
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render, Renders

DOCUMENT = (ROOT / "docs" / "updating.md").read_text()
TRACE = re.compile(r"\bcopier\b|dev\.update|import_dev\(\"(update|template)\"\)")
SECTIONS = ("Update from the template", "Yours, and the template's")


def without(text: str, title: str) -> str:
    """Cut a section with its heading."""
    section = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    return section.sub("", text)


@pytest.fixture
def project(renders: Renders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    return living_project(renders, {"preset": "starter"}, tmp_path / "project")


def test_another_source(project: Path, renders: Renders, tmp_path: Path) -> None:
    fork = tmp_path / "fork"
    git(tmp_path, "clone", "--quiet", str(renders.template), str(fork))
    (fork / "template" / "NEWS.md").write_text("# News of the fork\n")
    commit_all(fork, "Add news")
    [line] = re.findall(r"^_src_path: .*$", DOCUMENT, re.MULTILINE)
    answers = project / ".copier-answers.yml"
    line = line.replace("https://github.com/example/mainstay.git", f"git+file://{fork}")
    answers.write_text(re.sub(r"^_src_path: .*$", line, answers.read_text(), flags=re.MULTILINE))
    commit_all(project, "Follow our fork")
    update(project, {})
    assert (project / "NEWS.md").exists()
    assert line in answers.read_text()


def test_leaving(project: Path, starter: Render) -> None:
    [command] = re.findall(r"^ *(git rm .*)$", DOCUMENT, re.MULTILINE)
    removed = shlex.split(command)[1:]
    git(project, *removed)
    for name in (".copier-answers.yml", ".github/update.sh", ".github/workflows/update.yml"):
        assert name in removed
        assert not (project / name).exists()
    shutil.rmtree(project / ".git")
    left = Render(project, starter.answers)
    assert mention_faults(documents_of(left)) != []
    for path in left.files(".md"):
        for title in SECTIONS:
            assert f"*{title}*" in DOCUMENT
            path.write_text(without(path.read_text(), title))
    assert link_faults(documents_of(left)) + mention_faults(documents_of(left)) == []
    texts = {left.name_of(path): path.read_text() for path in left.files()}
    advice = DOCUMENT.partition("## Leave the template")[2]
    remaining = [name for name, text in texts.items() if TRACE.search(text)]
    assert remaining != []
    assert [name for name in remaining if f"`{name}`" not in advice] == []
