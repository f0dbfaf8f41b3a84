"""What an instrument is: a key, a range, a missing rule, a citation, a licence state and vectors that prove the key.

Keys are facts; item *text* belongs to whoever holds the licence. A definition therefore scores by item number and carries
text only where the licence lets everybody have it.

Marks say how a fact is known: V was read in a source, M is from memory and confident, M? is unconfirmed and not applied.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

InstrumentId = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,38}[a-z0-9])?$")]
ScoreId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Mark(StrEnum):
    READ = "V"
    MEMORY = "M"
    UNCONFIRMED = "M?"

    @property
    def applies(self) -> bool:
        """Whether what bears this mark is used."""
        return self is not Mark.UNCONFIRMED


class Construct(StrEnum):
    ALLIANCE = "alliance"
    SYMPTOM = "symptom"
    RISK = "risk"
    OUTCOME = "outcome"
    WELLBEING = "wellbeing"


class Rater(StrEnum):
    CLIENT = "client"
    THERAPIST = "therapist"
    OBSERVER = "observer"


class OnCall(StrEnum):
    """Who may be told of an answer to a critical item."""

    CLINICIAN = "clinician_on_call"
    """named in the tenant's risk settings"""
    THERAPIST = "therapist"
    """who holds that relationship to the client now"""
    SUPERVISOR = "supervisor"


class Definition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class Scale(Definition):
    """Every item is answered from `min` to `max`, both included."""

    items: int = Field(ge=1, le=500)
    min: float
    max: float
    integer: bool = True
    """False for visual analogue lines, read in centimetres"""
    initial: float | None = None
    """where a rater starts each item, when the manual says so"""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min < self.max:
            raise ValueError("a scale's min is below its max")
        return self

    def reverse(self, answer: float) -> float:
        return self.min + self.max - answer


class Score(Definition):
    """One figure computed from items: subscale or total."""

    id: ScoreId
    items: tuple[int, ...] = Field(min_length=1)
    aggregation: Literal["sum", "mean_x10", "sum_x4", "highest_level"] = "sum"
    levels: dict[int, int] = {}
    """`highest_level` only: item → the level that an answer above the scale's min stands for; the score is the highest of them"""
    min: float
    max: float
    higher_is: Literal["better", "worse", "stronger"] = "stronger"


class MissingRule(Definition):
    """`prorate` puts the mean of the answered items in place of at most `at_most` missing ones, for `scores` only."""

    rule: Literal["none", "prorate"]
    at_most: int = 0
    scores: tuple[ScoreId, ...] = ("total",)
    mark: Mark = Mark.READ
    citation: str = ""


class CutOff(Definition):
    score: ScoreId
    comparison: Literal["below", "at_most", "at_least", "above"]
    value: float
    mark: Mark
    citation: str
    meaning: str
    """careful words: where to look again, never what somebody is"""


class ReliableChange(Definition):
    score: ScoreId
    points: float = Field(gt=0)
    mark: Mark
    citation: str


class Criterion(Definition):
    """Met when, in each named score, at least so many items are answered at `threshold` or above."""

    id: ScoreId
    threshold: float
    needs: dict[ScoreId, int]
    mark: Mark
    citation: str


class CriticalItem(Definition):
    """An item that asks about danger to self or others. An answer of `at_least` or more alarms a person, whatever
    the total is."""

    item: int
    at_least: float
    told: tuple[OnCall, ...] = (OnCall.CLINICIAN, OnCall.THERAPIST, OnCall.SUPERVISOR)
    """who may be told, in this order"""
    loinc: str | None = Field(default=None, pattern=r"^\d{1,7}-\d$")
    mark: Mark
    citation: str


class Licence(Definition):
    state: Literal["free", "public-domain", "cc0", "cc-by-nd", "licensed", "bring-your-own", "ask", "unconfirmed"]
    holder: str
    note: str = ""
    """what the clinic has to do before it shows the items; it never blocks administering by item number"""


