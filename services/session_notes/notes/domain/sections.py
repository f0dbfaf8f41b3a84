"""What may stand in a note: the sections of each progress-note format, and what a psychotherapy note must not hold.

45 CFR 164.501 defines psychotherapy notes by what they are not: medication prescription and monitoring, session start and
stop times, modalities and frequencies of treatment, results of clinical tests, and any summary of diagnosis, functional
status, treatment plan, symptoms, prognosis and progress to date belong to the progress note. So do risk and safety plan
here: THREAT disclosures are defensible only if these never stand in a psychotherapy note alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.session_notes.desk.domain.refusals import Flaw
from shared.contracts.records import IN_CONFIDENCE

MAX_TEXT: Final = 100_000
"""characters of one section"""
MAX_SECTIONS: Final = 40
SECTION_KEY: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
MAX_KEY: Final = 64

SENSITIVITY_LABELS: Final = frozenset({"PSY", "MH", "BH", "SUD", "ETH", "ETHUD", "OPIOIDUD", "SDV", "HIV", "STD", "SEX", "VIO"})
SELF_PAY_LABEL: Final = "HIPAASelfPay"
"""v3-ActCode: paid in full by the client, so it does not go to a plan (45 CFR 164.522(a)(1)(vi))"""
LABELS: Final = SENSITIVITY_LABELS | {SELF_PAY_LABEL, IN_CONFIDENCE}
"""v3-ActCode codes that a progress note may carry, and one of this house"""
PSYCHOTHERAPY_NOTE_LABEL: Final = "PSYTHPN"
"""v3-ActCode: carried by each psychotherapy note and by no other"""


class NoteFormat(StrEnum):
    SOAP = "SOAP"
    DAP = "DAP"
    BIRP = "BIRP"
    GIRP = "GIRP"
    NARRATIVE = "narrative"


SECTIONS: Final[dict[NoteFormat, tuple[str, ...]]] = {
    NoteFormat.SOAP: ("subjective", "objective", "assessment", "plan"),
    NoteFormat.DAP: ("data", "assessment", "plan"),
    NoteFormat.BIRP: ("behavior", "intervention", "response", "plan"),
    NoteFormat.GIRP: ("goals", "intervention", "response", "plan"),
    NoteFormat.NARRATIVE: ("narrative",),
}
SPELLINGS: Final = {
    "behavior": "behaviour",
    "intervention": "interventions",
    "response": "responses",
    "goals": "goal",
}
"""sections that may be named otherwise; a note keeps the name that its author gave"""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One thing that a psychotherapy note must not hold, by the names its section may be given."""

    rule: str
    names: re.Pattern[str]
    what: str
    citation: str
    reviewer: str = ""
    """lawyer who has confirmed this reading; empty: none has yet"""


