"""Replicas start at once on a database that has to be migrated, and one of them dies or hangs."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from tests.stories.answers import ON
from tests.stories.databases import Database
from tests.stories.project import LivingProject, applied_in
from tests.stories.stage import Stage

PENDING = ["core_9001", "items_9001"]
REFUSAL = re.compile(
    r"Another process \(PostgreSQL backend (\d+)\) has been migrating this database for 1 s: wait "
    r"for it, or end it with pg_terminate_backend\(\1\); DATABASE_MIGRATION_LOCK_TIMEOUT sets how "
    r"long to wait\.\n"
)

PATIENCE = 60

Replica = subprocess.Popen[str]
Start = Callable[[float], Replica]

# They share a project, which is updated once.
pytestmark = pytest.mark.xdist_group("replicas")


@pytest.fixture(scope="module")
def updated(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingProject]:
    path = tmp_path_factory.mktemp("replicas") / "project"
    with stage.project(path, ON) as project:
        project.update(to=stage.versions.later)
        yield project


@pytest.fixture
def project(updated: LivingProject) -> Iterator[LivingProject]:
    """Return a project whose database has two pending revisions."""
    with updated.cluster.database(like=updated.database.name) as url:
        project = replace(updated, database=Database(url))
        project.database.put_up_gates()
        yield project


@pytest.fixture
def start(project: LivingProject) -> Iterator[Start]:
    """Start a replica, which waits so many seconds for another one."""
    with ExitStack() as stack:
        yield lambda patience: stack.enter_context(project.upgrading(patience=patience))


def end(process: Replica) -> tuple[int, str]:
    """Return the exit status, and what was printed."""
    printed, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, printed


def test_together_they_apply_each_revision_once(project: LivingProject, start: Start) -> None:
    with project.database.holding(PENDING[0]):
        replicas = [start(PATIENCE) for _ in range(3)]
        project.database.wait_for_others(1 + len(replicas))
    ended = [end(replica) for replica in replicas]
    assert [status for status, _ in ended] == [0, 0, 0]
    assert applied_in("".join(printed for _, printed in ended)) == PENDING
    assert all("pending: -" in printed for _, printed in ended)


def test_the_others_do_what_one_that_is_killed_has_left(
    project: LivingProject, start: Start
) -> None:
    with project.database.holding(PENDING[1]):
        victim = start(PATIENCE)
        backend = project.database.wait_for_one_at_the_gate()
        others = [start(PATIENCE) for _ in range(2)]
        project.database.wait_for_others(1 + 3)
        victim.kill()
        # PostgreSQL doesn't notice before the statement ends that was under way.
        assert_refused(start(1), backend)
    ended = [end(other) for other in others]
    assert [status for status, _ in ended] == [0, 0]
    assert applied_in(end(victim)[1]) == PENDING[:1]
    assert applied_in("".join(printed for _, printed in ended)) == PENDING[1:]


def test_the_others_do_not_wait_for_ever_for_one_that_is_frozen(
    project: LivingProject, start: Start
) -> None:
    with project.database.holding(PENDING[1]):
        frozen = start(PATIENCE)
        backend = project.database.wait_for_one_at_the_gate()
        frozen.send_signal(signal.SIGSTOP)
    others = [start(1) for _ in range(2)]
    for other in others:
        assert_refused(other, backend)
    # What the sentence names helps.
    project.database.execute(f"SELECT pg_terminate_backend({backend})")
    assert applied_in(project.db("upgrade")) == PENDING[1:]
    frozen.send_signal(signal.SIGCONT)
    status, printed = end(frozen)
    assert (status, applied_in(printed), "Traceback" in printed) == (1, PENDING[:1], False)


def assert_refused(replica: Replica, backend: int) -> None:
    status, printed = end(replica)
    refusal = REFUSAL.fullmatch(printed)
    assert (status, refusal and refusal[1]) == (1, str(backend)), printed
