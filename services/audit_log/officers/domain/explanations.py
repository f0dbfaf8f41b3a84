"""Explanations first: what accounts for an access, from the strongest ground to the weakest (ADR 0027).

Most accesses explain themselves by data that is there anyway (Fabbri & LeFevre, 2011; published figures stand near 94 %). What is
left is a question for a person, never a finding. A strong ground is work with the client; a weak one is a standing on paper or
an office's errand, which some circumstances outweigh.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from services.audit_log.officers.domain.access import CLINICAL, OFFICE, Access, Known, Tie
from shared.contracts.consent_policy import RelationshipRole
from shared.identity.roles import Role

SESSION_AROUND: Final = timedelta(days=14)
"""an access within two weeks of a session or note of one's own belongs to it"""
CHARTED_AROUND: Final = timedelta(days=60)
CARE_AROUND: Final = timedelta(days=120)
"""care is going on while somebody writes about it within four months"""
RELATION_GRACE: Final = timedelta(days=7)
"""before its start (intake) and after its end (closing the record)"""
NEWCOMER: Final = timedelta(days=14)
"""who has just taken over reads before they write"""
OWN_RECORD: Final = timedelta(days=365)
OFFICE_AROUND: Final = timedelta(days=45)
EMERGENCY_WRITTEN: Final = timedelta(hours=72)

_TREATING: Final = (RelationshipRole.THERAPIST, RelationshipRole.TRAINEE)
_OFFICE_ROLES: Final = frozenset({Role.INTAKE, Role.ADMINISTRATOR, Role.EHR_SYSTEM})
_OFFICE_PURPOSES: Final = frozenset({"HOPERAT", "HPAYMT"})


class Ground(StrEnum):
    SESSION = "session"
    TREATMENT = "treatment"
    CARE_TEAM = "care-team"
    SUPERVISION = "supervision"
    OWN_RECORD = "own-record"
    OFFICE = "office"
    EXCHANGE = "exchange"
    EMERGENCY = "emergency"
    OVERSIGHT = "oversight"


UNEXPLAINED: Final = "unexplained"
"""where uses are counted by ground: those that none accounts for"""


@dataclass(frozen=True, slots=True)
class Explanation:
    ground: Ground
    strong: bool
    text: str


def _session(a: Access, k: Known) -> Explanation | None:
    if k.worked(a.at, SESSION_AROUND, author=a.agent, types=CLINICAL):
        return Explanation(Ground.SESSION, True, "They wrote a session or a note of this client within two weeks.")
    return None


def _treatment(a: Access, k: Known) -> Explanation | None:
    held = k.held(a.agent, a.at, *_TREATING, grace=RELATION_GRACE)
    if held is None:
        return None
    if k.worked(a.at, CARE_AROUND, types=CLINICAL) or abs(a.at - held.start) <= NEWCOMER:
        return Explanation(Ground.TREATMENT, True, f"They treat this client, as {held.role}, and care was going on.")
    return None


def _care_team(a: Access, k: Known) -> Explanation | None:
    held = k.held(a.agent, a.at, RelationshipRole.CARE_TEAM)
    if held is not None and held.recorded_by != a.agent and k.worked(a.at, CHARTED_AROUND, author=a.agent):
        return Explanation(Ground.CARE_TEAM, False, "They are of the care team, and write about this client.")
    return None


def _supervision(a: Access, k: Known) -> Explanation | None:
    if k.held(a.agent, a.at, RelationshipRole.SUPERVISOR, grace=RELATION_GRACE) is None:
        return None
    others = {w.author for w in k.work if abs(w.at - a.at) <= CHARTED_AROUND and w.record_type in CLINICAL}
    if any(k.held(other, a.at, *_TREATING, grace=CHARTED_AROUND) for other in others - {a.agent}):
        return Explanation(Ground.SUPERVISION, False, "They supervise somebody who works with this client.")
    return None


def _own_record(a: Access, k: Known) -> Explanation | None:
    written = {w.record_id: w for w in k.work if w.author == a.agent}
    if not a.records or any(r not in written for r in a.records):
        return None
    if any(w.author == a.agent and timedelta() <= a.at - w.at <= OWN_RECORD for w in k.work):
        return Explanation(Ground.OWN_RECORD, False, "They read what they wrote themselves, within a year of their work.")
    return None


def _office(a: Access, k: Known) -> Explanation | None:
    if a.role not in _OFFICE_ROLES or a.purpose not in _OFFICE_PURPOSES or not a.record_types <= OFFICE:
        return None
    if a.purpose == "HPAYMT" and k.worked(a.at, OFFICE_AROUND, types=CLINICAL):
        return Explanation(Ground.OFFICE, False, "There was something to bill: care within the weeks around it.")
    if k.worked(a.at, OFFICE_AROUND):
        return Explanation(Ground.OFFICE, False, "The office had something to do: an intake, a consent or a session near it.")
    return None


def _exchange(a: Access, k: Known) -> Explanation | None:
    if a.role == Role.EHR_SYSTEM and a.purpose in ("TREAT", "COC") and k.worked(a.at, CARE_AROUND, types=CLINICAL):
        return Explanation(Ground.EXCHANGE, False, "Another record system asked while care was going on.")
    return None