def _names(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_164_501: Final = "45 CFR 164.501, psychotherapy notes"
_164_512: Final = "45 CFR 164.512(j)(1)(i) with 164.508(a)(2)(ii)"

EXCLUSIONS: Final[tuple[Exclusion, ...]] = (
    Exclusion(
        "medication", _names(r"(\w+_)?(medications?|prescriptions?|prescribing)(_\w+)?"), "medication and prescriptions", _164_501
    ),
    Exclusion(
        "session-times",
        _names(r"(session_)?(start|stop|end)(_(time|times|at))?|(session_)?(started|stopped|ended)_at|session_(times?|duration)"),
        "session start and stop times",
        _164_501,
    ),
    Exclusion("modality", _names(r"(\w+_)?(modality|modalities)(_\w+)?"), "modality of treatment", _164_501),
    Exclusion("frequency", _names(r"(\w+_)?(frequency|frequencies)(_\w+)?"), "frequency of treatment", _164_501),
    Exclusion("test-results", _names(r"(\w+_)?tests?(_\w+)?|(\w+_)?test_results?"), "results of clinical tests", _164_501),
    Exclusion("diagnosis", _names(r"(\w+_)?(diagnosis|diagnoses|diagnostic)(_\w+)?"), "summary of the diagnosis", _164_501),
    Exclusion("functional-status", _names(r"functional_status(_\w+)?|functioning"), "summary of functional status", _164_501),
    Exclusion("treatment-plan", _names(r"(treatment_|care_)?plans?(_of_(care|treatment))?"), "the treatment plan", _164_501),
    Exclusion("symptoms", _names(r"symptoms?(_\w+)?"), "summary of symptoms", _164_501),
    Exclusion("prognosis", _names(r"prognos(is|es)(_\w+)?"), "prognosis", _164_501),
    Exclusion("progress", _names(r"(treatment_)?progress(_(to_date|summary|notes?))?"), "progress to date", _164_501),
    Exclusion("risk", _names(r"risks?(_\w+)?|(\w+_)?risk(_assessment)?"), "risk", _164_512),
    Exclusion("safety-plan", _names(r"(\w+_)?safety_plans?(_\w+)?|crisis_plans?"), "the safety plan", _164_512),
)


def excluded(key: str) -> Exclusion | None:
    """The rule that keeps a section of this name out of psychotherapy notes."""
    return next((e for e in EXCLUSIONS if e.names.fullmatch(key)), None)


def progress_flaws(format: NoteFormat, sections: Mapping[str, str]) -> list[Flaw]:
    """What is wrong with the sections of a progress-note draft. Empty ones are allowed; one must hold something."""
    known = section_names(format, sections)
    flaws = [
        Flaw(f"/sections/{_pointer(key)}", f"a {format} note has the sections {', '.join(SECTIONS[format])}")
        for key in sections
        if key not in known
    ]
    flaws += _too_long(sections)
    if not any(text.strip() for text in sections.values()):
        flaws.append(Flaw("/sections", "at least one section holds text"))
    return flaws


def section_names(format: NoteFormat, sections: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a progress note's sections, in the spelling that these are given in. A narrative may be divided freely."""
    if format is NoteFormat.NARRATIVE and "narrative" not in sections:
        return tuple(k for k in sections if len(k) <= MAX_KEY and SECTION_KEY.fullmatch(k)) or SECTIONS[format]
    return tuple(
        SPELLINGS[name] if name not in sections and SPELLINGS.get(name) in sections else name for name in SECTIONS[format]
    )


def psychotherapy_flaws(sections: Mapping[str, str]) -> list[Flaw]:
    """What is wrong with the sections of a psychotherapy note."""
    flaws = []
    if not 1 <= len(sections) <= MAX_SECTIONS:
        flaws.append(Flaw("/sections", f"1 to {MAX_SECTIONS} sections"))
    for key, text in sections.items():
        pointer = f"/sections/{_pointer(key)}"
        if len(key) > MAX_KEY or not SECTION_KEY.fullmatch(key):
            flaws.append(Flaw(pointer, f"a lower_snake_case name of at most {MAX_KEY} characters, such as transference"))
            continue
        exclusion = excluded(key)
        if exclusion is not None:
            flaws.append(
                Flaw(
                    pointer,
                    f"{exclusion.what} may not stand in a psychotherapy note ({exclusion.citation}): "
                    "write it in the session's progress note",
                )
            )
        elif not text.strip():
            flaws.append(Flaw(pointer, "a section holds text: leave it out where there is none"))
    return flaws + _too_long(sections)


def label_flaws(labels: tuple[str, ...]) -> list[Flaw]:
    """What is wrong with the security labels of a progress note."""
    flaws = []
    for number, label in enumerate(labels):
        pointer = f"/labels/{number}"
        if label == PSYCHOTHERAPY_NOTE_LABEL:
            flaws.append(Flaw(pointer, "a psychotherapy note is written at /psychotherapy-notes, where it has its own key"))
        elif label not in LABELS:
            flaws.append(Flaw(pointer, f"one of these codes: {', '.join(sorted(LABELS))}"))
        elif label in labels[:number]:
            flaws.append(Flaw(pointer, "the same label stands here twice"))
    return flaws


def _too_long(sections: Mapping[str, str]) -> list[Flaw]:
    return [
        Flaw(f"/sections/{_pointer(key)}", f"at most {MAX_TEXT} characters")
        for key, text in sections.items()
        if len(text) > MAX_TEXT
    ]


def _pointer(key: str) -> str:
    # a key may be anything a caller sends: only a short plain one is repeated
    return key if len(key) <= MAX_KEY and SECTION_KEY.fullmatch(key) else "*"
