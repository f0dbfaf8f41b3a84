"""Consents and relationships as they are shown. Words appear only where the gate gave the record's key."""

from datetime import datetime
from typing import Any

import orjson

from services.consent.domain.consent import Consent, Signature
from services.consent.domain.relationship import Relationship
from shared.contracts.disclosure import RecordKey
from shared.eventstore.model import StoredEvent


def consent_view(state: Consent, now: datetime, key: RecordKey | None, *, erased: bool = False) -> dict[str, Any]:
    """One consent. Without a key its words are left out: `withheld`, or `erased` where nobody can open them any more."""
    form = state.form
    status = str(state.status(now))
    view: dict[str, Any] = {
        "id": str(state.consent_id),
        "client_id": str(state.client_id),
        "kind": str(form.kind),
        "status": status,
        "version": state.version,
        "missing": list(state.missing),
        "policy": form.policy.model_dump(mode="json", exclude_none=True),
        "period": form.period.model_dump(mode="json", exclude_none=True),
        "covers": list(form.covers),
        "grantor": form.grantor.open(key).model_dump(mode="json", exclude_none=True) if key else None,
        "elements": form.elements.open(key) if key else {},
        "signatures": [_signature(s, key) for s in state.signatures],
        "author": state.created_by,
        "created_at": state.created_at.isoformat(),
    }
    if state.activated_at is not None:
        view["activated_at"] = state.activated_at.isoformat()
    if state.revoked_at is not None:
        view["revoked_at"] = state.revoked_at.isoformat()
    if state.reason is not None and key is not None:
        view["reason"] = state.reason.open(key)
    if erased:
        # the machine-readable part outlives the words: decisions still rest on it
        return {**view, "status": "erased", "erased": True, "policy_status": status}
    return view if key else {**view, "withheld": True}


def relationship_view(state: Relationship, now: datetime) -> dict[str, Any]:
    started, holds = state.started, state.holds
    over = holds.end is not None and holds.end <= now
    status = "ended" if over else "current" if holds.start <= now else "future"
    return {
        "id": str(started.relationship_id),
        "client_id": str(started.client_id),
        "practitioner_id": started.practitioner_id,
        "role": str(started.role),
        "status": status,
        "version": state.version,
        "period": started.period.model_dump(mode="json", exclude_none=True),
        "start": holds.start.isoformat(),
        "end": holds.end.isoformat() if holds.end else None,
        "author": started.author,
        "created_at": started.at.isoformat(),
    }


def history_view(stored: StoredEvent) -> dict[str, Any]:
    """What happened, when, by whom, and under which entry of the ledger."""
    meta = orjson.loads(stored.meta)
    return {
        "version": stored.version,
        "what": stored.type,
        "at": stored.recorded_at.isoformat(),
        "by": meta.get("sub"),
        "role": meta.get("role"),
        "entry": meta.get("entry"),
    }


def _signature(signature: Signature, key: RecordKey | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"by": signature.by, "role": signature.role, "at": signature.at.isoformat()}
    attested = signature.attestation.open(key) if key else None
    if attested is not None:
        shown |= {"witness": attested.witness, "evidence": attested.evidence}
    return shown
