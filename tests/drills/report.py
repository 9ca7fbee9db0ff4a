"""What any drill has shown: figures for people, by kind of request and by phase."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.drills.site import FORESEEN
from tests.drills.traffic import Answer

# At any time: to say that one lives needs nothing and nobody. On a machine that does other things,
# one of a hundred may come later.
LIVE_WITHIN, LATE = 0.2, 100


@dataclass(frozen=True)
class Times:
    """When the fault began and ended, and when all was well again."""

    began: float
    ended: float
    recovered: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """All answers of a drill, with the status that each kind of request is answered with."""

    kind: str
    times: Times
    answers: Sequence[Answer]
    logged: Sequence[Sequence[dict[str, Any]]]
    found: Sequence[str] = field(default=())

    good: ClassVar[Mapping[str, int]]

    def text(self) -> str:
        """Return the figures: for each kind and phase how many, the median, p95 and the most."""
        times, lines = self.times, [""]
        lines.append(
            f"fault {times.ended - times.began:.1f} s, "
            f"recovered {1000 * (times.recovered - times.ended):.0f} ms after it, "
            f"told of in {self.told()} log lines"
        )
        for kind in self.good:
            for phase, answers in self.phases(kind).items():
                if answers:
                    lines.append(f"{kind:7}{phase:8}{_figures(answers)}")
        return "\n".join(lines)

    def phases(self, kind: str) -> dict[str, list[Answer]]:
        asked = [answer for answer in self.answers if answer.kind == kind]
        return {
            "before": [answer for answer in asked if answer.ended < self.times.began],
            "during": [answer for answer in asked if self.is_under_fault(answer)],
            "after": [answer for answer in asked if answer.begun > self.times.recovered],
        }

    def is_under_fault(self, answer: Answer) -> bool:
        return answer.begun <= self.times.recovered and answer.ended >= self.times.began

    def too_few(self, least: int, *, but: str = "") -> Iterator[str]:
        """Say what was asked too seldom in a phase, if it isn't one that is looked at otherwise."""
        for kind in self.good:
            for phase, answers in self.phases(kind).items():
                if len(answers) < least and phase != but:
                    yield f"only {len(answers)} requests to {kind} {phase}"

    def unforeseen(self) -> Iterator[str]:
        """Say which errors were logged that nobody has foreseen."""
        errors = [
            line
            for lines in self.logged
            for line in lines
            if line["level"] in {"error", "critical"} and line["event"] != FORESEEN
        ]
        yield from (f"logged: {line}" for line in errors[:3])

    def told(self) -> int:
        return sum(line["event"] == FORESEEN for lines in self.logged for line in lines)


def show(text: str) -> None:
    """Print figures, which `pytest -s` shows."""
    print(text)  # noqa: T201


def stale(answers: Sequence[Answer]) -> list[str]:
    """Say which lists lack what their reader was told to have written."""
    return [
        f"{answer.listed} of {answer.expected} items"
        for answer in answers
        if answer.listed is not None and answer.listed < (answer.expected or 0)
    ]


def hardly_alive(answers: Sequence[Answer]) -> Iterator[str]:
    """Say how long it took to tell that a process lives, if that was too long."""
    seconds = [answer.seconds for answer in answers if answer.kind == "live"]
    late = [each for each in seconds if each > LIVE_WITHIN]
    if len(late) > 1 + len(seconds) // LATE:
        yield f"live took up to {max(late):.2f} s, {len(late)} times of {len(seconds)}"


def percentile(answers: Sequence[Answer], percent: int) -> float:
    seconds = sorted(answer.seconds for answer in answers)
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)] if seconds else 0.0


def _figures(answers: Sequence[Answer]) -> str:
    seconds = [answer.seconds for answer in answers]
    statuses = dict(sorted(Counter(answer.status for answer in answers).items()))
    milliseconds = (statistics.median(seconds), percentile(answers, 95), max(seconds))
    return (
        f"{len(seconds):4}"
        + "".join(f"{1000 * each:7.0f}" for each in milliseconds)
        + (f" ms  {statuses}")
    )
