"""Try the attacks on a project with a fault."""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.deployment import Target
from tests.matrix.questions import ROOT

ATTACKS = "tests/attacks"
VARIABLES = {
    # Wide enough for pytest to shorten nothing.
    "COLUMNS": "2000",
    # Those that render take longer to import than an attack takes.
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}


@dataclass(frozen=True)
class Outcome:
    """Which attacks succeeded, and the reason that each of their tests gives."""

    red: dict[str, str]
    broken: bool
    output: str

    def faults(self, expected: Iterable[str]) -> list[str]:
        """Return what is wrong if these tests, and no other, should have gone red."""
        if self.broken:
            return [f"The attacks didn't run to their end:\n{self.output}"]
        wanted = set(expected)
        return [f"{test} did not notice" for test in sorted(wanted - self.red.keys())] + [
            f"{test} went red too" for test in sorted(self.red.keys() - wanted)
        ]


def attack(target: Target, tests: Iterable[str], folder: Path) -> Outcome:
    """Run some of the attacks on a target, in a process of their own."""
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short"),
            *(f"--confcutdir={ATTACKS}", f"--basetemp={folder}", "-p", "no:cacheprovider"),
            *("-p", "xdist.plugin"),
            *(f"{ATTACKS}/{test}" for test in tests),
        ],
        cwd=ROOT,
        env={**inherited, **VARIABLES, **target.to_variables()},
        check=False,
        capture_output=True,
        text=True,
    )
    output = result.stdout + result.stderr
    lines = [
        line.removeprefix(f"FAILED {ATTACKS}/")
        for line in result.stdout.splitlines()
        if line.startswith("FAILED ")
    ]
    red = {test: reason for test, _, reason in (line.partition(" - ") for line in lines)}
    # An error is a deployment that doesn't start, or a process that failed: no verdict of a test.
    broken = result.returncode not in {0, 1} or "\nERROR " in output
    return Outcome(red, broken, output)
