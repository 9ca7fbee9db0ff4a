"""Where projects are attacked: for each kind of sign-in a render, and a database that fits it."""

import shutil
from pathlib import Path

from tests.attacks.deployment import Target
from tests.attacks.kinds import KINDS
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Renders


class Grounds:
    """Targets on one server, where each kind has a database that its render migrates."""

    def __init__(self, renders: Renders, environment: Environment, cluster: Cluster) -> None:
        self._renders = renders
        self._environment = environment
        self._cluster = cluster
        self._clusters: dict[str, Cluster] = {}

    def target(self, kind: str, folder: Path) -> Target:
        """Copy the render of a kind into a folder that isn't there yet."""
        render = self._renders.get(KINDS[kind].answers)
        if kind not in self._clusters:
            self._clusters[kind] = self._cluster.migrated(kind, render, self._environment)
        shutil.copytree(render.path, folder)
        return Target(folder, self._environment, self._clusters[kind], kind)
