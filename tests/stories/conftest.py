"""The stage on which the stories play, one for each process of a run."""

import pytest

from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Renders
from tests.stories.stage import Stage
from tests.stories.versions import versions_of


@pytest.fixture(scope="session")
def stage(
    renders: Renders,
    environment: Environment,
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stage:
    return Stage(tmp_path_factory.mktemp("starts"), versions_of(renders), environment, cluster)
