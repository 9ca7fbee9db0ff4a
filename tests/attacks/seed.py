"""Plant each fault and show what catches it: `python -m tests.attacks.seed [part of a name]`."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.attacks.deployment import Target
from tests.attacks.faults.fault import Fault
from tests.attacks.faults.table import FAULTS
from tests.attacks.grounds import Grounds
from tests.attacks.kinds import KINDS, TOKENS
from tests.attacks.seeding import attack
from tests.matrix.clusters import running_cluster
from tests.matrix.environment import environment_for
from tests.matrix.renders import Renders


def main(part: str) -> int:
    """Return the exit status: 1 if a fault survives, or if a test is red without one."""
    chosen = [fault for fault in FAULTS if part in fault.name]
    survivors: list[str] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        renders = Renders(folder / "renders")
        environment = environment_for(renders.get(kind.answers) for kind in KINDS.values())
        (folder / "postgres").mkdir()
        starter = renders.get(KINDS[TOKENS].answers)
        with running_cluster(starter, environment, folder / "postgres") as cluster:
            grounds = Grounds(renders, environment, cluster)
            for kind in sorted({fault.kind for fault in chosen}):
                target = grounds.target(kind, folder / kind)
                faults = [fault for fault in chosen if fault.kind == kind]
                tests = sorted({test for fault in faults for test in fault.tests})
                sound = attack(target, tests, folder / "run")
                if sound.broken or sound.red:
                    sys.stderr.write(sound.output)
                    return 1
                survivors += [each.name for each in faults if not _is_caught(each, target, folder)]
    sys.stdout.write(f"{len(chosen) - len(survivors)} of {len(chosen)} faults caught\n")
    return 1 if survivors or not chosen else 0


def _is_caught(fault: Fault, target: Target, folder: Path) -> bool:
    started = time.monotonic()
    kept = (target.project / fault.file).read_text()
    fault.plant(target.project)
    try:
        outcome = attack(target, fault.tests, folder / "run")
    finally:
        (target.project / fault.file).write_text(kept)
    faults = outcome.faults(fault.tests)
    verdict = "SURVIVED" if faults else "caught"
    seconds = time.monotonic() - started
    sys.stdout.write(f"{verdict:9}{seconds:5.1f} s  {fault.name}\n")
    for test, reason in outcome.red.items():
        sys.stdout.write(f"{'':18}{test}: {reason[:100]}\n")
    for sentence in faults:
        sys.stdout.write(f"{'':18}{sentence}\n")
    sys.stdout.flush()
    return not faults


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
