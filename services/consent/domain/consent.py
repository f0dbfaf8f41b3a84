"""The consent as a decider: `decide(state, command) -> events`, `evolve(state, event) -> state`. Pure; time comes with commands.

A consent is proposed, perhaps amended, and signed; it becomes active when nothing is missing and it is signed. An amendment
voids the signatures given before. Revoked is final. A period that is over shows as expired; no event says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.consent.domain import elements as form_elements
from services.consent.domain.elements import AUTHORITY, AUTHORIZATIONS, SIGNATURE
from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.events import (
    Attestation,
    ConsentActivated,
    ConsentAmended,
    ConsentForm,
    ConsentProposed,
    ConsentRevoked,
    ConsentSigned,
    Grantor,
    RevocationReasonGiven,
)
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy, GivenProvision
from shared.contracts.consent_policy import ConsentKind, ConsentStatus
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed


class Phase(StrEnum):
    """Where a consent stands, whatever the clock says."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Form:
    """A consent as it is filled in."""

    client_id: UUID
    kind: ConsentKind
    grantor: Grantor
    policy: GivenPolicy
    period: GivenPeriod
    elements: dict[str, str]


@dataclass(frozen=True, slots=True)
class Propose:
    consent_id: UUID
    form: Form
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Amend:
    form: Form
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sign:
    by: str
    role: Role
    at: datetime
    attestation: Attestation | None = None
    """intake's witness and evidence of a signature that the client gave on paper or by voice"""


@dataclass(frozen=True, slots=True)
class Revoke:
    by: str
    role: Role
    at: datetime
    reason: str | None = None


Command = Propose | Amend | Sign | Revoke


@dataclass(frozen=True, slots=True)
class Signature:
    by: str
    role: str
    at: datetime
    attestation: Sealed[Attestation | None]


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

    @property
    def client_id(self) -> UUID:
        return self.form.client_id

    @property
    def missing(self) -> tuple[str, ...]:
        """What must still be there before it can be active; `signature` is the last."""
        lacking = self.form.missing
        by_representative = any(s.role == Role.REPRESENTATIVE for s in self.signatures)
        if self.form.kind in AUTHORIZATIONS and by_representative and not self.form.has_authority and AUTHORITY not in lacking:
            lacking += (AUTHORITY,)
        return lacking if self.signatures else (*lacking, SIGNATURE)

    def status(self, now: datetime) -> ConsentStatus:
        """As shown: an active consent whose period is over is expired."""
        if self.phase is Phase.ACTIVE:
            end = self.form.period.instants().end
            return ConsentStatus.EXPIRED if end is not None and end <= now else ConsentStatus.ACTIVE
        return ConsentStatus(self.phase.value)


def check_form(form: Form, at: datetime) -> None:
    """Raises InvalidForm with everything that cannot stand, whatever the state."""
    found = [
        *form.policy.faults(form.kind),
        *form.period.faults("/period"),
        *form_elements.faults(form.elements, at.date()),
    ]
    if found:
        raise InvalidForm(found)


def decide(state: Consent | None, command: Command) -> list[Event]:
    """Raises InvalidForm, NotAllowed or NotNow."""
    if isinstance(command, Propose):
        if state is not None:
            raise NotNow("This consent exists already.")
        check_form(command.form, command.at)
        return [_filled_in(ConsentProposed, command.consent_id, command.form, command.author, command.at)]
    if state is None:
        raise NotNow("This consent does not exist yet.")
    match command:
        case Amend():
            return _amend(state, command)
        case Sign():
            return _sign(state, command)
        case Revoke():
            return _revoke(state, command)


def evolve(state: Consent | None, event: Event) -> Consent | None:
    """The state after the event; events of other aggregates change nothing."""
    if isinstance(event, ConsentProposed):
        return Consent(consent_id=event.consent_id, created_by=event.author, created_at=event.at, form=event, version=1)
    if state is None:
        return None
    state = replace(state, version=state.version + 1)
    match event:
        case ConsentAmended():
            return replace(state, form=event, signatures=())
        case ConsentSigned():
            signature = Signature(event.by, event.role, event.at, event.attestation)
            return replace(state, signatures=(*state.signatures, signature))
        case ConsentActivated():
            return replace(state, phase=Phase.ACTIVE, activated_at=event.at)
        case ConsentRevoked():
            return replace(state, phase=Phase.REVOKED, revoked_at=event.at)
        case RevocationReasonGiven():
            return replace(state, reason=event.reason)
    return state


