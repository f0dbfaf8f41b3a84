"""What a consent of each kind must say before it can hold.

Informed consent (to therapy, to being measured) and authorizations (45 CFR 164.508(c), 42 CFR 2.31) are different things and
have different elements. A form may be written down incomplete; what it lacks stands in `missing`, and it never becomes active.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from services.consent.domain import jurisdictions
from services.consent.domain.errors import FormFault
from services.consent.domain.jurisdictions import MinorAlone
from shared.contracts.consent_policy import ConsentKind
from shared.contracts.records import KeyClass
from shared.values.time import NOT_YET, Place, is_day, parse_day, parse_instant

SIGNATURE: Final = "signature"
AUTHORITY: Final = "authority"
"""the representative's authority (164.508(c)(1)(vi)), where somebody signs for the client"""
MAX_TEXT: Final = 10_000
"""characters of one element"""

_INFORMED: Final = ("explained_by", "explained_on", "nature", "risks", "alternatives", "limits_of_confidentiality")
_TALKED_OF: Final = ("purpose", "fees", "recording", "telehealth", "supervision", "research")
"""what the talk may cover besides: nothing is missing without them, because not every therapy has them"""
MINOR_SERVICE: Final = "minor_service"
"""which service a minor consents to alone: written from the form, sealed with the words"""
_AUTHORIZATION: Final = (
    "description",
    "discloser",
    "recipient",
    "purpose",
    "expiry",
    "right_to_revoke",
    "conditioning",
    "redisclosure",
)
KNOWN: Final = tuple(dict.fromkeys((*_INFORMED, *_TALKED_OF, *_AUTHORIZATION)))
"""every element; a form of any kind may carry each, and what an authorization is for its policy says, combined with nothing"""
AUTHORIZATIONS: Final = frozenset(
    {
        ConsentKind.PSYCHOTHERAPY_NOTES,
        ConsentKind.DISCLOSURE,
        ConsentKind.PART2_TPO,
        ConsentKind.PART2_COUNSELLING_NOTES,
    }
)
_THERAPY: Final = frozenset({ConsentKind.TREATMENT, ConsentKind.MEASUREMENT})


def required(kind: ConsentKind) -> tuple[str, ...]:
    """Elements without which a consent of this kind never becomes active."""
    if kind in AUTHORIZATIONS:
        return _AUTHORIZATION
    return _INFORMED if kind in _THERAPY else ()


def missing(kind: ConsentKind, elements: Mapping[str, str], grantor_role: str, has_authority: bool) -> tuple[str, ...]:
    """Names of what the form lacks, in the order of the form; the signature is not part of the form."""
    lacking = tuple(name for name in required(kind) if not elements.get(name, "").strip())
    acts_for_another = grantor_role.strip().lower() not in _THEMSELVES
    if kind in AUTHORIZATIONS and acts_for_another and not has_authority:
        lacking += (AUTHORITY,)
    return lacking


def missing_limits(kind: ConsentKind, jurisdiction: str | None, explained: tuple[str, ...]) -> tuple[str, ...]:
    """Limits of confidentiality of that jurisdiction which the talk left out, as `limits_of_confidentiality/<code>`.

    Only of consent to therapy, and only where a jurisdiction is named: without one the words alone have to say it.
    """
    if kind is not ConsentKind.TREATMENT or jurisdiction is None:
        return ()
    return tuple(
        f"limits_of_confidentiality/{limit.code}" for limit in jurisdictions.limits(jurisdiction) if limit.code not in explained
    )


def faults_of_place(
    jurisdiction: str | None, explained: tuple[str, ...], minor: MinorAlone | None, review_on: str | None
) -> list[FormFault]:
    """What is wrong with what the form says by the tables of its jurisdiction, and with its review date."""
    found: list[FormFault] = []
    codes = {limit.code for limit in jurisdictions.limits(jurisdiction)} if jurisdiction else set()
    found += [
        FormFault(f"/limits_explained/{i}", f"one of: {', '.join(sorted(codes)) or 'none; name the jurisdiction'}")
        for i, code in enumerate(explained)
        if code not in codes
    ]
    if minor is not None:
        row = jurisdictions.alone(jurisdiction or "", minor.service)
        if row is None:
            found.append(
                FormFault("/minor_alone/service", "no sourced rule of this jurisdiction lets a minor consent to it alone")
            )
        elif minor.age < row.years:
            found.append(FormFault("/minor_alone/age", f"from the age of {row.years} ({row.source.citation})"))
        elif any(m.jurisdiction == jurisdiction and minor.age >= m.years for m in jurisdictions.MAJORITY):
            found.append(FormFault("/minor_alone/age", "of age there: leave minor_alone out"))
    if review_on is not None:
        try:
            parse_day(review_on)
        except ValueError as error:
            found.append(FormFault("/review_on", str(error)))
    return found


def faults_of_end(elements: Mapping[str, str], ends_with_event: bool) -> list[FormFault]:
    """A form that ends with an event says with which (45 CFR 164.508(c)(1)(v))."""
    if ends_with_event and not elements.get("expiry", "").strip():
        return [FormFault("/ends_with_event", "say in elements.expiry with which event it ends")]
    return []


_THEMSELVES: Final = frozenset({"client", "patient", "self"})


def faults(elements: Mapping[str, str], now: datetime, place: Place) -> list[FormFault]:
    """What is wrong with the elements that are there."""
    found = [
        FormFault(f"/elements/{_escaped(name)}", f"no element of a consent; one of: {', '.join(KNOWN)}")
        for name in elements
        if name not in KNOWN
    ]
    found += [
        FormFault(f"/elements/{name}", f"at most {MAX_TEXT} characters")
        for name in KNOWN
        if len(elements.get(name, "")) > MAX_TEXT
    ]
    explained = elements.get("explained_on", "").strip()
    if explained:
        try:
            day = parse_day(explained) if is_day(explained) else parse_instant(explained).date()
            if not place.has_come(day, now):
                found.append(FormFault("/elements/explained_on", NOT_YET))
        except ValueError as error:
            found.append(FormFault("/elements/explained_on", str(error)))
    return found


_NAMES: Final = {
    KeyClass.IDENTITY: re.compile(r"(?<![a-z0-9])identit(?:y|ies)(?![a-z0-9])"),
    KeyClass.PROGRESS_NOTE: re.compile(r"(?<![a-z0-9])progress[\s_-]+notes?(?![a-z0-9])"),
    KeyClass.MEASURES: re.compile(r"(?<![a-z0-9])measures?(?![a-z0-9])"),
}


def covers(kind: ConsentKind, elements: Mapping[str, str]) -> tuple[str, ...]:
    """Key classes that an authorization's description names: what kind of information it is about (45 CFR 164.508(c)(1)(i), 42
    CFR 2.31(a)(3)). Never psychotherapy notes: they have an authorization of their own. Other kinds have no such description, and
    what treatment and measurement are about the gate knows."""
    if kind not in AUTHORIZATIONS or kind is ConsentKind.PSYCHOTHERAPY_NOTES:
        return ()
    description = elements.get("description", "").lower()
    return tuple(str(key_class) for key_class, name in _NAMES.items() if name.search(description))


def _escaped(name: str) -> str:
    return name[:100].replace("~", "~0").replace("/", "~1")
