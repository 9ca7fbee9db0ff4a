"""What a drill has shown: figures for people, and a verdict on each answer and each log line."""

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.drills.faults import Fault
from tests.drills.site import FORESEEN
from tests.drills.traffic import KINDS, Answer

TIMEOUT = 0.25
# On top of what Redis may cost, for a machine that does other things as well.
SLACK = 1.0
LIVE_WITHIN = 1.0
# How often a request asks Redis at most. With a session, who asks is looked up for the limit and
# again for the route; signing in with one is two requests, since the first fetches a CSRF token.
ROUND_TRIPS = {
    # limit; limit and stamp; limit, stamp, look and keep
    "jwt": {"read": 1, "write": 2, "list": 4, "login": 1, "live": 0},
    "session": {"read": 3, "write": 4, "list": 6, "login": 3, "live": 0},
}
GOOD = {"read": 200, "write": 201, "list": 200, "login": 200, "live": 200}
LEAST = 4
# A machine that does other things as well may keep a healthy Redis from answering in its budget:
# so many of a hundred answers may tell that it was away.
HICCUPS = 2


@dataclass(frozen=True)
class Times:
    """When the fault began and ended, and when all was well again."""

    began: float
    ended: float
    recovered: float


@dataclass(frozen=True)
class Report:
    kind: str
    fault: Fault
    times: Times
    answers: Sequence[Answer]
    logged: Sequence[Sequence[dict[str, Any]]]
    found: Sequence[str] = field(default=())

    def complaints(self) -> list[str]:
        """Return everything that was not as it should be."""
        return [
            *self.found,
            *self._wrong_answers(),
            *self._stale_lists(),
            *self._slow_answers(),
            *self._wrong_lines(),
        ]

    def text(self) -> str:
        """Return the figures: for each kind and phase how many, the median, p95 and the most."""
        times, lines = self.times, [""]
        lines.append(
            f"fault {times.ended - times.began:.1f} s, "
            f"recovered {1000 * (times.recovered - times.ended):.0f} ms after it, "
            f"told of in {self._foreseen()} log lines"
        )
        for kind in KINDS:
            for phase, answers in self._phases(kind).items():
                if answers:
                    lines.append(f"{kind:6}{phase:8}{_figures(answers)}")
        return "\n".join(lines)

    def _phases(self, kind: str) -> dict[str, list[Answer]]:
        asked = [answer for answer in self.answers if answer.kind == kind]
        return {
            "before": [answer for answer in asked if answer.ended < self.times.began],
            "during": [answer for answer in asked if self._is_under_fault(answer)],
            "after": [answer for answer in asked if answer.begun > self.times.recovered],
        }

    def _is_under_fault(self, answer: Answer) -> bool:
        return answer.begun <= self.times.recovered and answer.ended >= self.times.began

    def _wrong_answers(self) -> Iterator[str]:
        refused = [answer for answer in self.answers if self._is_hiccup(answer)]
        few = len(refused) <= self._few()
        wrong = Counter(
            f"{answer.kind}: {answer.status} {answer.code}"
            for answer in self.answers
            if not (self._is_documented(answer) or (few and answer in refused))
        )
        yield from (f"{count} times {what}" for what, count in wrong.items())
        if strangers := sum(answer.stranger for answer in self.answers):
            yield f"{strangers} answers to somebody else"
        for kind in KINDS:
            for phase, answers in self._phases(kind).items():
                if len(answers) < LEAST:
                    yield f"only {len(answers)} requests to {kind} {phase}"

    def _is_documented(self, answer: Answer) -> bool:
        if answer.status == GOOD[answer.kind]:
            return True
        if self.kind == "session" and answer.code == "session_expired":
            return self.fault.empties and answer.ended >= self.times.began
        return self._is_refused(answer) and self.fault.away and self._is_under_fault(answer)

    def _is_refused(self, answer: Answer) -> bool:
        """Tell whether it is what somebody with a session gets while Redis is away."""
        refused = answer.status == 503 and answer.retry_after and answer.kind != "live"
        return self.kind == "session" and refused

    def _is_hiccup(self, answer: Answer) -> bool:
        under_fault = self.fault.away and self._is_under_fault(answer)
        return self._is_refused(answer) and not under_fault

    def _few(self) -> int:
        return len(self.answers) * HICCUPS // 100

    def _stale_lists(self) -> Iterator[str]:
        for phase in ("before", "after"):
            stale = [
                f"{answer.listed} of {answer.expected} items"
                for answer in self._phases("list")[phase]
                if answer.listed is not None and answer.listed < (answer.expected or 0)
            ]
            if stale:
                yield f"{phase} the fault, {len(stale)} lists lacked a write: {stale[0]}"

    def _slow_answers(self) -> Iterator[str]:
        for kind in KINDS:
            for phase, answers in self._phases(kind).items():
                bound = SLACK + TIMEOUT * ROUND_TRIPS[self.kind][kind]
                # One of twenty may have waited for the machine rather than for Redis.
                took = _percentile(answers, 95)
                if took > (LIVE_WITHIN if kind == "live" else bound):
                    yield f"{kind} {phase} the fault took {took:.2f} s"

    def _wrong_lines(self) -> Iterator[str]:
        errors = [
            line
            for lines in self.logged
            for line in lines
            if line["level"] in {"error", "critical"} and line["event"] != FORESEEN
        ]
        yield from (f"logged: {line}" for line in errors[:3])
        for number, lines in enumerate(self.logged):
            told = sum(line["event"] == FORESEEN for line in lines)
            if not told if self.fault.away else told > self._few():
                yield f"process {number} told {told} times that Redis is away"

    def _foreseen(self) -> int:
        return sum(line["event"] == FORESEEN for lines in self.logged for line in lines)


def _figures(answers: Sequence[Answer]) -> str:
    seconds = [answer.seconds for answer in answers]
    statuses = dict(sorted(Counter(answer.status for answer in answers).items()))
    milliseconds = (statistics.median(seconds), _percentile(answers, 95), max(seconds))
    return (
        f"{len(seconds):4}"
        + "".join(f"{1000 * each:7.0f}" for each in milliseconds)
        + (f" ms  {statuses}")
    )


def _percentile(answers: Sequence[Answer], percent: int) -> float:
    seconds = sorted(answer.seconds for answer in answers)
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)] if seconds else 0.0
