"""Renders, each made once for all processes of a test run."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from tests.matrix.git import commit_all, git
from tests.matrix.questions import ROOT, Answers

# What of this repository Copier needs.
PARTS = ("copier.yml", "hooks", "template")


@dataclass(frozen=True)
class Render:
    """A rendered project, and every answer behind it, the computed ones included."""

    path: Path
    answers: Answers

    def files(self, *suffixes: str) -> list[Path]:
        """Return its files, or those with one of the suffixes, in order."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        return sorted(path for path in found if not suffixes or path.suffix in suffixes)

    def name_of(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    def is_test(self, path: Path) -> bool:
        return self.name_of(path).startswith("tests/")


class Renders:
    """A folder of renders that all processes of a test run share."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.template = folder / "template"
        self._questions_only = folder / "questions"
        with FileLock(folder / "template.lock"):
            if not self.template.exists():
                copy_template(root, self.template)
                git(self.template, "init", "--quiet")
                commit_all(self.template, "Snapshot of the template")
                (self._questions_only / "template").mkdir(parents=True)
                shutil.copy(root / "copier.yml", self._questions_only)

    def get(self, answers: Answers) -> Render:
        """Render with these answers, or return the render that another test has made.

        Nobody may write into it; `shutil.copytree` makes one to change.
        """
        name = hashlib.sha256(json.dumps(answers, sort_keys=True).encode()).hexdigest()[:12]
        path, record = self._folder / name, self._folder / f"{name}.json"
        with FileLock(self._folder / f"{name}.lock"):
            if not record.exists():
                record.write_text(json.dumps(_copy(self.template, path, answers)))
        return Render(path, json.loads(record.read_text()))

    def ask(self, answers: Answers) -> Answers:
        """Return all answers without rendering a file, or raise `ValueError` as Copier does."""
        with TemporaryDirectory() as nowhere:
            return _copy(self._questions_only, Path(nowhere), answers)


def _copy(template: Path, destination: Path, answers: Answers) -> Answers:
    """Do what `copier copy` without `--trust` does; return all answers."""
    # It takes a second to import, which a process that only looks at renders saves.
    from copier import run_copy  # noqa: PLC0415

    worker = run_copy(
        str(template), destination, answers, defaults=True, quiet=True, vcs_ref="HEAD"
    )
    asked = worker.template.questions_data
    return {name: value for name, value in worker.answers.combined.items() if name in asked}


def copy_template(root: Path, destination: Path) -> None:
    """Copy the template as it stands, uncommitted changes included.

    In a repository of its own a run sees one state of it, and Copier has less to clone.
    """
    for name in _tracked_files(root):
        source, copy = root / name, destination / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def _tracked_files(root: Path) -> Iterable[str]:
    options = ("-z", "--cached", "--others", "--exclude-standard")
    return filter(None, git(root, "ls-files", *options, *PARTS).split("\0"))
