"""Rules that no linter knows, read from the syntax tree of every module."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from app.core.config import group_types

ROOT = Path(__file__).parents[2]
SQL = {"select", "insert", "update", "delete", "flush", "execute", "scalar", "scalars", "text"}
ROUTE_METHODS = {"get", "post", "put", "patch", "delete"}
Found = Iterator[tuple[str, int]]


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the application by its path."""
    paths = sorted((ROOT / "app").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def offenders(find: Callable[[ast.Module], Found], *, allowed: tuple[str, ...]) -> list[str]:
    """List what is found outside the allowed places, which must not all be empty of it."""
    found = {path: list(find(tree)) for path, tree in modules().items()}
    assert any(hits for path, hits in found.items() if path.startswith(allowed)), "finds nothing"
    return [
        f"{path}:{line}: {name}"
        for path, hits in found.items()
        for name, line in hits
        if not path.startswith(allowed)
    ]


def commits(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "commit":
            yield "commit", node.lineno


def statements(tree: ast.Module) -> Found:
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy")
        for alias in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in SQL & imported:
                yield name, node.lineno
            case ast.Call(func=ast.Attribute(attr="flush" | "execute" | "scalar" | "scalars")):
                yield ast.unparse(node.func), node.lineno


def imports_of(package: str) -> Callable[[ast.Module], Found]:
    def find(tree: ast.Module) -> Found:
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=aliases):
                    names = [alias.name for alias in aliases]
                case ast.ImportFrom(module=str(name)):
                    names = [name]
                case _:
                    continue
            yield from ((n, node.lineno) for n in names if n.partition(".")[0] == package)

    return find


def http_exceptions(tree: ast.Module) -> Found:
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if "HTTPException" in names or (
            isinstance(node, ast.Attribute) and node.attr == "HTTPException"
        ):
            yield "HTTPException", getattr(node, "lineno", 0)


def test_only_use_cases_commit() -> None:
    allowed = ("app/services/use_case.py", "app/db/", "app/repositories/base.py")
    assert offenders(commits, allowed=allowed) == []


def test_sql_is_written_in_repositories() -> None:
    allowed = ("app/repositories/", "app/db/", "app/services/health.py")
    assert offenders(statements, allowed=allowed) == []


def test_errors_of_the_wire_are_made_in_one_place() -> None:
    assert offenders(http_exceptions, allowed=("app/api/errors.py",)) == []


def test_only_the_outer_layers_know_the_framework() -> None:
    allowed = ("app/main.py", "app/lifespan.py", "app/api/", "app/middleware/")
    assert offenders(imports_of("fastapi"), allowed=allowed) == []


def test_only_the_database_layers_know_its_driver_and_alembic() -> None:
    allowed = ("app/db/", "app/cli/database.py")
    assert offenders(imports_of("asyncpg"), allowed=allowed) == []


def test_imports_point_inwards(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def routes() -> Iterator[tuple[str, ast.AsyncFunctionDef | ast.FunctionDef]]:
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and any(
                isinstance(decorator, ast.Call)
                and isinstance(decorator.func, ast.Attribute)
                and decorator.func.attr in ROUTE_METHODS
                for decorator in node.decorator_list
            ):
                yield path, node


def test_a_route_calls_one_service_and_returns() -> None:
    found = list(routes())
    assert len(found) > 5
    for path, node in found:
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        assert lines <= 6, f"{path}:{node.lineno}: {lines} lines"
        assert node.returns is not None, f"{path}:{node.lineno}: says not what it returns"


def test_files_and_functions_stay_short() -> None:
    for folder in ("app", "dev", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text()
            assert len(source.splitlines()) <= 300, path
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
                    lines = (node.end_lineno or 0) - node.lineno + 1
                    assert lines <= 50, f"{path}:{node.lineno}: {lines} lines"


WATCH = """
import os, socket, sys

def refuse(*_, **__):
    raise SystemExit("touched the outside")

class Watched(type(os.environ)):
    def __getitem__(self, name):
        if name.startswith(PREFIXES):
            refuse()
        return super().__getitem__(name)

os.environ.__class__ = Watched
socket.socket.connect = socket.socket.bind = refuse
sys.addaudithook(lambda event, _: refuse() if event in {"socket.connect", "socket.bind"} else None)
sys.addaudithook(
    lambda event, args: refuse() if event == "open" and str(args[0]).endswith(".env") else None
)
"""


@pytest.mark.parametrize(
    ("statement", "touches"),
    [
        ("import app.main", False),
        ("import app.main; app.main.create_app()", True),
        ("import socket; socket.create_connection(('127.0.0.1', 1))", True),
    ],
)
def test_importing_the_application_touches_nothing(statement: str, *, touches: bool) -> None:
    assert len((ROOT / "app" / "main.py").read_text().splitlines()) <= 50
    prefixes = [str(group.model_config.get("env_prefix")) for group in group_types().values()]
    watch = f"PREFIXES = {tuple(prefixes)}\n{WATCH}"
    code = [sys.executable, "-c", watch + statement]
    result = subprocess.run(
        code, cwd=ROOT, env={"APP_DEBUG": "true"}, capture_output=True, text=True, check=False
    )
    assert ("touched the outside" in result.stderr) == touches, result.stderr
    assert (result.returncode != 0) == touches, result.stderr
