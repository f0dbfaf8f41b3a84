"""What the gate must learn after a command: the whole machine-readable state, and only where it counts for decisions."""

from datetime import datetime
from typing import Final

from services.consent.domain.consent import Consent, Phase
from services.consent.domain.relationship import Relationship
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, RelationshipSet

_PART2: Final = frozenset({ConsentKind.PART2_TPO, ConsentKind.PART2_COUNSELLING_NOTES})


def of_consent(before: Consent | None, after: Consent, at: datetime) -> ConsentSet | None:
    """None where no decision can come out differently: a consent that was never active opens nothing."""
    was, now = _machine(before, at), _machine(after, at)
    if now == was or (now is None and was is None):
        return None
    if now is not None:
        return now
    return _set(after, ConsentStatus(after.phase.value), at)


def of_relationship(after: Relationship, at: datetime) -> RelationshipSet:
    started = after.started
    return RelationshipSet(
        relationship_id=started.relationship_id,
        client_id=started.client_id,
        practitioner_id=started.practitioner_id,
        role=started.role,
        start=after.holds.start,
        end=after.holds.end,
        at=at,
        recorded_by=started.author,
        recorded_at=started.at,
    )


def _machine(consent: Consent | None, at: datetime) -> ConsentSet | None:
    """The state of a consent that counts; None where it does not."""
    if consent is None or consent.phase is not Phase.ACTIVE:
        return None
    return _set(consent, ConsentStatus.ACTIVE, at)


def _set(consent: Consent, status: ConsentStatus, at: datetime) -> ConsentSet:
    form = consent.form
    return ConsentSet(
        consent_id=consent.consent_id,
        client_id=consent.client_id,
        kind=form.kind,
        status=status,
        policy=form.policy.machine(),
        period=form.period.instants(),
        covers=form.covers,
        recipients=form.recipients,
        revoked_recipients=consent.revoked_recipients,
        part2=form.part2 or form.kind in _PART2,
        consented_by=consent.given_by.value,
        granted_by=consent.granted_by,
        read_strictly=form.read_strictly,
        confidential_from_representatives=form.minor_alone,
        at=at,
    )
