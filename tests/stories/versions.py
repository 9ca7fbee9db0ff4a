"""The template as it is and as it may be next, in one repository that projects update from."""

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.matrix.git import commit_all, git
from tests.matrix.questions import ROOT
from tests.matrix.renders import Renders

LATER = ROOT / "tests" / "stories" / "later"

# What comes later: its revisions in the folder above, and a line of a model for each.
MODELS = {
    "users": ("full_name", "locale: Mapped[str] = mapped_column(String(35), index=True)"),
    "items": ("title", 'rank: Mapped[int] = mapped_column(server_default="0", index=True)'),
}


@dataclass(frozen=True)
class Version:
    """A commit of the repository, and the renders that are made of it."""

    commit: str
    renders: Renders


@dataclass(frozen=True)
class Versions:
    repository: Path
    present: Version
    later: Version


def versions_of(renders: Renders) -> Versions:
    """Make the repository, or return the one that another process of the test run has made."""
    folder = renders.template.parent / "versions"
    repository = folder / "template"
    with FileLock(f"{folder}.lock"):
        if not repository.exists():
            unfinished = folder / "unfinished"
            git(renders.template, "clone", "--quiet", ".", str(unfinished))
            _move_on(unfinished / "template")
            commit_all(unfinished, "Add what users and items may come to need")
            unfinished.rename(repository)
    present, later = (git(repository, "rev-parse", name).strip() for name in ("HEAD~", "HEAD"))
    return Versions(
        repository,
        Version(present, renders),
        Version(later, Renders(folder / "later", repository)),
    )


def _move_on(template: Path) -> None:
    for model, (column, line) in MODELS.items():
        path = template / "app" / "models" / f"{model}.py"
        before, at, after = path.read_text().partition(f"    {column}: ")
        assert at, f"{path.name} has no {column}"
        path.write_text(f"{before}    {line}\n{at}{after}")
    for path in LATER.glob("*.py"):
        folder = template / "migrations" / "versions" / path.stem.rpartition("_")[0]
        previous = max(each.stem for each in folder.glob("*.py"))
        (folder / path.name).write_text(path.read_text().replace("PREVIOUS", previous))
