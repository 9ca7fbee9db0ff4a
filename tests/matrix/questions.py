"""`copier.yml` as data: its questions, and the files that each feature owns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
Answers = dict[str, Any]


@dataclass(frozen=True)
class Question:
    name: str
    kind: str
    choices: tuple[str, ...]
    multiselect: bool
    hidden: bool
    latched: bool
    texts: tuple[str, ...]
    """Every value that Copier renders: default, validator and the like."""


@cache
def configuration(root: Path = ROOT) -> Answers:
    content: Answers = yaml.safe_load((root / "copier.yml").read_text())
    return content


@cache
def questions(root: Path = ROOT) -> dict[str, Question]:
    """Return every question by its name, hidden and latched ones included."""
    return questions_in(configuration(root))


def questions_in(content: Answers) -> dict[str, Question]:
    """Return the questions of what a `copier.yml` holds."""
    return {
        name: _question(name, details)
        for name, details in content.items()
        if not name.startswith("_")
    }


def asked(known: Mapping[str, Question] | None = None) -> dict[str, Question]:
    """Return the questions that a person answers, by default those of the present version."""
    everything = questions() if known is None else known
    return {q.name: q for q in everything.values() if not q.hidden and not q.latched}


def toggles(root: Path = ROOT) -> set[str]:
    """Return the computed booleans, the only answers on which the template may depend."""
    return {q.name for q in questions(root).values() if q.hidden and q.kind == "bool"}


@cache
def owned_globs(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """Return the globs of the files that are left out unless an answer is true, by that answer."""
    entries = (
        re.fullmatch(r"\{% if (\w+) is false %\}\n(.*)\{% endif %\}\n?", entry, re.DOTALL)
        for entry in configuration(root)["_exclude"]
    )
    return {entry[1]: tuple(entry[2].split()) for entry in entries if entry}


def _question(name: str, details: Answers) -> Question:
    choices = details.get("choices", [])
    return Question(
        name=name,
        kind=details["type"],
        choices=tuple(choices.values() if isinstance(choices, dict) else choices),
        multiselect=details.get("multiselect", False),
        hidden=details.get("when") is False,
        latched=details.get("ask") is False,
        texts=tuple(_strings(details)),
    )


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return list(chain.from_iterable(_strings(part) for part in value.values()))
    if isinstance(value, list):
        return list(chain.from_iterable(_strings(part) for part in value))
    return [value] if isinstance(value, str) else []
