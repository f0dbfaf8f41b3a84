"""Every sentence about an entry, made from the entry by one function (ADR 0057).

The officers' pages, the client's own report, the access report, the accounting and the printed reports all ask `sentence`. A test
has an entry of every kind and action with its sentence for each reader.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from services.audit_log.ledger.domain import words
from services.audit_log.ledger.domain.accounting import BY_HAND
from services.audit_log.ledger.domain.agent_kind import AgentKind
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.contracts.disclosure import Action, Decision
from shared.contracts.records import ServiceName
from shared.identity.roles import Role

SERVICE: Final = "service"
OPERATOR: Final = "operator"
"""roles of entries that a service, or an operator at the console, made"""
UNVERIFIED: Final = "unverified"
"""agent of an entry whose caller or sender could not be identified"""
BREAK_GLASS: Final = "break-glass-granted"
"""reason of the alarm that tells supervisors of a grant"""
LATE: Final = "; it was written while this log could not be reached, and is entered late"
_NO_ROLE: Final = (AgentKind.JOB, AgentKind.LINK, SERVICE, OPERATOR, Role.CLIENT)
"""of these, who they are says their role"""
_ROLES: Final[Mapping[str, str]] = {Role.EHR_SYSTEM: "another record system"}


class Audience(StrEnum):
    """Who reads the sentence."""

    OFFICER = "officer"
    """a compliance officer at the review pages, where the client's id stands beside the sentence"""
    CLIENT = "client"
    """the client whom the entry is about"""
    REPORT = "report"
    """whoever is handed a report about one client"""


_CALLED: Final[Mapping[Audience, Mapping[str, str]]] = {
    Audience.OFFICER: {"record": "a client's record", "whose": "the client's", "client": "the client", "log": "the log"},
    Audience.CLIENT: {
        "record": "your record",
        "whose": "your",
        "client": "you",
        "log": "the log of who used your record",
    },
    Audience.REPORT: {
        "record": "the client's record",
        "whose": "the client's",
        "client": "the client",
        "log": "the log of who used the client's record",
    },
}
_OF_NO_CLIENT: Final = {"record": "a record", "whose": "a client's", "client": "a client", "log": "the log"}
"""where the entry names no client"""


@dataclass(frozen=True, slots=True)
class Sentence:
    """In three parts, since a page sets them apart."""

    who: str
    role: str
    """as in `compliance officer`; empty where `who` says it already"""
    what: str
    """the rest, without its full stop"""

    def __str__(self) -> str:
        """As in `Dr. Ada Rivera (therapist) read a session note, for your treatment.`"""
        return f"{self.who} ({self.role}) {self.what}." if self.role else f"{self.who} {self.what}."


def sentence(entry: Entry, audience: Audience, recipient: str | None = None) -> Sentence:
    """What the entry says, to that reader. `recipient`: who was told outside the practice, where the reader is to know it."""
    if entry.kind is EntryKind.ALARM:
        return Sentence("The gate", "", _alarm(entry))
    subject = "you" if audience is Audience.CLIENT and _is_the_client(entry) else who(entry)
    return Sentence(_capital(subject), role(entry), _CLAUSES[entry.kind](entry, audience, recipient))


def who(entry: Entry) -> str:
    """Who acted, as it stands within a sentence. A client is not named: this service learns names of staff only."""
    _, _, name = entry.agent.partition(":")
    if entry.agent == UNVERIFIED:
        return "somebody who was not identified"
    if by_job(entry):
        return f"the automatic task {name}"
    if entry.agent_role == AgentKind.LINK:
        return "somebody with a questionnaire's link"
    if entry.agent_role == SERVICE:
        return _service(name or entry.agent)
    if entry.agent_role == OPERATOR:
        return f"the operator {name or entry.agent}"
    if entry.agent_role == Role.CLIENT:
        return "the client" if _is_the_client(entry) else "a client"
    return entry.agent_name or entry.agent


def role(entry: Entry) -> str:
    if entry.agent == UNVERIFIED or entry.agent_role in _NO_ROLE:
        return ""
    return _ROLES.get(entry.agent_role, entry.agent_role.replace("_", " "))


def by_job(entry: Entry) -> bool:
    return entry.agent_role == AgentKind.JOB


def alarm(reason: str) -> str:
    """What an alarm of that reason says; the reason of an erased entry is empty."""
    if not reason:
        return "An alarm whose details were erased."
    return words.ALARMS.get(reason, f"Something that should not be: {reason.replace('-', ' ')}.")


def why_heading(entry: Entry) -> str:
    """Above the explanation of an entry."""
    if entry.kind is EntryKind.ALARM:
        return "Why there is an alarm"
    return {"permit": "Why it was allowed", "deny": "Why it was refused"}.get(entry.outcome, "Why it was done")


def things(entry: Entry, audience: Audience) -> str:
    """The records that the entry lets somebody use; of a refused one, those that were asked for."""
    allowed = [r for r in entry.records if r.decision == Decision.PERMIT]
    return _listed(allowed or entry.records, audience) or _called(entry, audience)["record"]


