"""What Markdown says of the command `app` is what a render's command line knows."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.checks.documents import FENCE, SPAN
from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render

PROBE = ROOT / "tests" / "probes" / "commands.py"
CALL = re.compile(r"(?:^|(?<=uv run )|(?<=\.venv/bin/)|(?<=\$ )|(?<=&& ))app (?P<words>[a-z].*)$")
INDENTED = re.compile(r"^ {4}(\S.*)$", re.MULTILINE)
END = re.compile(r"[|;&>#)]")

Tree = Mapping[str, Any]


def commands_of(render: Render, environment: Environment) -> Tree:
    """Return the commands of a render, each with its options and the commands below it."""
    read = environment.read(str(PROBE), cwd=render.path, variables={"PYTHONPATH": str(render.path)})
    tree: Tree = json.loads(read)
    return tree


def command_faults(files: Sequence[Path], tree: Tree) -> list[str]:
    """Find commands and options of `app` that don't exist."""
    return [
        f"{path.name}: there is no `app {fault}`"
        for path in files
        for words in calls(path.read_text())
        if (fault := _fault_of(words, tree))
    ]


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words behind `app`, wherever code calls it."""
    fences = (fence[0] for fence in FENCE.finditer(text) if not fence[0].startswith("```python"))
    lines = [line.strip() for fence in fences for line in fence.splitlines()]
    prose = FENCE.sub("", text)
    for code in (*lines, *INDENTED.findall(prose), *SPAN.findall(prose)):
        if call := CALL.search(code):
            yield END.split(call["words"])[0].replace("…", "").split()


def _fault_of(words: Sequence[str], tree: Tree) -> str | None:
    path: list[str] = []
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("-"):
            if name not in tree["options"]:
                return " ".join([*path, name])
        elif tree["commands"]:
            path.append(name)
            if name not in tree["commands"]:
                return " ".join(path)
            tree = tree["commands"][name]
    return None
