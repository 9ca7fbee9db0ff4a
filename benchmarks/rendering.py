"""What generating and updating cost: processor time of Copier, compared with only starting it.

Processor time is what is limited: what else runs on the machine makes a command wait, and it hardly
makes it compute. That of the git that Copier runs counts as well. How long one waits, which is the
same where nothing else runs, is measured beside it.

All are measured as on a machine that has just installed Copier and compiled nothing of it. Where
its bytecode is compiled, it starts in a third of the time, but renders hardly faster: copying takes
4 to 5 times as long as that start then, and updating about 13 times.
"""

import logging
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.results import Ratio
from tests.matrix.git import IDENTITY, commit_all, git
from tests.matrix.renders import Renders

COPY_LIMIT, UPDATE_LIMIT = 3.0, 6.0
ROUNDS, QUICK_ROUNDS = 9, 1

START, COPY, SWITCH, VERSION = "start", "copy", "switch", "version"
LIMITS = {COPY: COPY_LIMIT, SWITCH: UPDATE_LIMIT, VERSION: UPDATE_LIMIT}
MEANINGS = {
    COPY: "copier copy",
    SWITCH: "copier update that switches a feature",
    VERSION: "copier update to the next version",
}

# A folder of bytecode that stays empty.
NOTHING_COMPILED = {"PYTHONPYCACHEPREFIX": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time, and seconds that one waits."""

    processor: float
    wait: float


@dataclass(frozen=True)
class Command:
    """Arguments of Copier, and the project that they change."""

    arguments: Sequence[str]
    project: Path
    """A repository in which the command runs, or a folder that it makes."""

    def cost(self) -> Cost:
        """Run it once on what was there before; fail with its reason if it fails."""
        self._restore()
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        result = subprocess.run(
            [Path(sys.executable).with_name("copier"), *self.arguments],
            cwd=self.project if self.project.exists() else self.project.parent,
            env={**os.environ, **IDENTITY, **NOTHING_COMPILED},
            check=False,
            capture_output=True,
            text=True,
        )
        wait, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if result.returncode:
            raise AssertionError(f"copier {' '.join(self.arguments)}: {result.stderr}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(used, wait)

    def _restore(self) -> None:
        if (self.project / ".git").exists():
            git(self.project, "reset", "--quiet", "--hard")
            git(self.project, "clean", "--quiet", "-d", "--force")
        else:
            shutil.rmtree(self.project, ignore_errors=True)


def run(*, quick: bool = False) -> Iterator[Ratio]:
    """Run each command in turns, and compare the medians with those of `copier --version`."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    with TemporaryDirectory() as folder:
        commands = prepare(Path(folder))
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        # The first round fills caches of files; it doesn't count.
        for number in range(rounds + 1):
            for name, command in commands.items():
                cost = command.cost()
                costs[name] += [cost] if number else []
                logger.info("rendering, round %d of %d, %s", number, rounds, _describe(name, cost))
    yield from _ratios(costs)


def prepare(folder: Path) -> dict[str, Command]:
    """Make the projects, and the next version of the template, that the commands need."""
    renders = Renders(folder / "renders")
    starter = renders.get({"preset": "starter"}).path
    switched, updated = (_repository(starter, folder / name) for name in (SWITCH, VERSION))
    source = ("--quiet", "--defaults", "--vcs-ref")
    now = git(renders.template, "rev-parse", "HEAD").strip()
    _release(renders.template)
    return {
        START: Command(["--version"], folder / START),
        COPY: Command(["copy", *source, now, str(renders.template), COPY], folder / COPY),
        SWITCH: Command(["update", *source, now, "--data=features=[]"], switched),
        VERSION: Command(["update", *source, "HEAD"], updated),
    }


def _repository(render: Path, path: Path) -> Path:
    shutil.copytree(render, path)
    git(path, "init", "--quiet")
    commit_all(path, "Start")
    return path


def _release(template: Path) -> None:
    """Commit a version that has changed every tenth file, and has one more."""
    files = sorted(path for path in (template / "template").rglob("*") if path.is_file())
    for path in files[::10]:
        path.write_text(path.read_text() + "\n")
    (template / "template" / "NEXT.md").write_text("Next\n")
    commit_all(template, "Next version")


def _describe(name: str, cost: Cost) -> str:
    return f"{name}: {cost.processor:.2f} s of processor time, {cost.wait:.2f} s to wait"


def _ratios(costs: Mapping[str, Sequence[Cost]]) -> Iterator[Ratio]:
    for name, meaning in MEANINGS.items():
        processor, start = (median(cost.processor for cost in costs[key]) for key in (name, START))
        wait, start_wait = (median(cost.wait for cost in costs[key]) for key in (name, START))
        beside = f"{meaning}, to copier --version"
        yield Ratio(
            f"rendering.{name}", f"processor time of {beside}", processor / start, most=LIMITS[name]
        )
        yield Ratio(f"rendering.{name}.wait", f"time of {beside}", wait / start_wait)
