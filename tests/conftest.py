"""Renders and the environment that they share, made once for all processes of a run."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.grounds import Grounds
from tests.matrix.clusters import Cluster, running_cluster
from tests.matrix.environment import Environment, environment_for
from tests.matrix.releases import Releases, make_releases
from tests.matrix.renders import Render, Renders
from tests.matrix.rows import rows

# A shell makes what it runs in the background ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def renders(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Renders:
    base = tmp_path_factory.getbasetemp()
    return Renders((base if worker_id == "master" else base.parent) / "renders")


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Releases:
    base = tmp_path_factory.getbasetemp()
    return make_releases((base if worker_id == "master" else base.parent) / "releases")


@pytest.fixture(scope="session")
def environment(renders: Renders) -> Environment:
    return environment_for(renders.get(row.answers) for row in rows())


@pytest.fixture(scope="session")
def cluster(
    renders: Renders, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Run one PostgreSQL for this process, with a database that the `starter` render migrated."""
    render, folder = renders.get({"preset": "starter"}), tmp_path_factory.mktemp("postgres")
    with running_cluster(render, environment, folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def grounds(renders: Renders, environment: Environment, cluster: Cluster) -> Grounds:
    """Return where projects with any kind of sign-in are attacked."""
    return Grounds(renders, environment, cluster)


@pytest.fixture
def starter(renders: Renders) -> Render:
    """Return the `starter` render, which nobody may write into."""
    return renders.get({"preset": "starter"})


@pytest.fixture
def planted(starter: Render, tmp_path: Path) -> Render:
    """Return a copy of the `starter` render to plant a fault in."""
    shutil.copytree(starter.path, tmp_path / "planted")
    return Render(tmp_path / "planted", starter.answers)
