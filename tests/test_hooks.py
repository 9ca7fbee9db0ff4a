"""What an update does with files that a version moves or takes away, and that were edited."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from copier import run_copy

from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.questions import ROOT, configuration

OLD, NEW = "app/old.txt", "app/new.txt"
LINES = "".join(f"line {number}\n" for number in range(1, 10))
MOVE = {"version": "2.0.0", "from": OLD, "to": NEW}
REMOVAL = {"version": "2.0.0", "path": OLD, "instead": "Use app/other.txt."}


@dataclass(frozen=True)
class Template:
    """A template of one file, with the hooks of this one."""

    path: Path

    def release(self, version: str, files: dict[str, str], **settings: object) -> None:
        shutil.rmtree(self.path / "template", ignore_errors=True)
        for name, text in files.items():
            file = self.path / "template" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        answers = self.path / "template" / "{{ _copier_conf.answers_file }}.jinja"
        answers.write_text("{{ _copier_answers | to_nice_yaml }}")
        config = {"_subdirectory": "template", "name": {"type": "str", "default": "Ada"}}
        (self.path / "copier.yml").write_text(yaml.safe_dump({**config, **settings}))
        commit_all(self.path, f"Release {version}")
        git(self.path, "tag", version)


@dataclass(frozen=True)
class Project:
    path: Path

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)
        commit_all(self.path, f"Write {name}")

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def update(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `copier update` as people do."""
        copier = Path(sys.executable).with_name("copier")
        return subprocess.run(
            [copier, "update", "--defaults", "--trust"],
            cwd=self.path,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.path), **IDENTITY, **variables},
            check=False,
            capture_output=True,
            text=True,
        )


def migrations(version: str) -> list[dict[str, object]]:
    """Return how the hook is called for a version."""
    return [{**configuration()["_migrations"][0], "version": version}]


@pytest.fixture
def template(tmp_path: Path) -> Template:
    path = tmp_path / "template"
    shutil.copytree(ROOT / "hooks", path / "hooks", ignore=shutil.ignore_patterns("__pycache__"))
    git(path, "init", "--quiet")
    template = Template(path)
    template.release("1.0.0", {OLD: LINES, "app/other.txt": "other\n"})
    return template


@pytest.fixture
def project(template: Template, tmp_path: Path) -> Project:
    path = tmp_path / "project"
    run_copy(str(template.path), path, defaults=True, quiet=True)
    git(path, "init", "--quiet")
    commit_all(path, "Start")
    return Project(path)


def move_to(template: Template, text: str = LINES) -> None:
    files = {NEW: text, "app/other.txt": "other\n"}
    template.release("2.0.0", files, _moves=[MOVE], _migrations=migrations("2.0.0"))


def remove_from(template: Template) -> None:
    files = {"app/other.txt": "other\n"}
    template.release("2.0.0", files, _removals=[REMOVAL], _migrations=migrations("2.0.0"))


def test_a_move_takes_edits_along(template: Template, project: Project) -> None:
    project.write(OLD, LINES.replace("line 2", "mine"))
    move_to(template, LINES.replace("line 8", "theirs"))
    result = project.update()
    assert result.returncode == 0, result.stderr
    assert project.read(NEW) == LINES.replace("line 2", "mine").replace("line 8", "theirs")
    assert not (project.path / OLD).exists()
    assert list(project.path.rglob("*.rej")) == []


def test_without_the_hook_the_edits_are_gone(template: Template, project: Project) -> None:
    project.write(OLD, LINES.replace("line 2", "mine"))
    template.release("2.0.0", {NEW: LINES, "app/other.txt": "other\n"})
    assert project.update().returncode == 0
    assert project.read(NEW) == LINES


def test_lines_that_both_have_changed_are_a_conflict(template: Template, project: Project) -> None:
    project.write(OLD, LINES.replace("line 5", "mine"))
    move_to(template, LINES.replace("line 5", "theirs"))
    assert project.update().returncode == 0
    text = project.read(NEW)
    assert "<<<<<<< before updating\nmine\n" in text
    assert "theirs\n>>>>>>> after updating\n" in text


def test_a_file_that_nobody_edited_just_moves(template: Template, project: Project) -> None:
    move_to(template, LINES.replace("line 8", "theirs"))
    assert project.update().returncode == 0
    assert project.read(NEW) == LINES.replace("line 8", "theirs")
    assert not (project.path / OLD).exists()


def test_a_file_that_was_deleted_stays_deleted(template: Template, project: Project) -> None:
    (project.path / OLD).unlink()
    commit_all(project.path, "Delete it")
    move_to(template)
    assert project.update().returncode == 0
    assert not (project.path / NEW).exists()


def test_a_file_of_the_owner_is_in_the_way(template: Template, project: Project) -> None:
    project.write(NEW, "mine\n")
    move_to(template)
    result = project.update()
    assert result.returncode != 0
    assert f"{NEW} is a file of yours" in result.stderr
    assert git(project.path, "status", "--porcelain") == ""
    assert project.read(NEW) == "mine\n"


def test_a_removal_is_refused_while_there_are_edits(template: Template, project: Project) -> None:
    project.write(OLD, LINES.replace("line 2", "mine"))
    remove_from(template)
    result = project.update()
    assert result.returncode != 0
    assert f"{OLD}, which you have edited, is gone in 2.0.0: Use app/other.txt." in result.stderr
    assert git(project.path, "status", "--porcelain") == ""
    (project.path / OLD).unlink()
    commit_all(project.path, "Do as it says")
    assert project.update().returncode == 0
    assert not (project.path / OLD).exists()


def test_a_removal_of_what_nobody_edited_goes_through(template: Template, project: Project) -> None:
    remove_from(template)
    assert project.update().returncode == 0
    assert not (project.path / OLD).exists()


def test_edits_are_dropped_where_that_is_wanted(template: Template, project: Project) -> None:
    project.write(OLD, LINES.replace("line 2", "mine"))
    remove_from(template)
    assert project.update(MAINSTAY_DISCARD="1").returncode == 0
    assert not (project.path / OLD).exists()


def test_a_project_in_a_folder_of_a_repository(
    template: Template, project: Project, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(project.path, whole / "api", ignore=shutil.ignore_patterns(".git"))
    git(whole, "init", "--quiet")
    commit_all(whole, "Start")
    part = Project(whole / "api")
    part.write(OLD, LINES.replace("line 2", "mine"))
    move_to(template)
    result = part.update()
    assert result.returncode == 0, result.stderr
    assert part.read(NEW) == LINES.replace("line 2", "mine")


def test_bytes_that_can_not_be_merged_stay_the_owners(template: Template, project: Project) -> None:
    project.write(OLD, "mine\0\n")
    move_to(template, LINES.replace("line 8", "theirs"))
    assert project.update().returncode == 0
    assert project.read(NEW) == "mine\0\n"


def test_every_version_that_moves_something_calls_the_hook() -> None:
    settings = configuration()
    entries = [*settings["_moves"], *settings["_removals"]]
    assert {entry["version"] for entry in entries} == {
        migration["version"] for migration in settings["_migrations"]
    }


def test_what_moves_is_there() -> None:
    files = {path.removeprefix("template/") for path in git(ROOT, "ls-files").splitlines()}
    names = {name.removesuffix(".jinja") for name in files}
    for move in configuration()["_moves"]:
        assert move["to"] in names
        assert move["from"] not in names
