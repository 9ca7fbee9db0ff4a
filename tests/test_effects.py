"""What an answer is good for, where no running application is needed to see it."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.checks.workflows import workflow_faults
from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render, Renders

OPENINGS = {"MIT": "MIT License", "Apache-2.0": "Apache License"}
HASHES = {"argon2id": "$argon2id$v=19$m=19456,t=2,p=1$", "bcrypt": "$2b$12$"}
HASH = """
import asyncio
from app.core.config.passwords import PasswordSettings
from app.core.security.passwords import PasswordHasher
print(asyncio.run(PasswordHasher(PasswordSettings()).hash("correct horse battery")))
"""
VERIFY = """
import asyncio, json, sys
from app.core.config.passwords import PasswordSettings
from app.core.security.passwords import PasswordHasher
hasher = PasswordHasher(PasswordSettings())
for password in ("correct horse battery", "wrong horse battery"):
    print(json.dumps(asyncio.run(hasher.verify(password, sys.argv[1]))))
"""


def schema_faults(schema: str, file: Path) -> str:
    result = subprocess.run(
        [
            Path(sys.executable).with_name("check-jsonschema"),
            f"--builtin-schema=vendor.{schema}",
            file,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    return result.stdout + result.stderr if result.returncode else ""


def test_compose_file_is_valid(starter: Render) -> None:
    assert schema_faults("compose-spec", starter.path / "compose.yaml") == ""


@pytest.mark.parametrize("ours", [True, False], ids=["here", "rendered"])
def test_workflow_is_valid(ours: bool, starter: Render) -> None:
    folder = (ROOT if ours else starter.path) / ".github" / "workflows"
    workflows = list(folder.iterdir())
    assert workflows
    assert [schema_faults("github-workflows", file) for file in workflows] == [""] * len(workflows)
    assert [fault for file in workflows for fault in workflow_faults(file)] == []


def test_renovate_configuration_is_valid(starter: Render) -> None:
    assert schema_faults("renovate", starter.path / "renovate.json") == ""


@pytest.mark.parametrize("license_", OPENINGS)
def test_licence_is_the_chosen_one(license_: str, renders: Renders) -> None:
    render = renders.get({"license": license_, "author_name": "Ada"})
    project = tomllib.loads((render.path / "pyproject.toml").read_text())["project"]
    assert project["license"] == license_
    assert (render.path / "LICENSE").read_text().lstrip().startswith(OPENINGS[license_])


def test_no_licence(renders: Renders) -> None:
    assert not (renders.get({"license": "none"}).path / "LICENSE").exists()


@pytest.mark.parametrize(
    ("answers", "authors"),
    [
        ({"author_name": "Ada"}, [{"name": "Ada"}]),
        ({"author_email": "ada@example.com"}, [{"email": "ada@example.com"}]),
        (
            {"author_name": "No", "author_email": "no@example.com"},
            [{"name": "No", "email": "no@example.com"}],
        ),
    ],
)
def test_author_is_named(
    answers: dict[str, str], authors: list[dict[str, str]], renders: Renders
) -> None:
    render = renders.get(answers)
    project = tomllib.loads((render.path / "pyproject.toml").read_text())["project"]
    assert project["authors"] == authors


@pytest.mark.parametrize("chosen", HASHES)
def test_passwords_are_hashed_as_chosen(
    chosen: str, renders: Renders, environment: Environment
) -> None:
    [other] = HASHES.keys() - {chosen}
    ours, theirs = (renders.get({"password_hash": name}).path for name in (chosen, other))
    hashed = environment.read("-c", HASH, cwd=ours).strip()
    assert hashed.startswith(HASHES[chosen])
    right, wrong = environment.read("-c", VERIFY, hashed, cwd=theirs).splitlines()
    fits, upgraded = json.loads(right)
    assert fits
    assert upgraded.startswith(HASHES[other])
    assert json.loads(wrong) == [False, None]


def test_lanes_of_argon2id_need_memory(starter: Render, environment: Environment) -> None:
    script = "from app.core.config.passwords import PasswordSettings; PasswordSettings()"
    for lanes, said in (("2", ""), ("3", "PASSWORD_MEMORY_COST must be at least 8 for each lane")):
        variables = {"PASSWORD_MEMORY_COST": "16", "PASSWORD_PARALLELISM": lanes}
        result = environment.run("python", "-c", script, cwd=starter.path, variables=variables)
        assert said in result.stderr
        assert bool(result.returncode) is bool(said)
