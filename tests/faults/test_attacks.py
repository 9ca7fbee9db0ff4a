"""Each planted fault lets an attack succeed, and the attack's test says so."""

import shutil
from pathlib import Path

import pytest

from tests.attacks.faults.fault import Fault
from tests.attacks.faults.table import FAULTS
from tests.attacks.grounds import Grounds
from tests.attacks.kinds import COOKIES, KINDS, TOKENS, kinds_of
from tests.attacks.seeding import ATTACKS, attack
from tests.matrix.questions import ROOT
from tests.matrix.renders import Render, Renders

# Each of them runs an attack on a deployment of its own: one of so many is tried on each push.
SHARE = 3


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=[] if number % SHARE == 0 else pytest.mark.full)
        for number, fault in enumerate(FAULTS)
    ],
)
def test_fault_is_caught(fault: Fault, grounds: Grounds, tmp_path: Path) -> None:
    target = grounds.target(fault.kind, tmp_path / "planted")
    fault.plant(target.project)
    outcome = attack(target, fault.tests, tmp_path / "run")
    assert outcome.faults(fault.tests) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_fits_and_is_python(kind: str, renders: Renders, tmp_path: Path) -> None:
    project = tmp_path / "planted"
    shutil.copytree(renders.get(KINDS[kind].answers).path, project)
    faults = [fault for fault in FAULTS if fault.kind == kind]
    assert len(faults) > 8
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in faults:
        file = project / fault.file
        kept = file.read_text()
        fault.plant(project)
        compile(file.read_text(), fault.file, "exec")
        file.write_text(kept)


def test_a_fault_that_fits_nowhere_is_told(planted: Render) -> None:
    for old in ("no such line", "import"):
        fault = Fault("misplaced", "app/main.py", old, "", ())
        with pytest.raises(AssertionError, match=r"misplaced: app/main\.py has"):
            fault.plant(planted.path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_project_that_does_not_start_is_no_verdict(
    kind: str, grounds: Grounds, tmp_path: Path
) -> None:
    target = grounds.target(kind, tmp_path / "planted")
    fault = Fault("broken", "app/main.py", "def create_app(", "def create_application(", ())
    fault.plant(target.project)
    test = "test_access.py::test_the_table_names_every_route"
    outcome = attack(target, [test], tmp_path / "run")
    [sentence] = outcome.faults([test])
    assert "ImportError" in sentence


def test_every_attack_on_one_kind_of_sign_in_says_why() -> None:
    files = {path.name for path in (ROOT / ATTACKS).glob("test_*.py")}
    named = {file: kind for kind in KINDS for file in KINDS[kind].only}
    assert named.keys() <= files
    assert all(reason for kind in KINDS.values() for reason in kind.only.values())
    prefixes = {"test_token_": TOKENS, "test_cookie_": COOKIES}
    for file in files:
        expected = [kind for prefix, kind in prefixes.items() if file.startswith(prefix)]
        assert kinds_of(file) == (expected or list(KINDS)), file
