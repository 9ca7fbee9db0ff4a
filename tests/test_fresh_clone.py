"""What a new user does first, on a clone, with nothing on PATH but the system and Python."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import yaml

from tests.matrix.accounts import ADA, credentials_of
from tests.matrix.git import commit_all, git
from tests.matrix.questions import ROOT
from tests.matrix.servers import is_ready

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("fresh clone")]

PATIENCE = 300
OURS = {"MAKEFLAGS", "MAKELEVEL", "PYTHONPATH", "UV", "VIRTUAL_ENV"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fresh") / "mainstay"
    git(ROOT, "clone", "--quiet", str(ROOT), str(path))
    return path


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """Return an environment whose PATH holds this Python and the folders of the system only."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**kept, "PATH": f"{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin"}


@pytest.fixture(scope="module")
def demo(clone: Path, variables: dict[str, str]) -> Iterator[httpx2.Client]:
    log = clone.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "demo"],
            cwd=clone,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with httpx2.Client(base_url=_address(process, log), timeout=10) as client:
            yield client
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)


def test_demo_serves(demo: httpx2.Client) -> None:
    assert demo.get("/health/ready").json()
    assert demo.post("/api/v1/auth/register", json=ADA).is_success
    token = demo.post("/api/v1/auth/login", json=credentials_of(ADA)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert demo.post("/api/v1/items", json={"title": "Engine"}, headers=headers).is_success
    assert demo.get("/api/v1/items", headers=headers).json()["total"] == 1
    assert demo.get("/openapi.json").is_success


def test_new_project_can_be_updated(clone: Path, variables: dict[str, str], tmp_path: Path) -> None:
    project = tmp_path / "my-api"
    relative = os.path.relpath(project, clone)
    new = ["make", "new", f"DEST={relative}", "PRESET=minimal", "ARGS=--defaults"]
    subprocess.run(new, cwd=clone, env=variables, check=True)
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert answers["preset"] == "minimal"
    assert answers["_src_path"] == str(clone)
    git(project, "init", "--quiet")
    subprocess.run(["make", "setup"], cwd=project, env=variables, check=True)
    commit_all(project, "Start")
    app = str(project / ".venv" / "bin" / "app")
    update = [app, "update", "--to=HEAD", "--on=items", "--data=auth=session"]
    subprocess.run(update, cwd=project, env=variables, check=True)
    assert (project / "app" / "models" / "items.py").exists()
    # What the new answers need was installed, and its secrets were made.
    subprocess.run([app, "update", "--help"], cwd=project, env=variables, check=True)
    python = str(project / ".venv" / "bin" / "python")
    subprocess.run([python, "-c", "import redis"], cwd=project, env=variables, check=True)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the demo answers; return where."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        shown = re.search(r"(http://127\.0\.0\.1:\d+)/api", log.read_text())
        if shown and is_ready(shown[1]):
            return shown[1]
        time.sleep(0.5)
    raise AssertionError(f"The demo didn't become ready:\n{log.read_text()}")
