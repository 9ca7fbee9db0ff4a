"""The rows of the matrix: answers that together meet every pair of choices."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from covertable import make
from covertable.evaluate import evaluate

from tests.matrix.questions import ROOT, Answers, Question, asked

Factors = dict[str, list[str | bool]]
Choice = Mapping[str, str | bool]
Pair = tuple[tuple[str, str | bool], tuple[str, str | bool]]

# Texts whose presence changes what is rendered; their hostile values have tests of their own.
TEXTS = {"author_name": ["", "Ada O'Neil"], "author_email": ["", "ada@example.com"]}

# Combinations that the questions refuse, as covertable's conditions; there are none yet.
CONSTRAINTS: list[Mapping[str, object]] = []

PRESETS = tuple(sorted(path.stem for path in (ROOT / "presets").glob("*.yml")))


@dataclass(frozen=True)
class Row:
    name: str
    answers: Answers

    def __str__(self) -> str:
        return self.name


def factors() -> Factors:
    """Return the choices of each question; each part of a multiple choice is on or off.

    `preset` is none of them: it only sets defaults, and every preset has a row of its own.
    """
    result: Factors = {name: list(values) for name, values in TEXTS.items()}
    for question in asked().values():
        if question.multiselect:
            result |= {f"{question.name}.{part}": [True, False] for part in question.choices}
        elif question.choices and question.name != "preset":
            result[question.name] = list(question.choices)
    return result


def rows() -> list[Row]:
    """Return every row once, though several rules may ask for the same answers."""
    unique: dict[str, Row] = {}
    for row in _all_rows():
        unique.setdefault(repr(sorted(row.answers.items())), row)
    return list(unique.values())


def missing_pairs(choices: Sequence[Choice], space: Factors) -> list[Pair]:
    """Return the pairs of choices that are allowed and that no row meets."""
    met = {pair for choice in choices for pair in combinations(sorted(choice.items()), 2)}
    wanted = (
        ((left, a), (right, b))
        for left, right in combinations(sorted(space), 2)
        for a, b in product(space[left], space[right])
    )
    return [pair for pair in wanted if pair not in met and _is_allowed(dict(pair))]


def pair_choices() -> list[Choice]:
    """Return rows over the factors such that every allowed pair of choices meets in one."""
    found: list[Choice] = make(factors(), constraints=CONSTRAINTS)
    return found


def answers_of(choice: Choice) -> Answers:
    """Return a row of factors as the answers that Copier takes."""
    answers: Answers = {}
    for factor in sorted(choice):
        question, _, part = factor.partition(".")
        if not part:
            answers[question] = choice[factor]
        else:
            answers.setdefault(question, []).extend([part] if choice[factor] else [])
    return answers


def everything(*, on: bool, known: Mapping[str, Question] | None = None) -> Answers:
    """Return every feature switched on, or off as far as the question has a way to say so."""
    answers: Answers = {}
    for question in (asked() if known is None else known).values():
        if question.multiselect:
            answers[question.name] = sorted(question.choices) if on else []
        elif "none" in question.choices:
            kept = [choice for choice in question.choices if choice != "none"]
            answers[question.name] = kept[0] if on else "none"
    return answers


def _all_rows() -> Iterator[Row]:
    for preset in PRESETS:
        yield Row(preset, {"preset": preset})
    yield Row("all-on", everything(on=True))
    yield Row("all-off", everything(on=False))
    for question in asked().values():
        for part in question.choices if question.multiselect else ():
            only = {**everything(on=False), question.name: [part]}
            yield Row(f"only-{part}", only)
            others = sorted({*question.choices} - {part})
            yield Row(f"without-{part}", {**everything(on=True), question.name: others})
    for number, choice in enumerate(pair_choices(), start=1):
        yield Row(f"pairs-{number:02}", answers_of(choice))


def _is_allowed(choice: Choice) -> bool:
    return all(evaluate(condition, choice) is not False for condition in CONSTRAINTS)
