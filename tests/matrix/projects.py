"""Renders that live: each in a repository of its own, brought further by Copier's updates."""

import os
import shutil
from pathlib import Path
from unittest.mock import patch

import yaml
from copier import run_update

from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.questions import Answers
from tests.matrix.renders import Renders


def living_project(renders: Renders, answers: Answers, path: Path) -> Path:
    """Return a project of these answers in a repository of its own."""
    shutil.copytree(renders.get(answers).path, path)
    git(path, "init", "--quiet")
    commit_all(path, "Start")
    return path


def update(
    project: Path, answers: Answers, *, to: str = "HEAD", quiet: bool = True, trust: bool = False
) -> None:
    """Change answers, and take the project to a commit of the template.

    Its hooks run if they are trusted; without trust, an update that needs them is refused.
    """
    # Copier commits on the way, whoever's machine this is.
    with patch.dict(os.environ, IDENTITY):
        run_update(
            project,
            answers,
            defaults=True,
            overwrite=True,
            quiet=quiet,
            vcs_ref=to,
            unsafe=trust,
        )


def answers_of(project: Path) -> Answers:
    answers: Answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers
