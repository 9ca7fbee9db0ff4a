"""What Markdown points at exists: links, anchors, files and `make` targets."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tests.matrix.renders import Render

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
COMMAND = re.compile(r"\bmake ([a-z][\w-]*)")
TARGET = re.compile(r"^([a-z][\w-]*):.*##", re.MULTILINE)
FILE = re.compile(r"[\w.-]*\w/?|[\w.-]+(/[\w.-]+)+/?")
SUFFIXES = (".json", ".md", ".py", ".toml", ".yaml", ".yml")


@dataclass(frozen=True)
class Documents:
    """Markdown files, and what they may speak of."""

    root: Path
    files: Sequence[Path]
    names: Collection[str]
    """Every file that a text may name, from the root of its tree."""
    targets: Collection[str]


def documents_of(render: Render) -> Documents:
    names = [render.name_of(path) for path in render.files()]
    return Documents(render.path, render.files(".md"), names, targets_in(render.path))


def targets_in(folder: Path) -> list[str]:
    makefile = folder / "Makefile"
    return TARGET.findall(makefile.read_text()) if makefile.exists() else []


def link_faults(documents: Documents) -> list[str]:
    return [
        f"{path.relative_to(documents.root)}: {target} leads nowhere"
        for path in documents.files
        for target in LINK.findall(FENCE.sub("", path.read_text()))
        if not target.startswith(("https://", "http://", "mailto:")) and not _resolves(path, target)
    ]


def mention_faults(documents: Documents) -> list[str]:
    """Find files and `make` targets that a text names and that don't exist."""
    faults = []
    for path in documents.files:
        text = path.read_text()
        name = path.relative_to(documents.root)
        faults += [
            f"{name}: there is no `make {target}`"
            for target in COMMAND.findall("\n".join(_code(text)))
            if target not in documents.targets
        ]
        faults += [
            f"{name}: there is no {mention}"
            for mention in SPAN.findall(FENCE.sub("", text))
            if _names_file(mention, documents.names) and not _exists(mention, documents.names)
        ]
    return faults


def _resolves(path: Path, target: str) -> bool:
    name, _, anchor = unquote(target).partition("#")
    destination = path.parent / name if name else path
    if not destination.exists():
        return False
    return not anchor or anchor in _anchors(destination)


def _anchors(path: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _code(text: str) -> Iterator[str]:
    yield from (fence[0] for fence in FENCE.finditer(text))
    yield from SPAN.findall(FENCE.sub("", text))
    yield from re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)


def _names_file(mention: str, names: Collection[str]) -> bool:
    """Tell a path of the tree from a word, a media type or a path of the API."""
    if not FILE.fullmatch(mention):
        return False
    folder = f"{mention.partition('/')[0]}/"
    within = "/" in mention and any(name.startswith(folder) for name in names)
    return within or mention.endswith(SUFFIXES)


def _exists(mention: str, names: Collection[str]) -> bool:
    path = f"/{mention.rstrip('/')}"
    return any(f"/{name}".endswith(path) or f"{path}/" in f"/{name}" for name in names)
