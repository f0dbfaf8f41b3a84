"""Asking the gate on behalf of a call, and turning its refusals into the answers that a caller may see."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from shared.contracts.disclosure import (
    MAX_RECORDS,
    UNKNOWN_REFERENCE,
    Action,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    Exclusion,
    IndexField,
    IndexKey,
    Obligation,
    Ratings,
    RecordKey,
    RecordOutcome,
    RecordRef,
    Refusal,
    ReleaseView,
)
from shared.contracts.notices import NOTICES
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.problems import Fault, Problem, forbidden, insufficient_scope, invalid, not_found, unauthenticated, unavailable

NO_SUCH_RECORD: Final = "there is no such record of this client that you may know of"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the gate released for one call. Lives for the request, then is forgotten."""

    entries: tuple[int, ...]
    keys: dict[str, RecordKey]
    """record id → key, for permitted records whose key still exists"""
    outcomes: dict[str, RecordOutcome]
    obligations: tuple[Obligation, ...] = ()
    """what must go with what was opened"""
    ratings: Ratings | None = None
    """what would become of an alliance rating made now (see the contract)"""
    release: ReleaseView | None = None
    """the client's choice, where the caller is the client"""
    index_keys: tuple[IndexKey, ...] = ()
    """of the fields that were asked for; current ones first"""

    def key(self, record_id: UUID | str) -> RecordKey:
        """The record's key. 410-like: KeyError never leaves here; use `erased` first."""
        return self.keys[str(record_id)]

    def permitted(self, record_id: UUID | str) -> bool:
        outcome = self.outcomes.get(str(record_id))
        return outcome is not None and outcome.decision is Decision.PERMIT

    def erased(self, record_id: UUID | str) -> bool:
        outcome = self.outcomes.get(str(record_id))
        return outcome is not None and outcome.erased

    def notices(self, record_id: UUID | str) -> list[dict[str, str]]:
        """The statements that accompany this record, as callers see them: `{code, text}`."""
        wanted = str(record_id)
        codes = [code for o in self.obligations if o.record_id == wanted and o.code == "notice" for code in o.args]
        scopes = [o.args[1] for o in self.obligations if o.record_id == wanted and o.code == "consent-scope"]
        return [{"code": code, "text": NOTICES[code]} for code in codes] + [
            {"code": "consent-scope", "text": text} for text in scopes
        ]

    def redactions(self, record_id: UUID | str) -> list[str]:
        """Labels of what must be taken out of this record before it is shown, sorted; empty where nothing is held back."""
        wanted = str(record_id)
        return sorted({label for o in self.obligations if o.record_id == wanted and o.code == "redact" for label in o.args})

    def held(self, record_ids: Iterable[UUID | str]) -> list[str]:
        """Until when those of the records are held back from the caller that are, soonest first; not which, and not why."""
        outcomes = (self.outcomes.get(str(i)) for i in record_ids)
        return sorted(o.held_until for o in outcomes if o is not None and o.held_until)

    @property
    def headers(self) -> dict[str, str]:
        return {"Audit-Entry": ", ".join(map(str, self.entries))} if self.entries else {}


async def ask(
    gate: Gate,
    call: Call,
    action: Action,
    records: Sequence[RecordRef],
    *,
    subjects: Sequence[str] = (),
    sealed_for: str | None = None,
    index_fields: Sequence[IndexField] = (),
    most: int | None = None,
    looked_up: bool = False,
    missing: bool = False,
) -> DisclosureAnswer:
    """The gate's raw answer; refusals of the whole request are raised as problems."""
    answer = await gate.disclose(
        DisclosureRequest(
            tenant=call.tenant,
            action=action,
            caller=call.caller,
            request_id=call.request_id,
            records=tuple(records),
            subjects=tuple(subjects),
            purpose=call.purpose,
            acting_role=str(call.principal.role) if len(call.principal.roles) > 1 else None,
            sealed_for=sealed_for,
            index_fields=tuple(index_fields),
            most=most,
            looked_up=looked_up,
            missing=missing,
        )
    )
    problem = refusal_problem(answer)
    if problem is not None:
        raise problem
    return answer