class Text(Definition):
    """Items as published, unmodified, under the licence named here."""

    licence: str
    source: str
    stem: str
    options: tuple[str, ...]
    """labels from the scale's min upward"""
    items: dict[int, str]


class Vector(Definition):
    """Answers and what they must score. `total` and the like may be null: that, too, is a result."""

    note: str = ""
    answers: dict[int, float] | tuple[float, ...]
    scores: dict[ScoreId, float | bool | None]

    @property
    def by_item(self) -> dict[int, float]:
        if isinstance(self.answers, dict):
            return self.answers
        return dict(enumerate(self.answers, 1))


class Instrument(Definition):
    """One definition file. It is used only while its own vectors hold (see `catalogue`)."""

    id: InstrumentId
    version: int = Field(ge=1)
    name: str
    measures: Construct = Field(validation_alias="construct", serialization_alias="construct")
    raters: tuple[Rater, ...] = Field(min_length=1)
    """whose form the key was confirmed for; others are scored by the same key, with a warning"""
    scale: Scale
    reversed: tuple[int, ...] = ()
    """items counted as min + max − answer"""
    scores: tuple[Score, ...] = Field(min_length=1)
    criteria: tuple[Criterion, ...] = ()
    missing: MissingRule
    cut_offs: tuple[CutOff, ...] = ()
    reliable_change: tuple[ReliableChange, ...] = ()
    asked_if: dict[int, int] = {}
    """item → the item that it follows: asked only where that one is answered above the scale's min, else it is not missing"""
    critical_items: tuple[CriticalItem, ...] = ()
    key_mark: Mark
    citation: str
    notes: tuple[str, ...] = ()
    licence: Licence
    text: Text | None = None
    vectors: tuple[Vector, ...] = ()

    @property
    def items(self) -> range:
        return range(1, self.scale.items + 1)

    @property
    def critical(self) -> frozenset[int]:
        return frozenset(c.item for c in self.critical_items)

    def score(self, score_id: str) -> Score | None:
        return next((s for s in self.scores if s.id == score_id), None)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        known, items = {s.id for s in self.scores}, set(self.items)
        critical = [c.item for c in self.critical_items]
        levelled = [i for s in self.scores for i in s.levels]
        followed = [i for pair in self.asked_if.items() for i in pair]
        named = [*self.reversed, *critical, *levelled, *followed, *(i for s in self.scores for i in s.items)]
        if not set(named) <= items:
            raise ValueError("every item named lies within the scale's item count")
        listed = [*(s.items for s in self.scores), self.reversed, critical]
        if any(len(set(each)) != len(each) for each in listed):
            raise ValueError("no item is named twice in one list")
        if "total" not in known or len(known) != len(self.scores):
            raise ValueError("scores are named once each, and one of them is total")
        referred = [
            *(c.score for c in self.cut_offs),
            *(c.score for c in self.reliable_change),
            *(name for c in self.criteria for name in c.needs),
            *self.missing.scores,
        ]
        if not set(referred) <= known:
            raise ValueError("cut-offs, changes, criteria and missing rules speak of scores that exist")
        if any(not self.scale.min <= c.at_least <= self.scale.max for c in self.critical_items):
            raise ValueError("a critical item's threshold lies within the scale")
        if any((s.aggregation == "highest_level") != (set(s.levels) == set(s.items)) for s in self.scores):
            raise ValueError("a score of the highest level gives each of its items a level, and no other score does")
        if self.measures is Construct.ALLIANCE and any(c.comparison != "below" for c in self.cut_offs):
            raise ValueError("an alliance score has no bands: at most a line below which to start a conversation")
        if self.text is not None and (
            set(self.text.items) != items or len(self.text.options) != int(self.scale.max - self.scale.min) + 1
        ):
            raise ValueError("a text names every item once, and a label for every point of the scale")
        return self
