"""A further provider, added to a project as its documents say."""

import re
import shutil
from pathlib import Path

import pytest

from tests.checks.formatting import formatting_faults, lint_faults
from tests.matrix.environment import Environment
from tests.matrix.identity_provider import consent, identity_provider
from tests.matrix.renders import Render, Renders
from tests.matrix.servers import development_server

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("live")]


@pytest.mark.parametrize("auth", ["jwt", "session"])
def test_a_third_provider_is_a_file_and_a_line(
    auth: str, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    answers = {"preset": "minimal", "auth": auth, "oauth_providers": ["google"]}
    render = renders.get(answers)
    project = tmp_path / "project"
    shutil.copytree(render.path, project)
    document = (project / "docs" / "OPENID.md").read_text()
    found = re.search(
        r"more than a file (\S+) in `(\S+)`:\n\n```python\n(.*?)```", document, re.DOTALL
    )
    line = re.search(r"The line is `(.*?)`", document)
    assert found
    assert line
    name = f"{found[2]}{found[1]}"
    (project / name).write_text(found[3])
    settings = project / "app" / "core" / "config" / "__init__.py"
    module = name.removesuffix(".py").replace("/", ".")
    kind = line[1].partition(": ")[2]
    text = settings.read_text()
    for anchor, added in (
        (r"from app\.core\.auth_providers\.google import", f"from {module} import {kind}\n"),
        (r"    google: ", f"    {line[1]}\n"),
    ):
        text, count = re.subn(rf"^(?={anchor})", added, text, count=1, flags=re.MULTILINE)
        assert count == 1
    settings.write_text(text)
    with identity_provider(environment, tmp_path) as issuer:
        variables = {
            "OAUTH_GITLAB_CLIENT_ID": "my-api",
            "OAUTH_GITLAB_CLIENT_SECRET": "hunter2",
            "OAUTH_GITLAB_ISSUER": issuer,
        }
        with development_server(project, environment, variables) as server:
            listed = server.client.get("/api/v1/oauth/providers").json()["items"]
            assert [item["title"] for item in listed] == ["GitLab"]
            begun = server.client.get(listed[0]["initiate_url"])
            callback = consent(begun.headers["location"])
            assert "/oauth/gitlab/callback?" in callback
            path = "/api" + callback.partition("/api")[2]
            assert "#code=" in server.client.get(path).headers["location"]
    changed = Render(project, render.answers)
    for faults in (formatting_faults, lint_faults):
        assert faults(changed, environment) == []
