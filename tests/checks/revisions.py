"""Revisions of features run in projects whose owners may have dropped the table on purpose."""

import ast
from pathlib import Path


def unguarded_revisions(template: Path) -> list[str]:
    """Find later revisions of features that go one way without looking for their table."""
    folders = (template / "migrations" / "versions").glob("[!_]*/")
    return [
        f"{path.name}: {function.name} doesn't ask whether its table was dropped: has_table()"
        for folder in sorted(folders)
        if folder.name != "core"
        for path in sorted(folder.glob("*.py"))[1:]
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef) and function.name in {"upgrade", "downgrade"}
        if "has_table" not in ast.unparse(function)
    ]