def refusal_problem(answer: DisclosureAnswer) -> Problem | None:
    """The problem of a request that was refused whole; None where records were decided one by one."""
    match answer.refusal:
        case Refusal.IDENTITY:
            return unauthenticated("The token does not hold any more: get a new one.")
        case Refusal.PURPOSE:
            return forbidden("Your role may not claim this purpose of use.")
        case Refusal.SCOPES:
            return insufficient_scope()
        case Refusal.STALE:
            return unavailable("The newest consents cannot be confirmed just now: nothing was opened.")
        case Refusal.REGISTRY:
            return not_found()
        case Refusal.SERVICE:
            return forbidden()
    return None


async def open_one(
    gate: Gate,
    call: Call,
    action: Action,
    record: RecordRef,
    *,
    index_fields: Sequence[IndexField] = (),
    refers_at: str = "",
) -> Opened:
    """Keys for one record, or 403 / 404 as the caller may know of it. `refers_at`: where in the body the records stand that a new
    record refers to; 422 there where one of them is not there."""
    answer = await ask(gate, call, action, [record], index_fields=index_fields)
    if answer.decision is Decision.DENY:
        if any(r.reason == UNKNOWN_REFERENCE for r in answer.records):
            problem = invalid([Fault(refers_at, NO_SUCH_RECORD)])
            problem.headers["Audit-Entry"] = ", ".join(map(str, answer.entries))
            raise problem
        raise _refused(answer, may_know=any(r.may_know for r in answer.records))
    return opened(answer)


async def open_export(
    gate: Gate,
    call: Call,
    client_id: str,
    sealed_for: str,
    records: Callable[[Sequence[Exclusion]], Awaitable[Sequence[RecordRef]]],
) -> tuple[Opened, tuple[Exclusion, ...]]:
    """Keys for an export of a client's records, and what is left out of it. 403 / 404 where the caller may not have one.

    `records` is asked for the records once it is known that there may be an export, and what is not in it.
    """
    asked = await ask(gate, call, Action.EXPORT, (), subjects=(client_id,), sealed_for=sealed_for)
    if asked.decision is Decision.DENY:
        raise _refused(asked, may_know=asked.may_know)
    known = opened(asked)
    wanted = await records(asked.exclusions)
    for first in range(0, len(wanted), MAX_RECORDS):
        part = opened(await ask(gate, call, Action.EXPORT, wanted[first : first + MAX_RECORDS], sealed_for=sealed_for))
        known = replace(
            known,
            entries=(*known.entries, *part.entries),
            keys=known.keys | part.keys,
            outcomes=known.outcomes | part.outcomes,
            obligations=(*known.obligations, *part.obligations),
        )
    return known, asked.exclusions


def _refused(answer: DisclosureAnswer, *, may_know: bool) -> Problem:
    held = next((r.held_until for r in answer.records if r.held_until), None)
    problem = forbidden(f"This note is held back until {held}. Ask the practice about it.") if held else forbidden()
    problem = problem if may_know else not_found()
    problem.headers["Audit-Entry"] = ", ".join(map(str, answer.entries))
    return problem


async def missed(gate: Gate, call: Call, action: Action = Action.READ) -> Problem:
    """404 for a record that does not exist, with the entry that one would have which the caller may not know of. Raise it."""
    return _refused(await ask(gate, call, action, (), missing=True), may_know=False)


async def open_many(gate: Gate, call: Call, records: Sequence[RecordRef], *, client_id: str, most: int | None = None) -> Opened:
    """Keys for those of a client's records that the caller may read, the first `most` of them. 404 where the caller may not
    search the client; with `most` 0 nothing is opened and nobody refused, since no entry is made."""
    answer = await ask(gate, call, Action.SEARCH, records, subjects=() if records else (client_id,), most=most)
    if most != 0 and answer.decision is Decision.DENY and not (answer.may_know or any(r.may_know for r in answer.records)):
        raise _refused(answer, may_know=False)
    return opened(answer)


def opened(answer: DisclosureAnswer) -> Opened:
    return Opened(
        entries=answer.entries,
        keys={k.record_id: k for k in answer.keys},
        outcomes={r.record_id: r for r in answer.records},
        obligations=answer.obligations,
        ratings=answer.ratings,
        release=answer.release,
        index_keys=answer.index_keys,
    )
