"""How much code a render may be, and in how small pieces."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from tests.matrix.renders import Render

FILES = {"minimal": 158, "starter": 188}
LONGEST_FILE = 300
MEDIAN_FILE = 60
NINTH_DECILE_FILE = 200
LONGEST_FUNCTION = 50
MEDIAN_FUNCTION = 10
LONGEST_MAIN = 50
IGNORES = 3
IGNORE = re.compile(r"# type: ignore(?P<code>\[[\w-]+\])?(?P<reason>\s+# \S.*)?")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def file_count_faults(render: Render, preset: str) -> list[str]:
    count, most = len(render.files()), FILES[preset]
    return [f"{preset} has {count} files, {most} at most"] if count > most else []


def length_faults(render: Render) -> list[str]:
    """Find files and functions that are too long, wherever they are."""
    faults = [
        f"{render.name_of(path)} has {lines} lines, {most} at most"
        for path in render.files()
        if (lines := _lines(path)) > (most := _most_lines(render.name_of(path)))
    ]
    return faults + [
        f"{render.name_of(path)}: {function.name} has {lines} lines, {LONGEST_FUNCTION} at most"
        for path in render.files(".py")
        for function in _functions(path)
        if (lines := _height(function)) > LONGEST_FUNCTION
    ]


def proportion_faults(render: Render) -> list[str]:
    """Find files and functions that are too long as a rule.

    Tests are left out: the budget of files makes theirs few and long.
    """
    python = [path for path in render.files(".py") if not render.is_test(path)]
    files = [_lines(path) for path in python]
    functions = [_height(function) for path in python for function in _functions(path)]
    measures = {
        f"the median file has {{}} lines, {MEDIAN_FILE} at most": (median(files), MEDIAN_FILE),
        f"one file in ten has over {{}} lines, {NINTH_DECILE_FILE} at most": (
            quantiles(files, n=10)[-1],
            NINTH_DECILE_FILE,
        ),
        f"the median function has {{}} lines, {MEDIAN_FUNCTION} at most": (
            median(functions),
            MEDIAN_FUNCTION,
        ),
    }
    return [text.format(value) for text, (value, most) in measures.items() if value > most]


def ignore_faults(render: Render) -> list[str]:
    """Find type errors that are silenced without a code and a reason, or too many of them."""
    found = [
        (render.name_of(path), match)
        for path in render.files(".py")
        for match in IGNORE.finditer(path.read_text())
    ]
    faults = [
        f"{name} silences a type error without its code and a reason"
        for name, match in found
        if not (match["code"] and match["reason"])
    ]
    if len(found) > IGNORES:
        faults.append(f"{len(found)} type errors are silenced, {IGNORES} at most")
    return faults


def _most_lines(name: str) -> int:
    return LONGEST_MAIN if name == "app/main.py" else LONGEST_FILE


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _height(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1
