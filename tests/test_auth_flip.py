"""Changing how clients stay signed in, in a project that people have accounts in."""

from pathlib import Path

import httpx2
import pytest

from tests.matrix.accounts import ADA, GRACE, credentials_of, csrf
from tests.matrix.environment import Environment
from tests.matrix.git import commit_all
from tests.matrix.projects import living_project, update
from tests.matrix.renders import Renders
from tests.matrix.servers import development_server

pytestmark = pytest.mark.xdist_group("live")


def headers(client: httpx2.Client, auth: str) -> dict[str, str]:
    """Return what a client has to send with what changes something."""
    return {} if auth == "jwt" else csrf(client)


def register(client: httpx2.Client, auth: str, person: dict[str, str]) -> None:
    answer = client.post("/api/v1/auth/register", json=person, headers=headers(client, auth))
    assert answer.status_code == 201, answer.text


def sign_in(client: httpx2.Client, auth: str, person: dict[str, str]) -> str:
    """Sign in, and return the address of who is signed in then."""
    body = credentials_of(person)
    answer = client.post("/api/v1/auth/login", json=body, headers=headers(client, auth))
    assert answer.status_code == 200, answer.text
    token = answer.json().get("access_token")
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    email: str = client.get("/api/v1/users/me", headers=bearer).json()["email"]
    return email


@pytest.mark.parametrize("before", ["jwt", pytest.param("session", marks=pytest.mark.full)])
def test_every_account_signs_in_after_a_change_and_after_the_way_back(
    before: str, renders: Renders, environment: Environment, tmp_path: Path
) -> None:
    after = {"jwt": "session", "session": "jwt"}[before]
    project = living_project(renders, {"preset": "starter", "auth": before}, tmp_path / "project")
    with development_server(project, environment) as server:
        register(server.client, before, ADA)
        assert sign_in(server.client, before, ADA) == ADA["email"]
    update(project, {"auth": after})
    commit_all(project, "Change how clients stay signed in")
    with development_server(project, environment) as server:
        assert sign_in(server.client, after, ADA) == ADA["email"]
        register(server.client, after, GRACE)
    update(project, {"auth": before})
    with development_server(project, environment) as server:
        for person in (ADA, GRACE):
            assert sign_in(server.client, before, person) == person["email"]
