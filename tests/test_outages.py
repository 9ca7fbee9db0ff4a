"""Others that are away, and what a running project makes of it."""

import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.matrix.environment import Environment
from tests.matrix.renders import Renders
from tests.matrix.servers import development_server, free_ports

pytestmark = pytest.mark.xdist_group("live")

FEATURES = {"oauth_providers": ["github"], "features": ["resilience"]}
THRESHOLD = 5


def test_a_provider_that_is_away_is_not_asked_for_a_while(
    renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    host = f"127.0.0.1:{free_ports(1)[0]}"
    variables = {
        "OAUTH_GITHUB_CLIENT_ID": "my-api",
        "OAUTH_GITHUB_CLIENT_SECRET": "hunter2",
        "OAUTH_GITHUB_URL": f"http://{host}",
    }
    project = tmp_path / "project"
    shutil.copytree(renders.get({"preset": "minimal", **FEATURES}).path, project)
    with development_server(project, environment, variables) as server:
        client, oauth = server.client, "/api/v1/oauth/github"
        states = []
        for _ in range(THRESHOLD + 1):
            report = client.get("/health").json()
            states.append((report["status"], report["checks"].get(host)))
            begun = client.get(f"{oauth}/initiate").headers["location"]
            [state] = parse_qs(urlsplit(begun).query)["state"]
            refused = client.get(f"{oauth}/callback", params={"code": "x", "state": state})
            assert (refused.status_code, refused.json()["code"]) == (503, "provider_unavailable")
        tried = [("healthy", "ok")] * (THRESHOLD - 1)
        assert states == [("healthy", None), *tried, ("degraded", "open")]
        assert client.get("/health/ready").status_code == 200
