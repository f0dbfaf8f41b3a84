"""Answers checked and scored by an instrument's key. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.alliance_measurement.instruments.domain.instrument import Criterion, Instrument, Score

_AGGREGATIONS = {"sum": 1.0, "mean_x10": 10.0, "sum_x4": 4.0}

Figure = int | float | bool | None


@dataclass(frozen=True, slots=True)
class AnswerFault:
    """One thing that is wrong with the answers. Never carries the value that was sent."""

    pointer: str
    """JSON pointer (RFC 6901) from the answers' own object"""
    detail: str


class InvalidAnswers(Exception):
    """The answers are not this instrument's; `faults` lists every one."""

    def __init__(self, faults: tuple[AnswerFault, ...]) -> None:
        super().__init__(f"{len(faults)} of the answers are not valid")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Scored:
    scores: dict[str, Figure]
    """null where too much is missing; a criterion is true, false, or null where the missing items decide"""
    missing: tuple[int, ...]
    prorated: tuple[str, ...]
    """scores in which the mean of the answered items stands for the missing ones"""


def check(instrument: Instrument, answers: Mapping[str, Any]) -> dict[int, float]:
    """Answers by item number, or InvalidAnswers with every fault. An item left out is skipped, never a fault."""
    scale, found, faults = instrument.scale, {}, []
    for name, value in answers.items():
        item = int(name) if name.isascii() and name.isdigit() and len(name) <= 3 else 0
        if str(item) != name or item not in instrument.items:
            faults.append(AnswerFault(_pointer(name), f'no such item: items are "1" to "{scale.items}"'))
        elif isinstance(value, bool) or not isinstance(value, int | float):
            faults.append(AnswerFault(_pointer(name), "a number; leave the item out to skip it"))
        elif not scale.min <= value <= scale.max:
            faults.append(AnswerFault(_pointer(name), f"from {_tidy(scale.min)} to {_tidy(scale.max)}"))
        elif scale.integer and value != int(value):
            faults.append(AnswerFault(_pointer(name), "a whole number"))
        else:
            found[item] = _tidy(value)
    if not answers:
        faults.append(AnswerFault("", "answer at least one item"))
    if faults:
        raise InvalidAnswers(tuple(faults))
    return dict(sorted(found.items()))


def score(instrument: Instrument, answers: Mapping[int, float]) -> Scored:
    """Every score and criterion of answers that `check` let pass."""
    turned = {i: instrument.scale.reverse(a) if i in instrument.reversed else a for i, a in answers.items()}
    scores: dict[str, Figure] = {}
    prorated = []
    for wanted in instrument.scores:
        if wanted.aggregation == "highest_level":
            scores[wanted.id] = _level(wanted, answers, instrument)
            continue
        missing = [i for i in wanted.items if i not in turned]
        scores[wanted.id] = _figure(wanted, turned) if not missing or _may_prorate(instrument, wanted, missing) else None
        if missing and scores[wanted.id] is not None:
            prorated.append(wanted.id)
    for criterion in instrument.criteria:
        if criterion.mark.applies:
            scores[criterion.id] = _met(instrument, criterion, answers)
    return Scored(
        scores, tuple(i for i in instrument.items if i not in answers and _is_asked(instrument, i, answers)), tuple(prorated)
    )


def vector_faults(instrument: Instrument) -> list[str]:
    """What its own vectors find wrong with a definition; empty where it holds."""
    if not instrument.vectors:
        return ["it carries no self-test vector"]
    faults = []
    for number, vector in enumerate(instrument.vectors, 1):
        try:
            answers = check(instrument, {str(i): a for i, a in vector.by_item.items()})
        except InvalidAnswers as error:
            faults.append(f"vector {number}: {error.faults[0].pointer} {error.faults[0].detail}")
            continue
        got = score(instrument, answers).scores
        faults += [
            f"vector {number}: {name} is {got.get(name)}, expected {expected}"
            for name, expected in vector.scores.items()
            if name not in got or not _same(got[name], expected)
        ]
    return faults


def _figure(wanted: Score, turned: Mapping[int, float]) -> float:
    present = [turned[i] for i in wanted.items if i in turned]
    mean = sum(present) / len(present)
    if wanted.aggregation == "mean_x10":
        return _tidy(round(mean * _AGGREGATIONS["mean_x10"], 6))
    total = sum(present) if len(present) == len(wanted.items) else mean * len(wanted.items)
    return _tidy(round(total * _AGGREGATIONS[wanted.aggregation], 6))


def _is_asked(instrument: Instrument, item: int, answers: Mapping[int, float]) -> bool:
    """False where the item that it follows was answered with the scale's min (no)."""
    before = instrument.asked_if.get(item)
    return before is None or answers.get(before) != instrument.scale.min


def _level(wanted: Score, answers: Mapping[int, float], instrument: Instrument) -> int | None:
    """The highest level that an answer reached; None where an item that was skipped could have reached a higher one."""
    low = instrument.scale.min
    reached = max((level for i, level in wanted.levels.items() if answers.get(i, low) > low), default=0)
    skipped = (level for i, level in wanted.levels.items() if i not in answers and _is_asked(instrument, i, answers))
    return None if max(skipped, default=0) > reached else reached


def _may_prorate(instrument: Instrument, wanted: Score, missing: Sequence[int]) -> bool:
    """Never over a critical item: a mean of other answers says nothing of danger."""
    rule = instrument.missing
    return (
        rule.rule == "prorate"
        and rule.mark.applies
        and wanted.id in rule.scores
        and instrument.critical.isdisjoint(missing)
        and len(missing) <= rule.at_most
        and len(missing) < len(wanted.items)
    )


def _met(instrument: Instrument, criterion: Criterion, answers: Mapping[int, float]) -> bool | None:
    undecided = False
    for name, needed in criterion.needs.items():
        wanted = instrument.score(name)
        assert wanted is not None
        reached = sum(1 for i in wanted.items if i in answers and answers[i] >= criterion.threshold)
        open_items = sum(1 for i in wanted.items if i not in answers)
        if reached + open_items < needed:
            return False
        undecided = undecided or reached < needed
    return None if undecided else True


def _same(got: Figure, expected: Figure) -> bool:
    if got is None or expected is None or isinstance(got, bool) or isinstance(expected, bool):
        return got is expected
    return abs(got - expected) < 1e-6


def _tidy(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")
