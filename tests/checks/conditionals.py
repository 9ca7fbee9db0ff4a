"""The source stays readable: conditions are few, flat, and one bare answer each."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST = 160
MOST_FILES = 22
MOST_PER_STEM = 8

LINE = re.compile(r"^[ \t]*# @ *(?P<statement>.*)$|\{%(?P<tag>.*?)%\}", re.MULTILINE)
ALONE = re.compile(r"\{% [^%]+ %\}")
BARE = re.compile(r"(?:if|elif) \w+|else|endif")
JINJA = re.compile(r"\{\{|\{%|^[ \t]*# @", re.MULTILINE)

# Where features meet the core, and where answers are named: no other Python file is rendered.
SEAMS = {
    "app/api/dependencies/resources.py",
    "app/api/dependencies/services.py",
    "app/api/docs.py",
    "app/api/v1/router.py",
    "app/api/v1/routes/items.py",
    "app/cli/commands.py",
    "app/cli/users.py",
    "app/core/config/__init__.py",
    "app/core/config/app.py",
    "app/lifespan.py",
    "app/middleware/__init__.py",
    "app/models/__init__.py",
    "dev/services.py",
    "tests/conftest.py",
}


@dataclass(frozen=True)
class Directive:
    """One statement of Jinja's; line 0 is the name of the file."""

    file: str
    line: int
    text: str
    alone: bool

    @property
    def opens(self) -> bool:
        return self.text.startswith("if ")

    @property
    def answer(self) -> str:
        return self.text.removeprefix("if ")

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text!r}"


def conditions(template: Path) -> set[str]:
    """Return every answer on which a file, or a part of one, depends."""
    return {
        directive.answer
        for path in sources(template)
        for directive in _directives(template, path)
        if directive.opens
    }


def condition_faults(template: Path) -> list[str]:
    """Find conditions that are compound, nested, or not alone on their line."""
    faults = []
    for path in sources(template):
        depth = 0
        for directive in _directives(template, path):
            depth += directive.opens - (directive.text == "endif")
            if not BARE.fullmatch(directive.text):
                faults.append(f"{directive} is not one bare answer")
            if not directive.alone:
                faults.append(f"{directive} is not alone on its line")
            if depth > 1:
                faults.append(f"{directive} is nested")
    return faults


def conditional_budget_faults(template: Path) -> list[str]:
    opened = [
        directive
        for path in sources(template)
        for directive in _directives(template, path)
        if directive.opens and directive.line
    ]
    files = {directive.file for directive in opened}
    faults = []
    if len(opened) > MOST:
        faults.append(f"the template has {len(opened)} conditionals, {MOST} at most")
    if len(files) > MOST_FILES:
        faults.append(f"{len(files)} files have conditionals, {MOST_FILES} at most")
    return faults + [
        f"{stem} has {count} conditionals, {MOST_PER_STEM} at most"
        for stem, count in Counter(directive.answer for directive in opened).items()
        if count > MOST_PER_STEM
    ]


def seam_faults(template: Path) -> list[str]:
    """Find Python that is rendered outside the seams, and files rendered for nothing."""
    rendered = [path for path in sources(template) if path.suffix == ".jinja"]
    outside = [
        f"{name} is rendered, but is no seam"
        for path in rendered
        if (name := path.relative_to(template).as_posix()).endswith(".py.jinja")
        and name.removesuffix(".jinja") not in SEAMS
    ]
    needless = [
        f"{path.relative_to(template).as_posix()} has nothing to render"
        for path in rendered
        if not JINJA.search(path.read_text())
    ]
    return outside + needless


def sources(template: Path) -> list[Path]:
    """Return every file of the template, in order."""
    return sorted(path for path in template.rglob("*") if path.is_file())


def _directives(template: Path, path: Path) -> Iterator[Directive]:
    name = path.relative_to(template).as_posix()
    for match in LINE.finditer(name):
        yield Directive(name, 0, match["tag"].strip(), alone=True)
    if path.suffix != ".jinja":
        return
    text = path.read_text()
    for match in LINE.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        line = text[start : text.find("\n", match.start())]
        yield Directive(
            file=name,
            line=text.count("\n", 0, start) + 1,
            text=(match["statement"] or match["tag"] or "").strip(),
            alone=match["tag"] is None or bool(ALONE.fullmatch(line)),
        )
