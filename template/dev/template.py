"""The template that this project was made with: renders to compare with, and what was edited."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from filecmp import cmp
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from copier import run_copy
from packaging.version import InvalidVersion, Version

ANSWERS_FILE = ".copier-answers.yml"
DESCRIBED = re.compile(r"^(.+)-([0-9]+)-g[0-9a-f]+$")


class TemplateError(Exception):
    """What can't be rendered or updated; the message says why, and what to do."""


@dataclass(frozen=True)
class Rendering:
    """The project as a version of the template renders it, without what was done here since.

    `reference` is what to ask git for, such as a branch, and `commit` what it found.
    """

    folder: Path
    reference: str
    commit: str
    answers: Mapping[str, Any]
    questions: Mapping[str, Mapping[str, Any]]
    moves: Mapping[str, str]

    @property
    def version(self) -> Version:
        """Read the version from what git says: `1.2.0`, or `1.2.0-3-g5f0c8c1` after it.

        A commit before all releases has version 0.
        """
        tag, *after = DESCRIBED.sub(r"\1 \2", self.commit).split()
        try:
            return Version(f"{tag}.post{after[0]}" if after else tag)
        except InvalidVersion:
            return Version("0")

    def files(self) -> set[str]:
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())
        return {path.as_posix() for path in found} - {ANSWERS_FILE}

    def edited_in(self, root: Path, files: Iterable[str]) -> list[str]:
        """Return those of the files that are in the project with another content."""
        there = (name for name in files if (root / name).is_file())
        return sorted(n for n in there if not cmp(root / n, self.folder / n, shallow=False))

    def asked(self) -> dict[str, Any]:
        """Return the answers to what people are asked, but for what is computed from them."""
        return {
            name: self.answers[name]
            for name, question in self.questions.items()
            if question.get("when") is not False and question.get("ask") is not False
        }

    def multiple_choices(self) -> dict[str, list[str]]:
        """Return what can be chosen in each question that takes several answers."""
        choices = {n: q["choices"] for n, q in self.questions.items() if q.get("multiselect")}
        return {
            name: [*offered.values()] if isinstance(offered, dict) else offered
            for name, offered in choices.items()
        }


def recorded_answers(root: Path) -> dict[str, Any]:
    """Read the answers that the project was last rendered with, and their source.

    Raises:
        TemplateError: the project doesn't say where it came from, or not in a way that works here.

    """
    try:
        answers: dict[str, Any] = yaml.safe_load((root / ANSWERS_FILE).read_text())
    except FileNotFoundError:
        raise TemplateError(
            f"There is no {ANSWERS_FILE} here: the project follows no template."
        ) from None
    source = str(answers["_src_path"])
    if source.startswith("."):
        raise TemplateError(
            f"The template's source, {source}, is relative to a folder that nobody knows: put an "
            f"absolute path or a URL into _src_path of {ANSWERS_FILE}, and commit."
        )
    return answers


def render(
    folder: Path,
    source: str,
    version: str | None,
    answers: Mapping[str, Any],
    *,
    defaults: bool = True,
) -> Rendering:
    """Render a version of the template, the newest one by default, into an empty folder."""
    worker = run_copy(
        source,
        folder,
        dict(answers),
        vcs_ref=version,
        defaults=defaults,
        overwrite=True,
        quiet=True,
    )
    template = worker.template
    if template.commit is None:
        raise TemplateError(f"{source} is no repository of git.")
    combined, questions = worker.answers.combined, template.questions_data
    return Rendering(
        folder=folder,
        reference=version or template.commit,
        commit=template.commit,
        answers={name: combined[name] for name in questions},
        questions=questions,
        moves={move["from"]: move["to"] for move in template.config_data.get("moves", ())},
    )


def render_recorded(root: Path, folder: Path) -> Rendering:
    """Render what the project began with, or was last updated to."""
    answers = recorded_answers(root)
    told = {name: value for name, value in answers.items() if not name.startswith("_")}
    return render(folder, answers["_src_path"], answers["_commit"], told)


def find_drift(root: Path) -> list[str]:
    """Name the files of the template that were edited or deleted in the project."""
    with TemporaryDirectory(prefix="template-") as folder:
        rendering = render_recorded(root, Path(folder))
        files = rendering.files()
        edited = [f"{name} (edited)" for name in rendering.edited_in(root, files)]
        return sorted(edited + [f"{n} (deleted)" for n in files if not (root / n).exists()])
