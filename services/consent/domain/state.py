"""The state of a consent: a fold of its events."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.consent.domain.elements import AUTHORITY, AUTHORIZATIONS, SIGNATURE
from services.consent.domain.events import (
    Attestation,
    ConsentActivated,
    ConsentAmended,
    ConsentForm,
    ConsentProposed,
    ConsentRevoked,
    ConsentSigned,
    RevocationReasonGiven,
)
from services.consent.domain.life_events import (
    Because,
    ConsentExpired,
    ConsentExplained,
    ConsentReaffirmed,
    ConsentRefused,
    ConsentSuperseded,
    RecipientRevoked,
    ReconsentDue,
    Talk,
)
from services.consent.domain.periods import first_instant
from services.consent.domain.standing import Signer
from shared.contracts.consent_policy import ConsentStatus
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class Phase(StrEnum):
    """Where a consent stands, whatever the clock says."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Signature:
    by: str
    role: str
    at: datetime
    attestation: Sealed[Attestation | None]
    signer: Signer = Signer.CLIENT
    assent: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """One talk about the consent."""

    by: str
    role: str
    on: str
    at: datetime
    form_version: int
    understood: bool
    talk: Sealed[Talk]


@dataclass(frozen=True, slots=True)
class Consent:
    """The state. Sealed fields are closed where it comes from the store."""

    consent_id: UUID
    created_by: str
    created_at: datetime
    form: ConsentForm
    version: int
    phase: Phase = Phase.PROPOSED
    signatures: tuple[Signature, ...] = ()
    """those given to the form as it stands"""
    activated_at: datetime | None = None
    revoked_at: datetime | None = None
    reason: Sealed[str] | None = None
    refusal: Sealed[str | None] | None = None
    ended_at: datetime | None = None
    """when it was refused, superseded, revoked or expired"""
    superseded_by: UUID | None = None
    expired_by: str | None = None
    """`date` or `event`"""
    revoked_recipients: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    """those of the form as it stands"""
    due: tuple[tuple[Because, datetime], ...] = ()
    """what calls for another talk and since when, until it is affirmed"""
    reviewed: bool = False
    """its review date has been acted on"""

    @property
    def client_id(self) -> UUID:
        return self.form.client_id

    @property
    def missing(self) -> tuple[str, ...]:
        """What must still be there before it can be active; `signature` is the last."""
        lacking = self.form.missing
        by_representative = any(s.signer is Signer.REPRESENTATIVE for s in self.signatures)
        if self.form.kind in AUTHORIZATIONS and by_representative and not self.form.has_authority and AUTHORITY not in lacking:
            lacking += (AUTHORITY,)
        return lacking if any(not s.assent for s in self.signatures) else (*lacking, SIGNATURE)

    @property
    def given_by(self) -> Signer:
        """Whose word made it hold: the client's own where they gave it, whoever signed beside them."""
        counting = [s.signer for s in self.signatures if not s.assent]
        return Signer.REPRESENTATIVE if counting and Signer.CLIENT not in counting else Signer.CLIENT

    @property
    def granted_by(self) -> str:
        """`sub` of the representative whose own token made it hold; empty where the client did, or intake took it down."""
        if self.given_by is not Signer.REPRESENTATIVE:
            return ""
        own = [s.by for s in self.signatures if not s.assent and s.role == Role.REPRESENTATIVE]
        return own[0] if own else ""

    def due_for(self, now: datetime) -> tuple[Because, ...]:
        """Why another talk is due; empty where none is."""
        if self.phase is not Phase.ACTIVE:
            return ()
        calls = tuple(dict.fromkeys(because for because, _ in self.due))
        review = self.form.review_on
        if review is not None and not self.reviewed and first_instant(review) <= now:
            calls += (Because.DATE,)
        return calls

    def next_time(self) -> datetime | None:
        """When it has to be looked at again: its review date, its end."""
        if self.phase is not Phase.ACTIVE:
            return None
        times = [self.form.period.instants().end]
        if self.form.review_on is not None and not self.reviewed:
            times.append(first_instant(self.form.review_on))
        return min((t for t in times if t is not None), default=None)

    def status(self, now: datetime) -> ConsentStatus:
        """As shown: an active consent whose period is over is expired."""
        if self.phase is Phase.ACTIVE:
            end = self.form.period.instants().end
            return ConsentStatus.EXPIRED if end is not None and end <= now else ConsentStatus.ACTIVE
        return ConsentStatus(self.phase.value)


def evolve(state: Consent | None, event: Event) -> Consent | None:
    """The state after the event; events of other aggregates change nothing."""
    if isinstance(event, ConsentProposed):
        return Consent(consent_id=event.consent_id, created_by=event.author, created_at=event.at, form=event, version=1)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    match event:
        case ConsentAmended():
            return replace(state, form=event, signatures=(), explanations=())
        case ConsentSigned():
            signer = Signer.REPRESENTATIVE if event.role == Role.REPRESENTATIVE else event.signer
            signature = Signature(event.by, event.role, event.at, event.attestation, signer, event.assent)
            return replace(state, signatures=(*state.signatures, signature))
        case ConsentActivated():
            return replace(state, phase=Phase.ACTIVE, activated_at=event.at)
        case ConsentRevoked():
            return replace(state, phase=Phase.REVOKED, revoked_at=event.at, ended_at=event.at)
        case RevocationReasonGiven():
            return replace(state, reason=event.reason)
    return _lived(state, event)


def _lived(state: Consent, event: Event) -> Consent:
    match event:
        case ConsentExplained():
            told = Explanation(event.by, event.role, event.on, event.at, event.form_version, event.understood, event.talk)
            return replace(state, explanations=(*state.explanations, told))
        case ReconsentDue():
            reviewed = state.reviewed or event.because is Because.DATE
            return replace(state, due=(*state.due, (event.because, event.at)), reviewed=reviewed)
        case ConsentReaffirmed():
            return replace(state, due=(), reviewed=state.reviewed or Because.DATE in state.due_for(event.at))
        case ConsentRefused():
            return replace(state, phase=Phase.REFUSED, refusal=event.reason, ended_at=event.at)
        case ConsentSuperseded():
            return replace(state, phase=Phase.SUPERSEDED, superseded_by=event.superseded_by, ended_at=event.at)
        case ConsentExpired():
            return replace(state, phase=Phase.EXPIRED, expired_by=event.cause, ended_at=event.at)
        case RecipientRevoked():
            return replace(state, revoked_recipients=(*state.revoked_recipients, event.recipient))
    return state


def fold(state: Consent | None, events: list[Event]) -> Consent | None:
    for event in events:
        state = evolve(state, event)
    return state
