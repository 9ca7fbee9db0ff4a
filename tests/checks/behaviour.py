"""What a render's application says of itself: its routes and its settings."""

import json
import re
from secrets import token_hex

from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render
from tests.matrix.routes import routes_for

PROBES = ROOT / "tests" / "probes"
LISTED = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]*)=", re.MULTILINE)
SUBSTITUTED = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")
SET = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def route_faults(render: Render, environment: Environment) -> list[str]:
    """Compare the API with what these answers promise."""
    served = set(json.loads(_probe("routes.py", render, environment)))
    promised = routes_for(render.answers)
    return [f"{route} is missing" for route in sorted(promised - served)] + [
        f"{route} is not promised" for route in sorted(served - promised)
    ]


def setting_faults(render: Render, environment: Environment) -> list[str]:
    """Compare `.env.example` with what the application reads, and compose.yaml where it is."""
    read = set(json.loads(_probe("settings.py", render, environment)))
    read |= _compose_variables(render)
    listed = LISTED.findall((render.path / ".env.example").read_text())
    twice = sorted({name for name in listed if listed.count(name) > 1})
    return (
        [f".env.example leaves out {name}" for name in sorted(read - set(listed))]
        + [f".env.example lists {name}, which nothing reads" for name in sorted(set(listed) - read)]
        + [f".env.example lists {name} twice" for name in twice]
    )


def example_settings(render: Render) -> dict[str, str]:
    """Return what `.env.example` sets, with secrets, and services that nobody connects to."""
    example = (render.path / ".env.example").read_text()
    filled = re.sub(r"\{random\}", lambda _: token_hex(32), example)
    services = {
        "DATABASE_URL": "postgresql://nobody@localhost/nothing",
        "REDIS_URL": "redis://nobody@localhost",
    }
    return services | dict(SET.findall(filled))


def _compose_variables(render: Render) -> set[str]:
    file = render.path / "compose.yaml"
    return set(SUBSTITUTED.findall(file.read_text())) if file.exists() else set()


def _probe(name: str, render: Render, environment: Environment) -> str:
    variables = {"PYTHONPATH": str(render.path), **example_settings(render)}
    return environment.read(str(PROBES / name), cwd=render.path, variables=variables)
