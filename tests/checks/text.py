"""No file or folder is empty, and no text bears a mark of how it was rendered."""

import re
from collections.abc import Iterator

from tests.matrix.renders import Render

# `${{ … }}` belongs to GitHub Actions; an f-string's `{{` is followed by no space.
SCAR = re.compile(r"\{%|%\}|(?<!\$)\{\{[- ]|^\s*# @", re.MULTILINE)
# Templates of the project's own, which Copier copies as they are.
TEMPLATES = "app/email/templates/"
PYTHON = (".py", ".py.mako")
FENCED_PYTHON = re.compile(r"^```python\n.*?^```", re.MULTILINE | re.DOTALL)
STRAY = {
    "starts with a blank line": re.compile(r"\A\s*\n"),
    "has two blank lines in a row": re.compile(r"\n[ \t]*\n[ \t]*\n"),
    "has a space at the end of a line": re.compile(r"[ \t]\n"),
    "ends with a blank line": re.compile(r"\n\s*\n\Z"),
    "doesn't end with a line break": re.compile(r"[^\n]\Z"),
}


def emptiness_faults(render: Render) -> list[str]:
    """Find empty files and folders, `__init__.py` included: `app` is a namespace package."""
    paths = sorted(render.path.rglob("*"))
    files = (path for path in paths if path.is_file() and not path.read_bytes().strip())
    folders = (path for path in paths if path.is_dir() and not any(path.iterdir()))
    return [f"{render.name_of(path)} is empty" for path in (*files, *folders)]


def scar_faults(render: Render) -> list[str]:
    """Find what Jinja should have consumed."""
    return [
        f"{name}:{_line(content, scar.start())} still has {scar[0].strip()!r}"
        for name, content in _texts(render)
        if not name.startswith(TEMPLATES)
        for scar in SCAR.finditer(content)
    ]


def stray_space_faults(render: Render) -> list[str]:
    """Find blank lines and spaces that a directive left; in Python, ruff finds them."""
    return [
        f"{name} {fault}"
        for name, content in _texts(render)
        for fault, pattern in STRAY.items()
        if not name.endswith(PYTHON) and pattern.search(FENCED_PYTHON.sub("```", content))
    ]


def _texts(render: Render) -> Iterator[tuple[str, str]]:
    for path in render.files():
        yield render.name_of(path), path.read_text()


def _line(content: str, position: int) -> int:
    return content.count("\n", 0, position) + 1
