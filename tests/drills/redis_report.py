"""A verdict on each answer and each log line of a drill of Valkey."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tests.drills.redis_faults import Fault
from tests.drills.report import Report, hardly_alive, percentile, stale
from tests.drills.site import FORESEEN
from tests.drills.traffic import Answer

TIMEOUT = 0.25
# On top of what Redis may cost, for a machine that does other things as well.
SLACK = 1.0
# How often a request asks Redis at most. With a session, who asks is looked up for the limit and
# again for the route; signing in with one is two requests, since the first fetches a CSRF token.
ROUND_TRIPS = {
    # limit; limit and stamp; limit, stamp, look and keep
    "jwt": {"read": 1, "write": 2, "list": 4, "login": 1, "live": 0, "ready": 1},
    "session": {"read": 3, "write": 4, "list": 6, "login": 3, "live": 0, "ready": 1},
}
LEAST = 4
# A machine that does other things as well may keep a healthy Redis from answering in its budget:
# so many of a hundred answers may tell that it was away.
HICCUPS = 2


@dataclass(frozen=True, kw_only=True)
class RedisReport(Report):
    fault: Fault

    good: ClassVar[Mapping[str, int]] = {
        "read": 200,
        "write": 201,
        "list": 200,
        "live": 200,
        "login": 200,
        "ready": 200,
    }

    def complaints(self) -> list[str]:
        """Return everything that was not as it should be."""
        return [
            *self.found,
            *self._wrong_answers(),
            *self._stale_lists(),
            *hardly_alive(self.answers),
            *self._slow_answers(),
            *self._wrong_lines(),
        ]

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
        yield from self.too_few(LEAST)

    def _is_documented(self, answer: Answer) -> bool:
        if answer.status == self.good[answer.kind]:
            return True
        if self.kind == "session" and answer.code == "session_expired":
            return self.fault.empties and answer.ended >= self.times.began
        return self._is_refused(answer) and self.fault.away and self.is_under_fault(answer)

    def _is_refused(self, answer: Answer) -> bool:
        """Tell whether it is what somebody with a session gets while Redis is away."""
        if self.kind != "session" or answer.kind in {"live", "ready"}:
            return False
        return answer.status == 503 and answer.retry_after

    def _is_hiccup(self, answer: Answer) -> bool:
        under_fault = self.fault.away and self.is_under_fault(answer)
        return self._is_refused(answer) and not under_fault

    def _few(self) -> int:
        return len(self.answers) * HICCUPS // 100

    def _stale_lists(self) -> Iterator[str]:
        for phase in ("before", "after"):
            if found := stale(self.phases("list")[phase]):
                yield f"{phase} the fault, {len(found)} lists lacked a write: {found[0]}"

    def _slow_answers(self) -> Iterator[str]:
        for kind in self.good:
            for phase, answers in self.phases(kind).items():
                bound = SLACK + TIMEOUT * ROUND_TRIPS[self.kind][kind]
                # One of twenty may have waited for the machine rather than for Redis.
                took = percentile(answers, 95)
                if took > bound:
                    yield f"{kind} {phase} the fault took {took:.2f} s"

    def _wrong_lines(self) -> Iterator[str]:
        yield from self.unforeseen()
        for number, lines in enumerate(self.logged):
            told = sum(line["event"] == FORESEEN for line in lines)
            if not told if self.fault.away else told > self._few():
                yield f"process {number} told {told} times that Redis is away"
