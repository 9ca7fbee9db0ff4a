"""A project that its owner has worked on follows the template, and loses nothing on the way."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lived_in.owner import Owner
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.git import git
from tests.matrix.questions import ROOT, Answers
from tests.matrix.releases import NOW, Releases, releases

STARTER: Answers = {"preset": "starter"}
FIRST = releases()[0].version
LATER = [*(release.version for release in releases()[1:]), NOW]
OTHERS: list[Answers] = [{"features": []}, {"auth": "session"}, {"ci": "none"}]
DOCKERFILE_LINE = "RUN apt-get update && apt-get install --yes libpq5"
DELETED = "docs/AUTH_MODEL.md"

pytestmark = pytest.mark.xdist_group("live")


@pytest.fixture
def owner(
    released: Releases, environment: Environment, cluster: Cluster, tmp_path: Path
) -> Iterator[Owner]:
    project = released.project(FIRST, STARTER, tmp_path / "project")
    with cluster.database(like="template0") as url:
        yield Owner(project, environment, url)


def live_in(owner: Owner, released: Releases, tmp_path: Path) -> None:
    """Do everything that an owner does."""
    owner.add_resource()
    others = [
        released.project(FIRST, {**STARTER, **other}, tmp_path / f"other-{number}")
        for number, other in enumerate(OTHERS)
    ]
    for name in git(owner.project, "ls-files").split():
        # An edit of the example would keep it from being switched off.
        if (ROOT / "template" / f"{name}.jinja").exists() and "items" not in name:
            owner.write_beside(name, [path for each in others if (path := each / name).exists()])
    owner.add_setting()
    owner.insert("Dockerfile", DOCKERFILE_LINE, after="RUN useradd")
    owner.insert("app/middleware/addresses.py", "# ours, wherever it goes", after="PROBES = ")
    owner.add_packages()
    owner.delete(DELETED)
    owner.commit("Live in it")


def update(owner: Owner, *options: str) -> subprocess.CompletedProcess[str]:
    result = owner.app("update", "--no-setup", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    owner.commit("Update")
    return result


def test_a_lived_in_project(owner: Owner, released: Releases, tmp_path: Path) -> None:
    live_in(owner, released, tmp_path)
    assert owner.losses() == []
    for version in LATER:
        update(owner, "--to", version)
        assert owner.losses() == []
    update(owner, "--off", "items")
    assert owner.losses() == []
    update(owner, "--on", "items")
    assert owner.losses() == []
    assert_sound(owner)


@pytest.mark.full
def test_the_example_renamed_to_what_it_became(owner: Owner) -> None:
    owner.succeed("db", "upgrade")
    owner.rename_resource()
    owner.succeed("db", "upgrade")
    owner.succeed("seed")
    owner.commit("Make products of items")
    for version in LATER:
        update(owner, "--to", version)
        assert owner.losses() == []
    assert_sound(owner, "tests/api/test_products.py", "tests/api/test_contract.py", "tests/db")


def assert_sound(owner: Owner, *tests: str) -> None:
    """Check that migrations apply and agree with the models, and that tests pass."""
    owner.succeed("db", "upgrade")
    owner.succeed("db", "check")
    command = ("python", "-m", "pytest", "-q", "-n", "2", *tests)
    result = owner.environment.run(*command, cwd=owner.project)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d+ passed", result.stdout)
