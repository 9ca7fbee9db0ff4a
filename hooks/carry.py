"""Take along what owners changed in files that a version of the template moves or takes away.

Copier runs this before and after an update that crosses a version of `_migrations` in copier.yml,
in the project's folder. By itself it would drop those changes without a word. Before anything is
changed, this refuses what can't be carried; after it, edits are merged into the file's new place.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from copier import run_copy
from packaging.version import Version

TEMPLATE = Path(__file__).parents[1]
DISCARD = "MAINSTAY_DISCARD"
# Copier's own, so that a conflict looks the same wherever it comes from.
LABELS = ("-L", "before updating", "-L", "last update", "-L", "after updating")

UNMERGEABLE = 128

Entries = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Project:
    """A project as its last commit holds it, and as the template had rendered it."""

    root: Path
    rendered: Path

    def committed(self, name: str) -> bytes | None:
        """Return what a file holds in the last commit; None if it isn't there."""
        found = _git(self.root, "cat-file", "blob", f"HEAD:./{name}")
        return None if found.returncode else found.stdout

    def original(self, name: str) -> bytes | None:
        """Return what the template made of a file; None if it made none with these answers."""
        path = self.rendered / name
        return path.read_bytes() if path.is_file() else None

    def is_edited(self, name: str) -> bool:
        return self.committed(name) not in {None, self.original(name)}


def before(project: Project, moves: Entries, removals: Entries) -> list[str]:
    """Return a sentence for each file that can't be carried along."""
    refusals = [
        f"{move['to']} is a file of yours, and {move['version']} puts one of the template's there: "
        "rename yours, commit, and update again."
        for move in moves
        if project.original(move["from"]) is not None
        and project.original(move["to"]) is None
        and project.committed(move["to"]) is not None
    ]
    if DISCARD in os.environ:
        return refusals
    return refusals + [
        f"{removal['path']}, which you have edited, is gone in {removal['version']}: "
        f"{removal['instead']} Then delete it, commit, and update again."
        for removal in removals
        if project.original(removal["path"]) is not None and project.is_edited(removal["path"])
    ]


def after(project: Project, moves: Entries) -> None:
    """Merge what was edited into the new place; what was deleted stays deleted."""
    for move in moves:
        original, edited = project.original(move["from"]), project.committed(move["from"])
        target = project.root / move["to"]
        if original is None or not target.is_file():
            continue
        if edited is None:
            target.unlink()
        elif edited != original:
            target.write_bytes(_merged(edited, original, target.read_bytes()))


def main(stage: str, answers_file: str) -> None:
    """Carry what the versions between the project's and the template's own move."""
    questions = yaml.safe_load((TEMPLATE / "copier.yml").read_text())
    moves = _crossed(questions.get("_moves", ()))
    root = Path.cwd()
    with TemporaryDirectory(prefix="last-update-") as folder:
        project = Project(root, Path(folder))
        _render_last_update(project, answers_file)
        if stage == "after":
            after(project, moves)
        elif refusals := before(project, moves, _crossed(questions.get("_removals", ()))):
            sys.exit("\n".join(refusals))


def _crossed(entries: Entries) -> Entries:
    first, last = (Version(os.environ[f"VERSION_PEP440_{end}"]) for end in ("FROM", "TO"))
    return [entry for entry in entries if first < Version(entry["version"]) <= last]


def _render_last_update(project: Project, answers_file: str) -> None:
    answers = yaml.safe_load(project.committed(answers_file) or b"")
    source, version = answers.pop("_src_path"), answers.pop("_commit")
    run_copy(source, project.rendered, answers, vcs_ref=version, defaults=True, quiet=True)


def _merged(edited: bytes, original: bytes, new: bytes) -> bytes:
    """Merge three texts; what collides stands between git's markers."""
    contents = {"edited": edited, "original": original, "new": new}
    with TemporaryDirectory(prefix="merge-") as folder:
        for name, content in contents.items():
            (Path(folder) / name).write_bytes(content)
        result = _git(Path(folder), "merge-file", "-p", *LABELS, *contents)
    # The status is the number of conflicts, or above them all where git can merge nothing.
    return result.stdout if result.returncode < UNMERGEABLE else edited


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(("git", *arguments), cwd=folder, capture_output=True, check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
