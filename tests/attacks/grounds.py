"""Where projects are attacked: for each kind of sign-in a render, and a database that fits it."""

import shutil
from pathlib import Path

from tests.attacks.deployment import Target
from tests.attacks.kinds import KINDS, TOKENS
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Renders


class Grounds:
    """Targets on one server, which the `starter` render has migrated a database of."""

    def __init__(self, renders: Renders, environment: Environment, cluster: Cluster) -> None:
        self._renders = renders
        self._environment = environment
        self._clusters = {TOKENS: cluster}

    def target(self, kind: str, folder: Path) -> Target:
        """Copy the render of a kind into a folder that isn't there yet."""
        render = self._renders.get(KINDS[kind].answers)
        if kind not in self._clusters:
            cluster = self._clusters[TOKENS]
            self._clusters[kind] = cluster.migrated(kind, render, self._environment)
        shutil.copytree(render.path, folder)
        return Target(folder, self._environment, self._clusters[kind], kind)