def _emergency(a: Access, k: Known) -> Explanation | None:
    if a.grant is None:
        return None
    if a.grant in k.answered_grants:
        return Explanation(Ground.EMERGENCY, True, "A reviewer found this break-glass access justified.")
    if k.worked(a.at, EMERGENCY_WRITTEN, author=a.agent, types=CLINICAL):
        return Explanation(Ground.EMERGENCY, True, "Break-glass, and what was done was written down within three days.")
    return None


def _oversight(a: Access, k: Known) -> Explanation | None:
    if a.role == Role.COMPLIANCE_OFFICER and a.purpose in ("HCOMPL", "HLEGAL") and a.record_types <= OFFICE:
        return Explanation(Ground.OVERSIGHT, False, "Oversight: names and consents, nothing clinical.")
    return None


_IN_ORDER: Final[tuple[Callable[[Access, Known], Explanation | None], ...]] = (
    _session,
    _treatment,
    _emergency,
    _supervision,
    _care_team,
    _own_record,
    _office,
    _exchange,
    _oversight,
)


class Mark(StrEnum):
    """Something about an access that a person should know when asking about it."""

    SELF = "self"
    SAME_ADDRESS = "same-address"
    SAME_SURNAME = "same-surname"
    COLLEAGUE = "colleague"
    WATCHED = "watched"
    REFUSED_BEFORE = "refused-before"
    SEARCHED = "searched"
    BURST = "burst"
    RARE_HOUR = "rare-hour"
    NO_RELATIONSHIP = "no-relationship"
    NOT_YET = "not-yet"
    ENDED = "ended"
    SELF_ENTERED = "self-entered"
    NEVER_CHARTED = "never-charted"
    CARE_OVER = "care-over"
    GRANT_OPEN = "grant-open"
    NO_ERRAND = "no-errand"
    NOBODY_SUPERVISED = "nobody-supervised"
    REPEATED = "repeated"


_OUTWEIGH_ALL: Final = frozenset({Mark.SELF, Mark.SAME_ADDRESS})
"""closeness that no professional standing explains"""
_OUTWEIGH_WEAK: Final = frozenset(
    {Mark.SAME_SURNAME, Mark.COLLEAGUE, Mark.WATCHED, Mark.REFUSED_BEFORE, Mark.BURST, Mark.RARE_HOUR}
)
LIKENESS_MARKS: Final = frozenset({Mark.SELF, Mark.SAME_ADDRESS, Mark.SAME_SURNAME})
"""what only the client's identity could tell"""
REFUSED_WITHIN: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Judged:
    access: Access
    explanation: Explanation | None
    """None: nothing that the log can see accounts for it"""
    marks: tuple[Mark, ...]


def judge(a: Access, k: Known, *, burst: bool = False, rare_hour: bool = False, searched: bool = False) -> Judged:
    """`burst`: one of very many clients within an hour; `rare_hour`: when this practice hardly ever works; `searched`: opened
    from a search over clients."""
    marks = list(_circumstances(a, k, burst=burst, rare_hour=rare_hour))
    found = next((e for rule in _IN_ORDER if (e := rule(a, k)) is not None), None)
    outweighed = not _OUTWEIGH_ALL.isdisjoint(marks) or (
        found is not None and not found.strong and found.ground is not Ground.OVERSIGHT and not _OUTWEIGH_WEAK.isdisjoint(marks)
    )
    if found is not None and not outweighed:
        return Judged(a, found, tuple(marks))
    return Judged(a, None, (*marks, *_missing(a, k), *([Mark.SEARCHED] if searched else [])))


def _circumstances(a: Access, k: Known, *, burst: bool, rare_hour: bool) -> list[Mark]:
    ties = k.ties.get(a.agent, frozenset())
    refused = any(timedelta() < a.at - at <= REFUSED_WITHIN for at in k.refused.get(a.agent, ()))
    found = (
        (Mark.SELF, Tie.SAME_PERSON in ties),
        (Mark.SAME_ADDRESS, Tie.SAME_ADDRESS in ties),
        (Mark.SAME_SURNAME, Tie.SAME_SURNAME in ties and Tie.SAME_PERSON not in ties),
        (Mark.COLLEAGUE, k.colleague),
        (Mark.WATCHED, k.watched),
        (Mark.REFUSED_BEFORE, refused),
        (Mark.BURST, burst),
        (Mark.RARE_HOUR, rare_hour),
    )
    return [mark for mark, holds in found if holds]


def _missing(a: Access, k: Known) -> list[Mark]:
    """What would have explained it, and is not there."""
    found: list[Mark] = []
    own = [r for r in k.relationships if r.practitioner_id == a.agent]
    if a.grant is not None:
        found.append(Mark.GRANT_OPEN)
    if a.role in _OFFICE_ROLES:
        found.append(Mark.NO_ERRAND)
    elif not own:
        found.append(Mark.NO_RELATIONSHIP)
    elif all(a.at < r.start for r in own):
        found.append(Mark.NOT_YET)
    elif all(r.end is not None and r.end <= a.at for r in own):
        found.append(Mark.ENDED)
    elif any(r.role is RelationshipRole.SUPERVISOR for r in own):
        found.append(Mark.NOBODY_SUPERVISED)
    if own and all(r.recorded_by == a.agent for r in own):
        found.append(Mark.SELF_ENTERED)
    if own and not any(w.author == a.agent for w in k.work) and a.role not in _OFFICE_ROLES:
        found.append(Mark.NEVER_CHARTED)
    if k.work and not k.worked(a.at, CARE_AROUND, types=CLINICAL):
        found.append(Mark.CARE_OVER)
    return found