def _disclosure(entry: Entry, audience: Audience, recipient: str | None) -> str:
    if entry.action == BY_HAND:
        return _by_hand(entry, audience, recipient)
    done, tried = words.VERBS.get(entry.action, (entry.action, entry.action))
    late = LATE if "late" in entry.detail else ""
    used = "" if entry.action == Action.LOOKUP else f" {things(entry, audience)}"
    if entry.outcome == Decision.DENY:
        return f"tried to {tried}{used}{_purpose(entry, audience)}, and was refused{late}"
    if recipient not in (None, entry.agent, entry.agent_name):
        return f"disclosed{used} to {recipient}{_purpose(entry, audience)}{late}"
    refused = [r for r in entry.records if r.decision == Decision.DENY]
    besides = f", and was refused {_listed(refused, audience)}" if refused else ""
    nobody = ": computed, seen by nobody" if entry.agent_role in (AgentKind.JOB, SERVICE) else ""
    return f"{done}{used}{_purpose(entry, audience)}{nobody}{besides}{late}"


def _by_hand(entry: Entry, audience: Audience, recipient: str | None) -> str:
    if _denied(entry):
        return f"tried to {words.VERBS[BY_HAND][1]}, and was refused"
    how, on = words.WAYS.get(str(entry.detail.get("how")), ""), entry.detail.get("on")
    told = [f"to {recipient}" if recipient else "", how, f"on {day_in_words(date.fromisoformat(on))}" if on else ""]
    parts = "".join(f" {part}" for part in told if part)
    return f"{words.VERBS[BY_HAND][0]}{parts}: {things(entry, audience)}{_purpose(entry, audience)}"


def day_in_words(day: date) -> str:
    """As in `1 March 2026`."""
    return f"{day.day} {day:%B} {day.year}"


def _look(entry: Entry, audience: Audience, recipient: str | None) -> str:
    return _done_or_tried(entry, audience, words.LOOKS) + _refused(entry, audience)


def _grant(entry: Entry, audience: Audience, recipient: str | None) -> str:
    purpose = "" if entry.purpose == "BTG" else _purpose(entry, audience)
    refused = ", and was refused" if _denied(entry) else ""
    if entry.reason in words.GRANTS:
        told, finding = words.GRANTS[entry.reason]
        return told.format_map(_called(entry, audience)) + purpose + refused + (finding if audience is Audience.OFFICER else "")
    return _done_or_tried(entry, audience, words.ERASED_GRANTS) + purpose + refused


def _release(entry: Entry, audience: Audience, recipient: str | None) -> str:
    return _done_or_tried(entry, audience, words.RELEASES) + (", and was refused" if _denied(entry) else "")


def _policy(entry: Entry, audience: Audience, recipient: str | None) -> str:
    if _denied(entry):
        tried = words.REFUSED_POLICIES.get(entry.action, "change what is allowed")
        return f"tried to {tried.format_map(_called(entry, audience))}, and was refused"
    return words.POLICIES.get(entry.reason, "changed what is allowed").format_map(_called(entry, audience))


def _erasure(entry: Entry, audience: Audience, recipient: str | None) -> str:
    called = _called(entry, audience)
    if entry.action == "approved" and _denied(entry):
        return "tried to approve the erasure of data of {record}, and was refused".format_map(called)
    return words.ERASURES.get(entry.action, f"did this: {entry.action}").format_map(called)


_CLAUSES: Final = {
    EntryKind.DISCLOSURE: _disclosure,
    EntryKind.GRANT: _grant,
    EntryKind.RELEASE: _release,
    EntryKind.POLICY: _policy,
    EntryKind.ERASURE: _erasure,
    EntryKind.QUERY: _look,
}


def _alarm(entry: Entry) -> str:
    about = _alarm_about(entry)
    return f"raised an alarm{f' about {about}' if about else ''}: {alarm(entry.reason).removesuffix('.')}"


def _alarm_about(entry: Entry) -> str:
    """A person who was given access, an operator, or a service, not the person for whom it asked. Empty for the gate itself."""
    if entry.reason == BREAK_GLASS:
        return f"{who(entry)} ({role(entry)})" if role(entry) else who(entry)
    if entry.agent_role == OPERATOR:
        return who(entry)
    by_service = entry.agent_role == SERVICE and entry.agent != UNVERIFIED
    service = entry.agent.removeprefix(f"{SERVICE}:") if by_service else entry.service
    return "" if service == ServiceName.AUDIT_LOG else _service(service)


def _done_or_tried(entry: Entry, audience: Audience, clauses: words.Clauses) -> str:
    done, tried = clauses.get(entry.action, (f"did this: {entry.action}", f"do this: {entry.action}"))
    return (f"tried to {tried}" if _denied(entry) else done).format_map(_called(entry, audience))


def _refused(entry: Entry, audience: Audience) -> str:
    return _purpose(entry, audience) + (", and was refused" if _denied(entry) else "")


def _purpose(entry: Entry, audience: Audience) -> str:
    if entry.purpose not in words.PURPOSES:
        return ""
    return ", " + words.PURPOSES[entry.purpose][1].format_map(_called(entry, audience))


def _denied(entry: Entry) -> bool:
    return entry.outcome == Decision.DENY


def _called(entry: Entry, audience: Audience) -> Mapping[str, str]:
    return _CALLED[audience] if entry.client_id is not None else _OF_NO_CLIENT


def _listed(records: list[EntryRecord] | tuple[EntryRecord, ...], audience: Audience) -> str:
    table = words.CLIENTS_THINGS if audience is Audience.CLIENT else words.THINGS
    return words.listed((r.record_type for r in records), table)


def _is_the_client(entry: Entry) -> bool:
    """Whether a client who acted is the one whom the entry is about. A refused one may be another, unless the entry names it."""
    if entry.agent_role != Role.CLIENT:
        return False
    return not _denied(entry) or (entry.client_id is not None and entry.detail.get("acts_for") == entry.client_id)


def _service(name: str) -> str:
    return f"the {name.replace('_', ' ')} service"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
