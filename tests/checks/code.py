"""A render's types hold, and nothing in it is unused: no dependency, no code."""

import os
import re
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

from tests.matrix.environment import THIS, Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render

MYPY_CACHE = ROOT / "build" / "mypy"

# What a framework calls: by its decorator, or by its name; the last is aiosmtpd.
REGISTERED = ["@*.*", "@field_validator", "@model_validator", "@task"]
NAMED = ["pytest_*", "Test*", "test_*", "handle_*", "do_*", "log_request", "capture_signals"]
CODE = {"class", "function", "import", "method", "property", "unreachable_code"}


def compile_faults(render: Render, environment: Environment) -> list[str]:
    """Compile every module; a warning is a fault."""
    script = (
        "import compileall, sys; sys.exit(not compileall.compile_dir('.', quiet=1, force=True))"
    )
    prefix = {"PYTHONPYCACHEPREFIX": str(render.path.with_suffix(".pycache"))}
    result = environment.run(
        "python", "-W", "error", "-c", script, cwd=render.path, variables=prefix
    )
    return (result.stdout + result.stderr).splitlines() if result.returncode else []


def quick_type_faults(render: Render, environment: Environment) -> list[str]:
    """Check types with pyrefly, which takes a second or two."""
    result = THIS.run(
        "pyrefly",
        "check",
        f"--python-interpreter-path={environment.path / 'bin' / 'python'}",
        "--output-format=min-text",
        cwd=render.path,
    )
    errors = [line for line in result.stdout.splitlines() if line.startswith("ERROR")]
    return errors or (result.stderr.splitlines() if result.returncode else [])


def strict_type_faults(render: Render, environment: Environment) -> list[str]:
    """Check types with mypy as the render configures it, which is strict."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    cache = f"--cache-dir={MYPY_CACHE / worker / render.path.name}"
    result = environment.run("mypy", "--no-error-summary", cache, cwd=render.path)
    return (result.stdout + result.stderr).splitlines() if result.returncode else []


def dependency_faults(render: Render, environment: Environment) -> list[str]:
    """Find dependencies that are unused, missing or transitive."""
    result = environment.run("deptry", "--no-ansi", ".", cwd=render.path)
    faults = [line for line in result.stderr.splitlines() if " DEP0" in line]
    return faults or (result.stderr.splitlines() if result.returncode else [])


def dead_code_faults(render: Render) -> list[str]:
    """Find code that nothing in the render uses."""
    vulture = Vulture(ignore_decorators=REGISTERED, ignore_names=NAMED)
    vulture.scavenge([str(path) for path in render.files(".py")])
    unused: list[Item] = vulture.get_unused_code(min_confidence=60)
    return [
        f"{render.name_of(Path(item.filename))}:{item.first_lineno} {item.message}"
        for item in unused
        if item.typ in CODE and not _is_table(render, item) and not _is_named(render, item)
    ]


def _is_table(render: Render, item: Item) -> bool:
    return item.typ == "class" and render.name_of(Path(item.filename)).startswith("app/models/")


def _is_named(render: Render, item: Item) -> bool:
    """Tell whether a string names it as uvicorn and entry points do, `module:name`."""
    reference = re.compile(rf'\w:{item.name}"')
    return any(reference.search(path.read_text()) for path in render.files(".py", ".toml"))
