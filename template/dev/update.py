"""`app update`: bring in a later version of the template, or switch its features; lose nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from copier import run_update
from copier.errors import CopierAnswersInterrupt, CopierError, TaskError
from plumbum import ProcessExecutionError

from dev.checkout import find_conflicts
from dev.template import (
    ANSWERS_FILE,
    Rendering,
    TemplateError,
    recorded_answers,
    render,
    render_recorded,
)

# Read by the hooks of the template, which refuse to take away what was edited here.
DISCARD = "MAINSTAY_DISCARD"
UNDO = "git restore --staged --worktree . && git clean -d --force ."


@dataclass(frozen=True)
class Wishes:
    """What shall be different: answers by name, parts of multiple choices, and the version."""

    answers: Mapping[str, str]
    on: Sequence[str]
    off: Sequence[str]
    version: str | None
    ask: bool


def run(root: Path, wishes: Wishes, *, discard: bool, setup: bool) -> None:
    """Update the project; exit status 1 if it was refused, or if conflicts are left to resolve."""
    try:
        with TemporaryDirectory(prefix="update-") as folder, _explained(root):
            _require_clean(root)
            typer.echo("Rendering the template as it was and as it is …")
            old = render_recorded(root, Path(folder) / "old")
            new = _render_next(root, Path(folder), old, wishes)
            if old.commit == new.commit and old.asked() == new.asked():
                typer.echo(f"Nothing to do: this is {new.commit}, with these answers.")
                return
            _require_no_loss(root, old, new, discard=discard)
            typer.echo(_headline(old, new))
            _merge(root, new, discard=discard)
    except TemplateError as error:
        typer.secho(error, fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    _require_no_conflict(root)
    _finish(root, setup=setup)


def _headline(old: Rendering, new: Rendering) -> str:
    if old.commit == new.commit:
        return f"Applying the new answers, with version {new.commit} as before …"
    return f"Updating from version {old.commit} to {new.commit} …"


def _render_next(root: Path, folder: Path, old: Rendering, wishes: Wishes) -> Rendering:
    """Render what the project is to become, and ask what is new on the way."""
    recorded = recorded_answers(root)
    settled = () if wishes.ask else old.asked().keys() & recorded.keys()
    kept = {name: recorded[name] for name in settled}
    answers = {**kept, **wishes.answers}
    asks = sys.stdin.isatty()
    new = _render_again(root, folder / "new", wishes.version, answers, defaults=not asks)
    if wishes.version is None and new.version < old.version:
        # It was made from a commit that no release holds yet.
        new = _render_again(root, folder / "same", old.reference, answers, defaults=not asks)
    switched = _switched(new, wishes)
    if not switched:
        return new
    return _render_again(root, folder / "switched", new.reference, {**new.asked(), **switched})


def _render_again(
    root: Path,
    folder: Path,
    version: str | None,
    answers: Mapping[str, Any],
    *,
    defaults: bool = True,
) -> Rendering:
    """Render with the recorded answers as the defaults."""
    folder.mkdir()
    shutil.copy(root / ANSWERS_FILE, folder)
    source = recorded_answers(root)["_src_path"]
    return render(folder, source, version, answers, defaults=defaults)


def _switched(offered: Rendering, wishes: Wishes) -> dict[str, list[str]]:
    """Return the multiple choices in which something is switched, each as a whole."""
    choices = offered.multiple_choices()
    known = {part for parts in choices.values() for part in parts}
    if unknown := sorted({*wishes.on, *wishes.off} - known):
        raise TemplateError(
            f"There is no {', '.join(unknown)} in {offered.commit} of the template. "
            f"What can be switched: {', '.join(sorted(known))}."
        )
    switched = {}
    for name, parts in choices.items():
        before = offered.answers[name]
        after = [part for part in parts if part in {*before, *wishes.on} - {*wishes.off}]
        if after != before:
            switched[name] = after
    return switched


def _require_clean(root: Path) -> None:
    """Make sure that git can show what the update did, and undo it."""
    status = subprocess.run(
        ("git", "status", "--porcelain", "--", "."),
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if status.returncode:
        raise TemplateError("This is no repository of git: `git init`, and commit what is here.")
    if status.stdout:
        raise TemplateError(f"Commit or stash your changes first:\n{status.stdout.rstrip()}")


def _require_no_loss(root: Path, old: Rendering, new: Rendering, *, discard: bool) -> None:
    """Refuse to take away files that were edited here, unless that is what is wanted."""
    removed = old.files() - new.files() - new.moves.keys()
    edited = old.edited_in(root, removed)
    if edited and not discard:
        raise TemplateError(
            "These files were edited here, and the update would take them away:\n"
            + "".join(f"  {name}\n" for name in edited)
            + "Keep what you need in files of your own, then update with --discard."
        )


def _merge(root: Path, new: Rendering, *, discard: bool) -> None:
    if discard:
        os.environ[DISCARD] = "1"
    try:
        run_update(
            root,
            new.asked(),
            vcs_ref=new.reference,
            defaults=True,
            overwrite=True,
            quiet=True,
            unsafe=True,  # the hooks of the template; its code is what runs here anyway
        )
    except BaseException:
        typer.echo(f"It stopped half-way; this undoes what it did:\n  {UNDO}")
        raise


def _require_no_conflict(root: Path) -> None:
    if found := find_conflicts(root):
        typer.secho("Both sides have changed the same lines here:", fg=typer.colors.RED, err=True)
        for name in found:
            typer.echo(f"  {name}", err=True)
        typer.echo(
            "Resolve what stands between the markers, then `make setup check test`, and commit.",
            err=True,
        )
        raise typer.Exit(1)


def _finish(root: Path, *, setup: bool) -> None:
    """Install what the new version needs, and tell what is left to do."""
    if setup and subprocess.run(("make", "setup"), cwd=root, check=False).returncode:
        raise typer.Exit(1)
    doctor = (sys.executable, "-c", "from app.cli import main; main()", "doctor")
    subprocess.run(doctor, cwd=root, check=False)
    source = recorded_answers(root)["_src_path"]
    typer.echo(
        f"Updated. CHANGELOG.md of {source} says what has changed. "
        "Review it with `git diff`, run `make check test`, then commit."
    )


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Turn what Copier and git complain about into one sentence."""
    try:
        yield
    except CopierAnswersInterrupt:
        raise TemplateError("Stopped, before anything was changed.") from None
    except TaskError:
        raise TemplateError("A hook of the template has refused, for the reason above.") from None
    except ProcessExecutionError as error:
        raise TemplateError(f"git has failed: {error.stderr.strip()}") from None
    except (CopierError, ValueError) as error:
        source = recorded_answers(root)["_src_path"]
        raise TemplateError(f"{error}\nThe template is that of {source}.") from None
