"""The embedded PostgreSQL of a render, tried from inside one."""

import shutil
from pathlib import Path

import pytest

from tests.matrix.environment import Environment
from tests.matrix.questions import ROOT
from tests.matrix.renders import Renders

pytestmark = pytest.mark.xdist_group("live")


def test_launcher(renders: Renders, environment: Environment, tmp_path: Path) -> None:
    project = tmp_path / "starter"
    shutil.copytree(renders.get({"preset": "starter"}).path, project)
    tests = project / "tests" / "dev" / "test_postgres.py"
    tests.parent.mkdir()
    shutil.copy(ROOT / "tests" / "rendered" / "postgres_launcher.py", tests)
    result = environment.run("python", "-m", "pytest", "-q", str(tests), cwd=project)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
