"""`app update`: the way of updating that refuses whatever would be lost."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.matrix.environment import Environment
from tests.matrix.git import commit_all, git
from tests.matrix.projects import living_project
from tests.matrix.questions import Answers
from tests.matrix.renders import Renders
from tests.matrix.servers import MAIN
from tests.matrix.trees import differences

ITEMS = "app/services/items.py"
TESTS = "tests/api/test_items.py"
ROUTER = "app/api/v1/router.py"
STARTER: Answers = {"preset": "starter"}


@dataclass(frozen=True)
class Project:
    """A project that people work on, in a repository of its own."""

    path: Path
    environment: Environment

    def app(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.environment.run("python", "-c", MAIN, *arguments, cwd=self.path)

    def update(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.app("update", "--no-setup", *options)

    def edit(self, name: str, text: str, *, instead_of: str = "") -> None:
        """Put a text in the place of another one, or at the end, and commit."""
        path = self.path / name
        content = path.read_text()
        assert instead_of in content
        path.write_text(content.replace(instead_of, text, 1) if instead_of else content + text)
        commit_all(self.path, f"Edit {name}")

    def changes(self) -> str:
        return git(self.path, "status", "--porcelain")


@pytest.fixture
def project(renders: Renders, environment: Environment, tmp_path: Path) -> Project:
    return Project(living_project(renders, STARTER, tmp_path / "project"), environment)


def test_switching_off_and_on_again(project: Project, renders: Renders) -> None:
    off = project.update("--off", "items")
    assert off.returncode == 0, off.stderr
    fresh = renders.get({**STARTER, "features": ["rate_limit"]}).path
    kept = (".copier-answers.yml", "migrations/")
    left = differences(fresh, project.path)
    assert [each for each in left if not each.startswith(kept)] == []
    commit_all(project.path, "Switch off")
    assert project.update("--on", "items").returncode == 0
    assert differences(renders.get(STARTER).path, project.path) == []


def test_an_answer_is_changed_by_its_name(project: Project, renders: Renders) -> None:
    result = project.update("-d", "password_hash=bcrypt", "--data", "features=[]")
    assert result.returncode == 0, result.stderr
    fresh = renders.get({**STARTER, "password_hash": "bcrypt", "features": []}).path
    assert differences(fresh / "app", project.path / "app") == []


def test_what_was_edited_is_not_taken_away_unasked(project: Project) -> None:
    project.edit(ITEMS, "\n\nOURS = 1\n")
    refused = project.update("--off", "items")
    assert refused.returncode == 1
    assert f"\n  {ITEMS}\n" in refused.stderr
    assert "app/models/items.py" not in refused.stderr
    assert (project.changes(), "OURS" in (project.path / ITEMS).read_text()) == ("", True)
    assert project.update("--off", "items", "--discard").returncode == 0
    assert not (project.path / ITEMS).exists()


def test_what_was_deleted_does_not_come_back(project: Project) -> None:
    (project.path / TESTS).unlink()
    commit_all(project.path, "Delete it")
    assert project.update("-d", "ci=none").returncode == 0
    assert not (project.path / TESTS).exists()


@pytest.mark.parametrize("name", ["new.txt", ROUTER])
def test_a_dirty_tree_is_left_alone(project: Project, name: str) -> None:
    (project.path / name).write_text("ours\n")
    before = project.changes()
    result = project.update("--off", "items")
    assert (result.returncode, name in result.stderr) == (1, True)
    assert project.changes() == before


def test_conflicts_are_named_and_found_until_they_are_resolved(project: Project) -> None:
    line = 'router.include_router(users.router, prefix="/users"'
    project.edit(ROUTER, f"# ours\n{line}", instead_of=line)
    item = 'router.include_router(items.router, prefix="/items", tags=["items"]'
    project.edit(ROUTER, item.replace("/items", "/things"), instead_of=item)
    result = project.update("--off", "items")
    assert result.returncode == 1
    assert ROUTER in result.stderr
    commit_all(project.path, "Commit without looking")
    assert f"{ROUTER}, line " in project.app("doctor").stderr
    git(project.path, "checkout", "HEAD~1", "--", ".")
    assert ROUTER not in project.app("doctor").stderr


def test_markers_are_found_wherever_they_are(project: Project) -> None:
    finding = "- README.md holds conflict markers"
    assert finding not in project.app("doctor").stdout
    project.edit("README.md", "\n<<<<<<< before updating\n")
    assert finding in project.app("doctor").stdout


def test_nothing_to_do(project: Project) -> None:
    result = project.update()
    assert (result.returncode, "Nothing to do" in result.stdout) == (0, True)
    assert project.changes() == ""


def test_what_can_be_switched_is_named(project: Project) -> None:
    result = project.update("--on", "itmes")
    assert result.returncode == 1
    assert "There is no itmes" in result.stderr
    names = "idempotency, items, mfa, rate_limit, resilience, tasks."
    assert f"cache, compose, github, google, {names}" in result.stderr


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("database=sqlite", "A project stays on PostgreSQL"),
        ("id_strategy=dual", "A project keeps its kind of ids"),
        ("project_slug=../up", "Use a-z, 0-9 and -, like my-api."),
        ("auth=basic", "'basic' is not in"),
    ],
)
def test_an_answer_that_can_not_be_is_refused_with_a_sentence(
    project: Project, answer: str, sentence: str
) -> None:
    result = project.update("-d", answer)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert project.changes() == ""


def test_a_folder_without_a_repository(project: Project) -> None:
    shutil.rmtree(project.path / ".git")
    result = project.update("--off", "items")
    assert (result.returncode, "`git init`" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("/nowhere/at/all", "The template is that of /nowhere/at/all."),
        ("../mainstay", "../mainstay, is relative to a folder that nobody knows"),
    ],
)
def test_a_source_that_is_not_there(project: Project, source: str, sentence: str) -> None:
    answers = project.path / ".copier-answers.yml"
    text = answers.read_text()
    [line] = [line for line in text.splitlines() if line.startswith("_src_path: ")]
    answers.write_text(text.replace(line, f"_src_path: {source}"))
    commit_all(project.path, "Move away")
    result = project.update("--off", "items")
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.full
def test_a_file_of_ones_own_where_a_feature_has_one(project: Project) -> None:
    assert project.update("--off", "items").returncode == 0
    ours = project.path / ITEMS
    ours.write_text("OURS = 1\n")
    commit_all(project.path, "Write items of our own")
    result = project.update("--on", "items")
    assert result.returncode == 1
    assert f"\n  {ITEMS}\n" in result.stderr
    assert "<<<<<<< before updating\nOURS = 1\n" in ours.read_text()


def test_a_project_in_a_folder_of_a_repository(
    project: Project, renders: Renders, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    part = Project(whole / "api", project.environment)
    shutil.copytree(project.path, part.path, ignore=shutil.ignore_patterns(".git"))
    (whole / "web").mkdir()
    git(whole, "init", "--quiet")
    commit_all(whole, "Start")
    (whole / "web" / "draft.txt").write_text("not committed\n")
    part.edit("README.md", "\nOurs.\n")
    (whole / "web" / "draft.txt").write_text("not committed again\n")
    assert part.update("--off", "items").returncode == 0
    fresh = renders.get({**STARTER, "features": ["rate_limit"]}).path
    left = [each for each in differences(fresh, part.path) if not each.startswith("migrations/")]
    assert left == [".copier-answers.yml differs", "README.md differs"]
    assert git(whole, "status", "--porcelain", "web") == " M web/draft.txt\n"


def test_drift_is_shown(project: Project) -> None:
    project.edit(ITEMS, "\n\nOURS = 1\n")
    (project.path / "SECURITY.md").write_text("ours\n")
    (project.path / TESTS).unlink()
    commit_all(project.path, "Work on it")
    shown = project.app("doctor", "--drift").stdout
    assert f"\n  {ITEMS} (edited)\n" in shown
    assert f"\n  {TESTS} (deleted)\n" in shown
    assert "SECURITY.md" not in shown
    assert ROUTER not in shown
