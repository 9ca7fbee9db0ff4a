"""A render's own tests, with PgBouncer in transaction mode between it and its database."""

import shutil
from pathlib import Path

import pytest

from tests.matrix.clusters import PROBES, Cluster
from tests.matrix.environment import Environment
from tests.matrix.poolers import pgbouncer
from tests.matrix.renders import Renders

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("live")]

# What a pooler does otherwise: it takes no limits along; connections and passwords are its own.
OTHERWISE = (
    "test_a_database_that_lets_nobody_in_is_one_sentence",
    "test_the_server_ends_transactions_that_nobody_goes_on_with",
    "test_behind_a_pooler_the_limits_are_those_of_the_role",
    "test_connections_that_the_server_ended_are_replaced",
)
SUITES = ("tests/api", "tests/services", "tests/core", "tests/db", "tests/cli")


@pytest.mark.parametrize("auth", ["jwt", "session"])
def test_own_tests_behind_a_pooler(
    auth: str, renders: Renders, environment: Environment, cluster: Cluster, tmp_path: Path
) -> None:
    features = ["items", "rate_limit", "cache", "audit_log", "idempotency"]
    answers = {"preset": "minimal", "features": features, "auth": auth}
    project = tmp_path / "project"
    shutil.copytree(renders.get(answers).path, project)
    shutil.copy(PROBES / "pooled.py", project)
    # As which the tests of a render recognise a database that they may use.
    name = f"pooled_{auth}_test"
    cluster.execute(f'CREATE DATABASE "{name}"')
    with pgbouncer(cluster.url, tmp_path) as port:
        result = environment.run(
            *("python", "-m", "pytest", "-q", "-n", "2", "-p", "pooled", *SUITES),
            *("-k", " and ".join(f"not {test}" for test in OTHERWISE)),
            cwd=project,
            variables={"DATABASE_URL": cluster.url_of(name), "POOLER_PORT": str(port)},
        )
    assert result.returncode == 0, result.stdout + result.stderr
