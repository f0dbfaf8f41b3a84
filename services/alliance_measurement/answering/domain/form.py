"""What a client reads before and while they answer: the frame's words in their language, the items as published. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.alliance_measurement.instruments.domain.instrument import Construct, Instrument
from services.alliance_measurement.release.domain.release import Choice
from services.alliance_measurement.risk.domain.risk import RiskSettings
from shared.contracts.disclosure import ReleaseAudience

Words = Mapping[str, str]
"""one language's catalogue: key → text, with `{name}` where a value goes"""
DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class Option:
    value: int
    label: str | None
    """None where no text is at hand: the number speaks"""


@dataclass(frozen=True, slots=True)
class Question:
    item: int
    text: str | None
    options: tuple[Option, ...]
    """empty where the item is a line between two ends"""


def language(accepted: str, known: Mapping[str, Words]) -> str:
    """The first of an Accept-Language header (RFC 9110, 12.5.4) that there is a catalogue for; weights order it."""
    ranked = []
    for place, part in enumerate(accepted.lower().split(",")[:20]):
        name, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, name.split("-")[0]))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(ranked) if name in known), DEFAULT)


def questions(instrument: Instrument) -> tuple[Question, ...]:
    scale, text = instrument.scale, instrument.text
    values = range(int(scale.min), int(scale.max) + 1) if scale.integer else range(0)
    labels = text.options if text is not None and scale.integer else (None,) * len(values)
    options = tuple(Option(value, label) for value, label in zip(values, labels, strict=True))
    return tuple(Question(item, text.items[item] if text is not None else None, options) for item in instrument.items)


def purpose(instrument: Instrument, words: Words) -> str:
    return words["for_alliance" if instrument.measures is Construct.ALLIANCE else "for_symptoms"]


def seen_by(instrument: Instrument, own_rating: bool, choice: Choice, words: Words) -> list[str]:
    """Who will see the answers, one sentence each. `own_rating`: of the alliance, which the client's choice governs."""
    if not own_rating:
        return [words["seen_by_team"]]
    return [
        words[f"therapist_{choice.therapist}"],
        words[f"supervisor_{'withheld' if choice.supervisor is ReleaseAudience.WITHHELD else 'shown'}"],
        words["choice_is_yours"],
    ]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is promised before the first item where an item asks about danger."""

    order: tuple[str, ...]
    """who is told, one after the other"""
    when: str
    call: tuple[str, ...]
    """whom to call now, in the practice's own words"""


def notice(instrument: Instrument, settings: RiskSettings, words: Words) -> Notice | None:
    if not instrument.critical_items:
        return None
    steps = (*(["on_call"] if settings.on_call else []), "therapist", "supervisor", "officer")
    when = words["told_when"].format(minutes=settings.escalate_after_minutes)
    return Notice(tuple(words[f"told_{step}"] for step in steps), when, tuple(w.text for w in settings.what_now))
