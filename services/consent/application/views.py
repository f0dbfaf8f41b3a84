"""Consents and relationships as they are shown. Words appear only where the gate gave the record's key."""

from datetime import datetime
from typing import Any

import orjson

from services.consent.application.explaining import says
from services.consent.domain.consent import Consent, Signature
from services.consent.domain.events import ConsentForm
from services.consent.domain.relationship import Relationship
from services.consent.domain.standing import Signer
from services.consent.domain.state import Explanation
from services.consent.domain.strict_readings import notes
from shared.contracts.disclosure import RecordKey
from shared.eventstore.model import StoredEvent
from shared.sealing.event import Event


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
        "warnings": warnings(form),
        "covers": list(form.covers),
        "grantor": form.grantor.open(key).model_dump(mode="json", exclude_none=True) if key else None,
        "elements": form.elements.open(key) if key else {},
        "signatures": [_signature(s, key) for s in state.signatures],
        "given_by": str(state.given_by),
        "recipients": list(form.recipients),
        "revoked_recipients": list(state.revoked_recipients),
        "part2": form.part2,
        "jurisdiction": form.jurisdiction,
        "limits_explained": list(form.limits_explained),
        "minor_alone": form.minor_alone,
        "review_on": form.review_on,
        "supersedes": str(form.supersedes) if form.supersedes else None,
        "ends_with_event": form.ends_with_event,
        "explanations": [_explanation(e, key) for e in state.explanations],
        "reconsent": {"due": bool(state.due_for(now)), "because": [str(b) for b in state.due_for(now)]},
        "author": state.created_by,
        "created_at": state.created_at.isoformat(),
    }
    if state.activated_at is not None:
        view["activated_at"] = state.activated_at.isoformat()
    if state.revoked_at is not None:
        view["revoked_at"] = state.revoked_at.isoformat()
    if state.ended_at is not None:
        view["ended_at"] = state.ended_at.isoformat()
    if state.superseded_by is not None:
        view["superseded_by"] = str(state.superseded_by)
    if state.expired_by is not None:
        view["expired_by"] = state.expired_by
    said = state.reason or state.refusal
    if said is not None and key is not None and (reason := said.open(key)) is not None:
        view["reason"] = reason
    if erased:
        # the machine-readable part outlives the words: decisions still rest on it
        return erased_view(view) | {"policy_status": status}
    return view if key else {**view, "withheld": True}


def warnings(form: ConsentForm) -> list[dict[str, str]]:
    """What its sender should know: what counts more strictly than it is written, and what its base does."""
    return [{"pointer": w.pointer, "detail": w.because} for w in (*notes(form.policy), *form.read_strictly)]


def erased_view(view: dict[str, Any]) -> dict[str, Any]:
    """A view without words, where these are not withheld but gone: nobody can open them any more."""
    return {**{name: value for name, value in view.items() if name != "withheld"}, "status": "erased", "erased": True}


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


def history_view(stored: StoredEvent, event: Event) -> dict[str, Any]:
    """What happened, when, by whom, under which entry of the ledger (None: the service noted it), and what that means."""
    meta = orjson.loads(stored.meta)
    return {
        "version": stored.version,
        "what": stored.type,
        "at": stored.recorded_at.isoformat(),
        "by": meta.get("sub"),
        "role": meta.get("role"),
        "entry": meta.get("entry"),
        "says": says(event),
    }


def _signature(signature: Signature, key: RecordKey | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"by": signature.by, "role": signature.role, "at": signature.at.isoformat()}
    if signature.signer is Signer.REPRESENTATIVE:
        shown["signer"] = str(signature.signer)
    if signature.assent:
        shown["assent"] = True
    attested = signature.attestation.open(key) if key else None
    if attested is not None:
        shown |= {"witness": attested.witness, "evidence": attested.evidence}
    return shown


def _explanation(told: Explanation, key: RecordKey | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "by": told.by,
        "role": told.role,
        "explained_on": told.on,
        "understood": told.understood,
        "form_version": told.form_version,
        "at": told.at.isoformat(),
    }
    return {**shown, **told.talk.open(key).model_dump(mode="json", exclude_none=True)} if key else shown
