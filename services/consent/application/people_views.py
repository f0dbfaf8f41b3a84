"""Representatives, capacity, restrictions and amendments as they are shown: words only with the record's key."""

from datetime import datetime
from typing import Any

from services.consent.application.dossier import Kind
from services.consent.domain import amendment, representative, restriction
from services.consent.domain.amendment import Amendment
from services.consent.domain.capacity import Capacity
from services.consent.domain.representative import Representative
from services.consent.domain.restriction import Restriction
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import RecordType


def representative_view(state: Representative, now: datetime, key: RecordKey | None) -> dict[str, Any]:
    one, holds = state.appointed, state.holds
    over = holds.end is not None and holds.end <= now
    status = "ended" if state.ended or over else "waiting" if state.resting else "current" if holds.start <= now else "future"
    view: dict[str, Any] = {
        "id": str(one.representative_id),
        "client_id": str(one.client_id),
        "person": one.person,
        "kind": str(one.kind),
        "authority": one.authority,
        "status": status,
        "start": holds.start.isoformat(),
        "end": holds.end.isoformat() if holds.end else None,
        "may": [str(power) for power in one.may],
        "excluded_record_ids": list(one.excluded_record_ids),
        "excluded_labels": list(one.excluded_labels),
        "for_minority": one.for_minority,
        "jurisdiction": one.jurisdiction,
        "only_without_capacity": one.only_without_capacity,
        "version": state.version,
        "author": one.by,
        "created_at": one.at.isoformat(),
    }
    if state.ended:
        view["ended_because"] = state.ended
    if key is None:
        return {**view, "withheld": True}
    words = one.words.open(key)
    return {**view, "name": words.name, "evidence": words.evidence, "client_birth_date": words.client_birth_date}


def restriction_view(state: Restriction, now: datetime, key: RecordKey | None) -> dict[str, Any]:
    asked = state.asked
    end = state.ended or asked.period.instants().end
    over = end is not None and end <= now
    status = "requested" if state.agreed is None else "declined" if not state.agreed else "ended" if over else "binding"
    view: dict[str, Any] = {
        "id": str(asked.restriction_id),
        "client_id": str(asked.client_id),
        "payer": asked.payer,
        "paid_in_full": asked.paid_in_full,
        "purposes": list(asked.purposes),
        "record_ids": list(asked.record_ids),
        "labels": list(asked.labels),
        "resource_types": list(asked.resource_types),
        "data_period": asked.data_period.model_dump(mode="json", exclude_none=True) if asked.data_period else None,
        "period": asked.period.model_dump(mode="json", exclude_none=True),
        "status": status,
        "end": end.isoformat() if end else None,
        "version": state.version,
        "author": asked.by,
        "created_at": asked.at.isoformat(),
    }
    if key is None:
        return {**view, "withheld": True}
    words = asked.words.open(key)
    note = state.note.open(key) if state.note is not None else None
    return {**view, "payer_name": words.payer_name, "request": words.request, "note": note}


def amendment_view(state: Amendment, now: datetime, key: RecordKey | None) -> dict[str, Any]:
    asked = state.asked
    view: dict[str, Any] = {
        "id": str(asked.amendment_id),
        "client_id": str(asked.client_id),
        "record_id": str(asked.amended_record),
        "record_type": str(asked.record_type),
        "status": state.status(now),
        "received_on": asked.received_on,
        "due_at": state.due_at.isoformat(),
        "extended": state.extended is not None,
        "denied_because": str(state.denied.basis) if state.denied else None,
        "version": state.version,
        "author": asked.by,
        "created_at": asked.at.isoformat(),
    }
    if key is None:
        return {**view, "withheld": True}
    words = asked.words.open(key)
    return {
        **view,
        "what": words.what,
        "why": words.why,
        "extension_reason": state.extended.reason.open(key) if state.extended else None,
        "amendment": state.accepted.text.open(key) if state.accepted else None,
        "denial_reason": state.denied.reason.open(key) if state.denied else None,
        "disagreement": state.disagreement.statement.open(key) if state.disagreement else None,
        "rebuttal": state.rebuttal.statement.open(key) if state.rebuttal else None,
    }


def capacity_view(state: Capacity, key: RecordKey | None) -> dict[str, Any]:
    newest = state.found[-1]
    view: dict[str, Any] = {
        "id": str(newest.capacity_id),
        "client_id": str(newest.client_id),
        "has_capacity": newest.has_capacity,
        "since": newest.since.isoformat(),
        "version": state.version,
    }
    if key is None:
        return view
    found = [
        {
            "has_capacity": f.has_capacity,
            "since": f.since.isoformat(),
            "by": f.by,
            "at": f.at.isoformat(),
            "basis": f.basis.open(key),
        }
        for f in state.found
    ]
    return {**view, "found": found}


REPRESENTATIVES: Kind[Representative] = Kind(
    RecordType.REPRESENTATIVE,
    representative.evolve,
    lambda state: state.version,
    representative_view,
    representative.policy,
    lambda state: state.next_time(),
)
RESTRICTIONS: Kind[Restriction] = Kind(
    RecordType.RESTRICTION, restriction.evolve, lambda state: state.version, restriction_view, restriction.policy
)
AMENDMENTS: Kind[Amendment] = Kind(RecordType.AMENDMENT, amendment.evolve, lambda state: state.version, amendment_view)
