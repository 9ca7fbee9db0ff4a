"""What a benchmark finds: ratios, since times are those of a machine."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BASELINE = Path(__file__).with_name("baseline.json")


@dataclass(frozen=True)
class Ratio:
    """A ratio of two measures of one run, and the limits that are promised, if there are any."""

    name: str
    meaning: str
    value: float
    least: float | None = None
    most: float | None = None

    @property
    def is_within_limits(self) -> bool:
        above = self.least is None or self.value >= self.least
        return above and (self.most is None or self.value <= self.most)

    @property
    def limits(self) -> str:
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        return f"at most {self.most:g}" if self.most is not None else "-"


def read_baseline() -> dict[str, float]:
    """Return the recorded ratios by name."""
    ratios: dict[str, float] = json.loads(BASELINE.read_text())
    return ratios


def write(
    path: Path, ratios: Iterable[Ratio], *, others: Mapping[str, float] | None = None
) -> None:
    """Write ratios as a flat object, beside others that were not measured now."""
    measured = {ratio.name: round(ratio.value, 3) for ratio in ratios}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**(others or {}), **measured}, indent=2, sort_keys=True) + "\n")


def table(ratios: Sequence[Ratio], baseline: Mapping[str, float]) -> str:
    """Return a line for each ratio: what was found, promised and recorded."""
    head = ("Ratio", "Meaning", "Found", "Limit", "Baseline", "")
    rows = [
        (
            ratio.name,
            ratio.meaning,
            f"{ratio.value:.2f}",
            ratio.limits,
            f"{baseline[ratio.name]:.2f}" if ratio.name in baseline else "-",
            "" if ratio.is_within_limits else "MISSED",
        )
        for ratio in ratios
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)
