"""A project that lives: with updates from the template, revisions of its owner's, and rows."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.matrix.clusters import Cluster, settings_for
from tests.matrix.environment import Environment
from tests.matrix.git import commit_all
from tests.matrix.projects import answers_of, update
from tests.matrix.questions import Answers, asked
from tests.matrix.servers import MAIN
from tests.stories.databases import Database, lost
from tests.stories.filling import fill
from tests.stories.versions import Version

ORDERS = """from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Entity, Timestamped


class Order(Timestamped, Entity):
    __tablename__ = "orders"

    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
"""
REGISTRATION = '\nfrom app.models import orders\n\n__all__ = ["orders"]\n'


@dataclass
class LivingProject:
    path: Path
    database: Database
    version: Version
    environment: Environment
    cluster: Cluster

    @property
    def answers(self) -> Answers:
        """Those that a new project would have to give to be like this one."""
        return {name: answer for name, answer in answers_of(self.path).items() if name in asked()}

    def db(self, *arguments: str, on: Database | None = None) -> str:
        """Run `app db …`, which must succeed, and return what it prints."""
        command, settings = ("-c", MAIN, "db", *arguments), self._settings(on)
        return self.environment.read(*command, cwd=self.path, variables=settings)

    def refused(self, *arguments: str) -> str:
        """Run `app db …`, which must fail in order, and return all that it prints."""
        command, settings = ("-c", MAIN, "db", *arguments), self._settings(None)
        result = self.environment.run("python", *command, cwd=self.path, variables=settings)
        assert (result.returncode, "Traceback" in result.stderr) == (1, False), result.stderr
        return result.stdout + result.stderr

    @contextmanager
    def upgrading(
        self, on: Database | None = None, *, patience: float = 60
    ) -> Iterator["subprocess.Popen[str]"]:
        """Run `app db upgrade` as a process that is gone when the block ends."""
        process = subprocess.Popen(
            [self.environment.path / "bin" / "python", "-c", MAIN, "db", "upgrade"],
            cwd=self.path,
            env={
                **os.environ,
                **self._settings(on),
                "PYTHONDONTWRITEBYTECODE": "1",
                "DATABASE_MIGRATION_LOCK_TIMEOUT": str(patience),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def add_orders(self) -> None:
        """Do as an owner does: write a model, have its revision written, and apply it."""
        models = self.path / "app" / "models"
        (models / "orders.py").write_text(ORDERS)
        with (models / "project.py").open("a") as file:
            file.write(REGISTRATION)
        self.db("upgrade")
        self.add_revision("Add orders")
        self.db("upgrade")

    def add_revision(self, message: str, *options: str) -> Path:
        """Have a revision of the owner's written, and commit it."""
        printed = self.db("revision", message, *options)
        commit_all(self.path, message)
        return self.path / printed.split()[-1].removesuffix(".")

    def fill(self) -> None:
        """Put rows into each table that has none."""
        fill(self.database)

    def update(self, answers: Answers | None = None, *, to: Version | None = None) -> None:
        """Update from the template: to another version, with other answers, or both."""
        self.version = to or self.version
        update(self.path, answers or {}, to=self.version.commit)
        commit_all(self.path, "Update")

    def upgrade(self) -> list[str]:
        """Apply what is pending, and return its names.

        No row may be lost, and a copy whose upgrade is killed half way must end the same.
        """
        rows = self.database.rows()
        with self.cluster.database(like=self.database.name) as url:
            applied = applied_in(self.db("upgrade"))
            if applied:
                copy = Database(url)
                self._upgrade_with_a_kill(copy, applied)
                assert_same(copy.schema() ^ self.database.schema(), set())
                assert_same(copy.rows(), self.database.rows())
                assert_same(copy.revisions(), self.database.revisions())
        assert_same(lost(rows, self.database.rows()), [])
        return applied

    def retired_tables(self) -> set[str]:
        file = self.path / "migrations" / "retired_tables.json"
        return set(json.loads(file.read_text())) if file.exists() else set()

    def _upgrade_with_a_kill(self, database: Database, revisions: list[str]) -> None:
        """Kill an upgrade within a revision: those before it are there as a whole, it is not."""
        half = len(revisions) // 2
        database.put_up_gates()
        with database.holding(revisions[half]), self.upgrading(database) as process:
            database.wait_for_one_at_the_gate()
            process.kill()
            printed, _ = process.communicate()
        assert_same(applied_in(printed), revisions[:half])
        assert_same(applied_in(self.db("upgrade", on=database)), revisions[half:])

    def _settings(self, on: Database | None) -> dict[str, str]:
        return settings_for((on or self.database).url)


def applied_in(printed: str) -> list[str]:
    """Return the revisions that an upgrade says it has applied."""
    return re.findall(r"^Applied (\w+)\.$", printed, re.MULTILINE)


def assert_same(left: object, right: object) -> None:
    """Tell what differs, as pytest does by itself in a test only."""
    assert left == right, f"{left} is not {right}"
