"""The versions that were released, in a repository that ends with the template as it is now."""

import io
import shutil
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from copier import run_copy
from filelock import FileLock

from tests.matrix.git import commit_all, git
from tests.matrix.questions import ROOT, Answers, Question, questions_in
from tests.matrix.renders import PARTS, copy_template

TABLE = ROOT / "tests" / "releases.toml"
# Above all that are released, as if it were itself: the hooks of the next version run as well.
NOW = "9999.0.0"


@dataclass(frozen=True)
class Release:
    version: str
    commit: str

    def __str__(self) -> str:
        return self.version

    def questions(self) -> dict[str, Question]:
        """Return the questions that the version asked."""
        return questions_in(yaml.safe_load(git(ROOT, "show", f"{self.commit}:copier.yml")))


@cache
def releases(table: Path = TABLE) -> tuple[Release, ...]:
    """Return the released versions of a table, the first one first; none if there is no table."""
    listed = tomllib.loads(table.read_text())["release"] if table.exists() else []
    return tuple(Release(**entry) for entry in listed)


@dataclass(frozen=True)
class Releases:
    """A repository of the template with a tag for each version."""

    repository: Path

    def project(self, version: str, answers: Answers, path: Path) -> Path:
        """Render a version into a repository of its own, as `copier copy` does."""
        source = str(self.repository)
        run_copy(source, path, answers, defaults=True, quiet=True, vcs_ref=version)
        git(path, "init", "--quiet")
        commit_all(path, "Start")
        return path


def make_releases(folder: Path) -> Releases:
    """Make the repository, or return the one that another process of the test run has made."""
    repository = folder / "template"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not repository.exists():
            unfinished = folder / "unfinished"
            unfinished.mkdir()
            git(unfinished, "init", "--quiet")
            for release in releases():
                _extract(release.commit, unfinished)
                _release(unfinished, release.version)
            _empty(unfinished)
            copy_template(ROOT, unfinished)
            _release(unfinished, NOW)
            unfinished.rename(repository)
    return Releases(repository)


def _extract(commit: str, folder: Path) -> None:
    if git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise AssertionError("Released versions are in the history: `git fetch --unshallow`.")
    _empty(folder)
    found = git(ROOT, "ls-tree", "--name-only", commit, *PARTS).split()
    command = ("git", "archive", "--format=tar", commit, *found)
    archive = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def _empty(folder: Path) -> None:
    for part in PARTS:
        path = folder / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _release(repository: Path, version: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", f"Release {version}")
    git(repository, "tag", version)
