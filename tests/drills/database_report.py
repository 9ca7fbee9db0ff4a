"""A verdict on each answer and each log line of a drill of PostgreSQL."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tests.drills.database_faults import Fault
from tests.drills.database_site import CONNECT_TIMEOUT, STATEMENT_TIMEOUT
from tests.drills.report import Report, Times, hardly_alive, percentile, stale
from tests.drills.site import FORESEEN
from tests.drills.traffic import IN_PROGRESS, Answer

# What a refusal may take by the policy, since nobody has to wait for a place in the pool here; and
# on top of it on a machine that does other things.
REFUSED_WITHIN = max(CONNECT_TIMEOUT, STATEMENT_TIMEOUT)
SLACK = 1.5
WITHIN = {"ready": 2.0}
LEAST, LEAST_REFUSED = 1, 8


@dataclass(frozen=True)
class Window(Times):
    """In between, from `struck` to `lifted`, the fault was there in full."""

    struck: float
    lifted: float

    def holds(self, answer: Answer) -> bool:
        return answer.begun > self.struck and answer.ended < self.lifted


@dataclass(frozen=True, kw_only=True)
class DatabaseReport(Report):
    fault: Fault
    times: Window

    good: ClassVar[Mapping[str, int]] = {
        "read": 200,
        "write": 201,
        "list": 200,
        "login": 200,
        "logout": 204,
        "live": 200,
        "ready": 200,
    }

    def complaints(self) -> list[str]:
        """Return everything that was not as it should be."""
        return [
            *self.found,
            *self._wrong_answers(),
            *self._answers_out_of_nothing(),
            *(f"a list lacked a write: {each}" for each in stale(self.answers)),
            *hardly_alive(self.answers),
            *self._slow_answers(),
            *self.unforeseen(),
            *self._untold(),
        ]

    def text(self) -> str:
        refused = max((answer.seconds for answer in self._refused()), default=0.0)
        replayed = sum(answer.replayed for answer in self.answers)
        return (
            f"{super().text()}\nslowest refusal {refused:.2f} s, "
            f"{replayed} writes found to have taken effect"
        )

    def _refused(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status == 503]

    def _wrong_answers(self) -> Iterator[str]:
        wrong = Counter(
            f"{answer.kind}: {answer.status} {answer.code}"
            for answer in self.answers
            if not self._is_documented(answer)
        )
        yield from (f"{count} times {what}" for what, count in wrong.items())
        if strangers := sum(answer.stranger for answer in self.answers):
            yield f"{strangers} answers to somebody else"
        # Who waits for a refusal asks for little else.
        yield from self.too_few(LEAST, but="during")

    def _is_documented(self, answer: Answer) -> bool:
        if answer.status == self.good[answer.kind]:
            return True
        if answer.kind == "live" or not self.fault.hurts:
            return False
        if answer.status == 503:
            return answer.retry_after and self.is_under_fault(answer)
        # The attempt before, which got no answer, may still go on, or has taken effect, as is
        # found out afterwards too.
        repeated = self._previous(answer) in {0, 503}
        return repeated and (
            answer.code == IN_PROGRESS or (answer.kind, answer.status) == ("logout", 401)
        )

    def _previous(self, answer: Answer) -> int | None:
        same = [
            each.status
            for each in self.answers
            if (each.kind, each.walker) == (answer.kind, answer.walker)
            and each.begun < answer.begun
        ]
        return same[-1] if same else None

    def _answers_out_of_nothing(self) -> Iterator[str]:
        """Say what was answered by whom nobody could ask, first of all that all is well."""
        if not self.fault.away:
            return
        held = [each for each in self.answers if self.times.holds(each) and each.kind != "live"]
        answered = Counter(each.kind for each in held if each.status == self.good[each.kind])
        yield from (f"{count} times {kind} while away" for kind, count in answered.items())
        if not any(answer.kind == "ready" and answer.status == 503 for answer in held):
            yield "readiness never told of it"
        if len(self._refused()) < LEAST_REFUSED:
            yield "hardly anything was refused"

    def _slow_answers(self) -> Iterator[str]:
        slowest = max((answer.seconds for answer in self._refused()), default=0.0)
        if slowest > REFUSED_WITHIN + SLACK:
            yield f"a refusal took {slowest:.2f} s"
        for kind in self.good:
            for phase, answers in self.phases(kind).items():
                took = percentile(answers, 95)
                if took > WITHIN.get(kind, REFUSED_WITHIN + SLACK):
                    yield f"{kind} {phase} the fault took {took:.2f} s"

    def _untold(self) -> Iterator[str]:
        for number, lines in enumerate(self.logged):
            told = sum(line["event"] == FORESEEN for line in lines)
            if told and not self.fault.hurts:
                yield f"process {number} told {told} times that a resource is away"
            if not told and self.fault.away:
                yield f"process {number} never told that a resource is away"
