"""Work in the background of a project: its owner's task, from the command line to an answer."""

import json
import shutil
import time
from pathlib import Path

import pytest

from tests.matrix.accounts import ADA, credentials_of
from tests.matrix.environment import Environment
from tests.matrix.renders import Renders
from tests.matrix.servers import MAIN, PATIENCE, development_server

PROBE = Path(__file__).parent / "probes" / "renaming.py"

pytestmark = pytest.mark.xdist_group("live")


def test_tasks_over_http(renders: Renders, environment: Environment, tmp_path: Path) -> None:
    """The application does the tasks by itself while developing; Redis is Valkey of its own."""
    project = tmp_path / "project"
    shutil.copytree(renders.get({"preset": "minimal", "features": ["tasks"]}).path, project)
    shutil.copy(PROBE, project / "app" / "tasks")
    with development_server(project, environment) as server:
        assert server.client.post("/api/v1/auth/register", json=ADA).status_code == 201
        signed_in = server.client.post("/api/v1/auth/login", json=credentials_of(ADA)).json()
        bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
        me = server.client.get("/api/v1/users/me", headers=bearer).json()

        def enqueue(name: str) -> int:
            given = json.dumps({"user_id": me["id"], "name": "Ada King"})
            command = ("-c", MAIN, "worker", "enqueue", name, given)
            return environment.run("python", *command, cwd=project).returncode

        assert (enqueue("remane"), enqueue("rename")) == (2, 0)
        deadline = time.monotonic() + PATIENCE
        while me["full_name"] != "Ada King":
            assert time.monotonic() < deadline, server.log.read_text()
            me = server.client.get("/api/v1/users/me", headers=bearer).json()
            time.sleep(0.1)
