"""A render is what `ruff format` would make of it, and `ruff check` has nothing to say."""

from tests.matrix.environment import Environment
from tests.matrix.renders import Render


def formatting_faults(render: Render, environment: Environment) -> list[str]:
    return _ruff("format", "--check", render=render, environment=environment)


def lint_faults(render: Render, environment: Environment) -> list[str]:
    return _ruff("check", render=render, environment=environment)


def _ruff(*command: str, render: Render, environment: Environment) -> list[str]:
    options = ("--no-cache", "--output-format=concise", ".")
    result = environment.run("ruff", *command, *options, cwd=render.path)
    return (result.stdout + result.stderr).splitlines() if result.returncode else []
