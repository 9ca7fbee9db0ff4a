"""Where stories play: a PostgreSQL, and a repository of the template that has a later version."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.git import commit_all
from tests.matrix.projects import living_project
from tests.matrix.questions import Answers
from tests.stories.databases import Database, Part
from tests.stories.project import LivingProject, assert_same
from tests.stories.versions import Version, Versions

OWN_TABLES = {"orders"}


@dataclass
class Stage:
    folder: Path
    versions: Versions
    environment: Environment
    cluster: Cluster
    starts: dict[str, LivingProject] = field(default_factory=dict)
    schemas: dict[str, set[Part]] = field(default_factory=dict)

    @contextmanager
    def project(
        self, path: Path, answers: Answers, version: Version | None = None
    ) -> Iterator[LivingProject]:
        """Give a project of these answers with a table of its owner's, and rows in every table."""
        start = self._start(version or self.versions.present, answers)
        shutil.copytree(start.path, path)
        with self.cluster.database(like=start.database.name) as url:
            yield replace(start, path=path, database=Database(url))

    def differences(self, project: LivingProject) -> set[Part]:
        """Return what a new project of the same answers has and this one hasn't, and the reverse.

        The owner's tables don't count, nor what a latch keeps.
        """
        kept = OWN_TABLES | project.retired_tables()
        evolved = {part for part in project.database.schema() if part[0] not in kept}
        return evolved ^ self._new_schema(project.version, project.answers)

    def assert_like_new(self, project: LivingProject) -> None:
        """Check that models and schema agree, with a new project, and with all revisions anew."""
        project.db("check")
        assert_same(self.differences(project), set())
        with self.cluster.database(like="template0") as url:
            again = Database(url)
            project.db("upgrade", on=again)
            assert_same(again.schema() ^ project.database.schema(), set())

    def _start(self, version: Version, answers: Answers) -> LivingProject:
        name = _name(version, answers)
        if name not in self.starts:
            path = living_project(version.renders, answers, self.folder / f"{len(self.starts)}")
            _move_source(path, version.renders.template, self.versions.repository)
            project = self._living(path, version, f"start_{len(self.starts)}")
            project.add_orders()
            project.fill()
            self.starts[name] = project
        return self.starts[name]

    def _new_schema(self, version: Version, answers: Answers) -> set[Part]:
        name = _name(version, answers)
        if name not in self.schemas:
            render = version.renders.get(answers)
            project = self._living(render.path, version, f"new_{len(self.schemas)}")
            project.db("upgrade")
            self.schemas[name] = project.database.schema()
        return self.schemas[name]

    def _living(self, path: Path, version: Version, database: str) -> LivingProject:
        self.cluster.execute(f"CREATE DATABASE {database} TEMPLATE template0")
        url = self.cluster.url_of(database)
        return LivingProject(path, Database(url), version, self.environment, self.cluster)


def _name(version: Version, answers: Answers) -> str:
    return f"{version.commit} {sorted(answers.items())}"


def _move_source(project: Path, old: Path, new: Path) -> None:
    record = project / ".copier-answers.yml"
    text = record.read_text()
    assert f"{old}\n" in text
    record.write_text(text.replace(f"{old}\n", f"{new}\n"))
    commit_all(project, "Update from where later versions are")
