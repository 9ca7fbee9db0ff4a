"""The deployment that all attacks share, and the people on it."""

import shutil
from collections.abc import Iterator

import pytest
from httpx2 import Client

from tests.attacks.carriers import TokenCarrier
from tests.attacks.deployment import Deployment, Target, deployed
from tests.attacks.people import People
from tests.matrix.renders import Renders


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Return the project that another run has planted a fault in, or the `starter` render."""
    if given := Target.from_variables():
        return given
    renders: Renders = request.getfixturevalue("renders")
    project = tmp_path_factory.mktemp("attacked") / "starter"
    shutil.copytree(renders.get({"preset": "starter"}).path, project)
    environment, cluster = map(request.getfixturevalue, ("environment", "cluster"))
    return Target(project, environment, cluster)


@pytest.fixture(scope="session")
def shared_deployment(
    target: Target, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    with deployed(target, tmp_path_factory.mktemp("deployed")) as deployment:
        yield deployment


@pytest.fixture
def deployment(shared_deployment: Deployment) -> Iterator[Deployment]:
    """Return the deployment, and fail if an attack made a process fail."""
    before = shared_deployment.failures()
    yield shared_deployment
    assert shared_deployment.failures() == before


@pytest.fixture
def here(deployment: Deployment) -> Client:
    """Return the process that is asked."""
    return deployment.here


@pytest.fixture
def there(deployment: Deployment) -> Client:
    """Return the other process, which has to know without being told."""
    return deployment.there


@pytest.fixture(scope="session")
def carrier() -> TokenCarrier:
    return TokenCarrier()


@pytest.fixture
def people(deployment: Deployment, carrier: TokenCarrier) -> People:
    return People(deployment, carrier)