def fold(state: Consent | None, events: list[Event]) -> Consent | None:
    for event in events:
        state = evolve(state, event)
    return state


def _amend(state: Consent, command: Amend) -> list[Event]:
    form = command.form
    if command.author != state.created_by:
        # between reading and signing, nobody else may change what the client will sign
        raise NotAllowed("A proposal is amended by who drew it up alone: propose a form of your own.")
    found = []
    if form.client_id != state.client_id:
        found.append(FormFault("/client_id", "a consent stays its client's: propose another one"))
    if form.kind is not state.form.kind:
        found.append(FormFault("/kind", "a consent keeps its kind: propose another one"))
    if found:
        raise InvalidForm(found)
    check_form(form, command.at)
    if state.phase is not Phase.PROPOSED:
        raise NotNow(f"This consent is {state.phase}: propose a new one, and revoke this one where it still holds.")
    return [_filled_in(ConsentAmended, state.consent_id, form, command.author, command.at)]


def _sign(state: Consent, command: Sign) -> list[Event]:
    if command.role is Role.INTAKE:
        if command.attestation is None:
            raise InvalidForm(
                [
                    FormFault("/witness", "who saw the client sign: only the client's own token signs without a witness"),
                    FormFault("/evidence", "where the signature is kept, or how it was given"),
                ]
            )
        if command.by in named_actors(state.form.policy.provisions):
            raise NotAllowed("Nobody attests a signature to a form that names them: let somebody else take it down.")
    elif command.role not in (Role.CLIENT, Role.REPRESENTATIVE):
        raise NotAllowed("A consent is signed by the client, by who represents them, or at intake before a witness.")
    elif command.attestation is not None:
        raise InvalidForm([FormFault("/witness", "your own token is the signature: send an empty body")])
    if state.phase is not Phase.PROPOSED:
        raise NotNow(f"This consent is {state.phase}: it takes no more signatures.")
    if any(s.by == command.by for s in state.signatures):
        raise NotNow("You have signed this form already; only an amended one can be signed again.")
    signed = ConsentSigned(
        consent_id=state.consent_id,
        client_id=state.client_id,
        by=command.by,
        role=str(command.role),
        form_version=state.version,
        at=command.at,
        attestation=Sealed(command.attestation),
    )
    after = evolve(state, signed)
    if after is None or after.missing:
        return [signed]
    return [signed, ConsentActivated(consent_id=state.consent_id, client_id=state.client_id, at=command.at)]


def named_actors(provisions: Sequence[GivenProvision]) -> frozenset[str]:
    """Everybody whom provisions name, at any depth."""
    return frozenset(actor for p in provisions for actor in (*p.actors, *named_actors(p.provisions)))


def _revoke(state: Consent, command: Revoke) -> list[Event]:
    if command.role not in (Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE):
        raise NotAllowed("A consent is revoked by the client, by who represents them, or at intake on their word.")
    if state.phase is Phase.REVOKED:
        raise NotNow("This consent is revoked already: nothing is read by it any more.")
    events: list[Event] = [
        ConsentRevoked(
            consent_id=state.consent_id,
            client_id=state.client_id,
            by=command.by,
            role=str(command.role),
            at=command.at,
        )
    ]
    if command.reason:
        events.append(
            RevocationReasonGiven(
                consent_id=state.consent_id, client_id=state.client_id, at=command.at, reason=Sealed(command.reason)
            )
        )
    return events


def _filled_in(model: type[ConsentForm], consent_id: UUID, form: Form, author: str, at: datetime) -> ConsentForm:
    given = {name: text for name, text in form.elements.items() if text.strip()}
    has_authority = bool((form.grantor.authority or "").strip())
    return model(
        consent_id=consent_id,
        client_id=form.client_id,
        kind=form.kind,
        policy=form.policy,
        period=form.period,
        missing=form_elements.missing(form.kind, given, form.grantor.role, has_authority),
        covers=form_elements.covers(form.kind, given),
        has_authority=has_authority,
        author=author,
        at=at,
        grantor=Sealed(form.grantor),
        elements=Sealed(given),
    )
