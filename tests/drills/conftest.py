"""Where PostgreSQL is broken, and where it is only kept busy."""

import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.drills.calm_site import running_calm_site
from tests.drills.database_site import (
    ANSWERS,
    DatabaseSite,
    Ground,
    running_database_site,
)
from tests.drills.site import Site
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Render, Renders


@dataclass(frozen=True)
class Grounds:
    renders: Renders
    environment: Environment
    clusters: dict[str, Cluster]

    def render(self, kind: str = "jwt") -> Render:
        return self.renders.get(ANSWERS[kind])

    def broken(
        self, ground: Ground, folder: Path, project: Path | None = None
    ) -> AbstractContextManager[DatabaseSite]:
        """Run a site of a render, or of a project that was made of it, on its own PostgreSQL."""
        render = self.render(ground.kind)
        run = Render(project or render.path, render.answers)
        return running_database_site(ground, run, self.environment, folder)

    def calm(
        self,
        folder: Path,
        *,
        project: Path | None = None,
        variables: Mapping[str, str] | None = None,
        processes: int = 2,
        workers: int = 1,
    ) -> AbstractContextManager[Site]:
        """Run a site with routes of an owner's, on a PostgreSQL that nobody breaks."""
        render = self.render()
        if "calm" not in self.clusters:
            self.clusters["calm"] = self.clusters[""].migrated("calm", render, self.environment)
        run = Render(project or render.path, render.answers)
        return running_calm_site(
            run,
            self.environment,
            self.clusters["calm"],
            folder,
            variables or {},
            processes=processes,
            workers=workers,
        )

    def plant(self, file: str, old: str, new: str, project: Path) -> None:
        """Copy the render with tokens, and change what is once in a file of it."""
        shutil.copytree(self.render().path, project)
        path = project / file
        source = path.read_text()
        assert source.count(old) == 1
        path.write_text(source.replace(old, new))


@pytest.fixture(scope="session")
def drilled(renders: Renders, environment: Environment, cluster: Cluster) -> Grounds:
    return Grounds(renders, environment, {"": cluster})
