"""Each planted fault lets an attack succeed, and the attack's test says so."""

from pathlib import Path

import pytest

from tests.attacks.deployment import Target
from tests.attacks.faults.fault import Fault
from tests.attacks.faults.table import FAULTS
from tests.attacks.seeding import attack
from tests.matrix.clusters import Cluster
from tests.matrix.environment import Environment
from tests.matrix.renders import Render


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_fault_is_caught(
    fault: Fault, planted: Render, environment: Environment, cluster: Cluster, tmp_path: Path
) -> None:
    fault.plant(planted.path)
    target = Target(planted.path, environment, cluster)
    outcome = attack(target, fault.tests, tmp_path / "run")
    assert outcome.faults(fault.tests) == []


def test_every_fault_fits_and_is_python(planted: Render) -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        file = planted.path / fault.file
        kept = file.read_text()
        fault.plant(planted.path)
        compile(file.read_text(), fault.file, "exec")
        file.write_text(kept)


def test_a_fault_that_fits_nowhere_is_told(planted: Render) -> None:
    for old in ("no such line", "import"):
        fault = Fault("misplaced", "app/main.py", old, "", ())
        with pytest.raises(AssertionError, match=r"misplaced: app/main\.py has"):
            fault.plant(planted.path)


def test_a_project_that_does_not_start_is_no_verdict(
    planted: Render, environment: Environment, cluster: Cluster, tmp_path: Path
) -> None:
    fault = Fault("broken", "app/main.py", "def create_app(", "def create_application(", ())
    fault.plant(planted.path)
    test = "test_access.py::test_the_table_names_every_route"
    outcome = attack(Target(planted.path, environment, cluster), [test], tmp_path / "run")
    [sentence] = outcome.faults([test])
    assert "ImportError" in sentence
