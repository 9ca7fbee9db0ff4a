"""A feature that is off has left nothing: no file, no identifier."""

import re
from pathlib import PurePosixPath

from tests.matrix.renders import Render
from tests.matrix.stems import STEMS

RECORDS = {".copier-answers.yml", "migrations/retired_tables.json"}


def leftover_faults(render: Render) -> list[str]:
    return [fault for stem in STEMS if not render.answers[stem] for fault in traces(render, stem)]


def traces(render: Render, stem: str) -> list[str]:
    """Return where a stem occurs, in a file's name or in its text.

    Exempt are the answers, and what a latch keeps: the revisions and the list of retired tables.
    """
    found = []
    for path in render.files():
        name = render.name_of(path)
        if _is_exempt(name, stem):
            continue
        if STEMS[stem].names_files and _carries(PurePosixPath(name), stem):
            found.append(f"{name} belongs to {stem}")
        text = path.read_text()
        for pattern in STEMS[stem].identifiers:
            if match := re.search(pattern, text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{name}:{line} has {match[0]!r} of {stem}")
    return found


def idle_identifiers(render: Render, stem: str) -> list[str]:
    """Return the patterns that don't occur although the stem is on, so that they prove nothing."""
    texts = [path.read_text() for path in render.files()]
    return [
        pattern
        for pattern in STEMS[stem].identifiers
        if not any(re.search(pattern, text) for text in texts)
    ]


def _is_exempt(name: str, stem: str) -> bool:
    kept = f"migrations/versions/{stem}/"
    return name.startswith(kept) or name in {
        ".copier-answers.yml",
        "migrations/retired_tables.json",
    }


def _carries(path: PurePosixPath, stem: str) -> bool:
    return any(part.split(".")[0] in {stem, f"test_{stem}"} for part in path.parts)
