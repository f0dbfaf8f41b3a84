"""The consent as a decider: `decide(state, command) -> events`, `evolve(state, event) -> state`. Pure; time comes with commands.

A consent is proposed, perhaps amended, and signed; it becomes active when nothing is missing and it is signed. An amendment
voids the signatures given before. Refused, superseded, revoked and expired are final (`life` decides on them, and on the talk
that goes before). A period that is over shows as expired at once, whether or not its event is written yet.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.consent.domain import elements as form_elements
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
from services.consent.domain.jurisdictions import MinorAlone
from services.consent.domain.life_events import ConsentReaffirmed
from services.consent.domain.periods import GivenPeriod
from services.consent.domain.policies import GivenPolicy
from services.consent.domain.standing import ADULT, Signer, Standing, given_by
from services.consent.domain.state import Consent as Consent
from services.consent.domain.state import Phase as Phase
from services.consent.domain.state import Signature as Signature
from services.consent.domain.state import evolve as evolve
from services.consent.domain.state import fold as fold
from services.consent.domain.strict_readings import readings
from shared.contracts.consent_policy import ConsentKind, RepresentativePower, StrictReading
from shared.identity.roles import Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, Place


@dataclass(frozen=True, slots=True)
class Form:
    """A consent as it is filled in."""

    client_id: UUID
    kind: ConsentKind
    grantor: Grantor
    policy: GivenPolicy
    period: GivenPeriod
    elements: dict[str, str]
    recipients: tuple[str, ...] = ()
    part2: bool = False
    jurisdiction: str | None = None
    limits_explained: tuple[str, ...] = ()
    minor_alone: MinorAlone | None = None
    review_on: str | None = None
    supersedes: UUID | None = None
    ends_with_event: bool = False
    read_strictly: tuple[StrictReading, ...] = ()
    """what was read cautiously before it became this form: by who reads a resource of another format"""


@dataclass(frozen=True, slots=True)
class Propose:
    consent_id: UUID
    form: Form
    author: str
    at: datetime
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Amend:
    form: Form
    author: str
    at: datetime
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class Sign:
    by: str
    role: Role
    at: datetime
    attestation: Attestation | None = None
    """intake's witness and evidence of a signature that the client gave on paper or by voice"""
    signer: Signer | None = None
    """whose signature intake saw; the client's where it does not say"""
    standing: Standing = ADULT


@dataclass(frozen=True, slots=True)
class Revoke:
    by: str
    role: Role
    at: datetime
    reason: str | None = None
    standing: Standing = ADULT


Command = Propose | Amend | Sign | Revoke


def check_form(form: Form, at: datetime, place: Place = ANYWHERE) -> None:
    """Raises InvalidForm with everything that cannot stand, whatever the state."""
    found = [
        *form.policy.faults(form.kind),
        *form.period.faults("/period"),
        *form_elements.faults(form.elements, at, place),
        *form_elements.faults_of_place(form.jurisdiction, form.limits_explained, form.minor_alone, form.review_on),
        *form_elements.faults_of_end(form.elements, form.ends_with_event),
    ]
    if found:
        raise InvalidForm(found)


def decide(state: Consent | None, command: Command) -> list[Event]:
    """Raises InvalidForm, NotAllowed or NotNow."""
    if isinstance(command, Propose):
        if state is not None:
            raise NotNow("This consent exists already.")
        check_form(command.form, command.at, command.place)
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
    check_form(form, command.at, command.place)
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
        if state.form.policy.names(command.by):
            raise NotAllowed("Nobody attests a signature to a form that names them: let somebody else take it down.")
    elif command.role not in (Role.CLIENT, Role.REPRESENTATIVE):
        raise NotAllowed("A consent is signed by the client, by who represents them, or at intake before a witness.")
    elif command.attestation is not None:
        raise InvalidForm([FormFault("/witness", "your own token is the signature: send an empty body")])
    again = state.due_for(command.at)
    if state.phase is not Phase.PROPOSED and not again:
        raise NotNow(f"This consent is {state.phase}: it takes no more signatures.")
    if any(s.by == command.by for s in state.signatures) and not again:
        raise NotNow("You have signed this form already; only an amended one can be signed again.")
    _was_understood(state, again=bool(again))
    alone = state.form.minor_alone
    signer = given_by(command.role, command.signer, command.standing, RepresentativePower.SIGN, alone=alone)
    assent = signer is Signer.CLIENT and command.standing.minor and not alone
    signed = ConsentSigned(
        consent_id=state.consent_id,
        client_id=state.client_id,
        by=command.by,
        role=str(command.role),
        form_version=state.version,
        at=command.at,
        attestation=Sealed(command.attestation),
        signer=signer,
        assent=assent,
    )
    if again:
        affirmed = ConsentReaffirmed(
            consent_id=state.consent_id, client_id=state.client_id, at=command.at, by=command.by, role=str(command.role)
        )
        return [signed] if assent else [signed, affirmed]
    after = evolve(state, signed)
    if after is None or after.missing:
        return [signed]
    return [signed, ConsentActivated(consent_id=state.consent_id, client_id=state.client_id, at=command.at)]


def not_by_whom_it_denies(state: Consent, by: str, role: Role) -> None:
    """Raises NotAllowed where somebody else than the client would end a form that denies, and that names them."""
    policy = state.form.policy
    if role is not Role.CLIENT and policy.denies() and policy.names(by):
        raise NotAllowed("Nobody but the client ends a form that denies and names them: let somebody else take it down.")


def _was_understood(state: Consent, *, again: bool) -> None:
    """Raises NotNow where the newest talk did not reach the client, or where one that is due again was not held yet."""
    if state.explanations and not state.explanations[-1].understood:
        raise NotNow("The last talk about it says that it was not understood yet: explain it again, then it can be signed.")
    since = max((at for _, at in state.due), default=None)
    if again and not any(since is None or e.at >= since for e in state.explanations):
        raise NotNow("It is due to be explained again: record that talk (POST …/explanations), then it can be signed.")


def _revoke(state: Consent, command: Revoke) -> list[Event]:
    if command.role not in (Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE):
        raise NotAllowed("A consent is revoked by the client, by who represents them, or at intake on their word.")
    if state.phase not in (Phase.PROPOSED, Phase.ACTIVE):
        raise NotNow(f"This consent is {state.phase} already: nothing is read by it any more.")
    given_by(command.role, None, command.standing, RepresentativePower.REVOKE, alone=state.form.minor_alone)
    not_by_whom_it_denies(state, command.by, command.role)
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
    if form.minor_alone is not None:
        given[form_elements.MINOR_SERVICE] = form.minor_alone.service
    has_authority = bool((form.grantor.authority or "").strip())
    return model(
        consent_id=consent_id,
        client_id=form.client_id,
        kind=form.kind,
        policy=form.policy,
        period=form.period,
        missing=(
            *form_elements.missing(form.kind, given, form.grantor.role, has_authority),
            *form_elements.missing_limits(form.kind, form.jurisdiction, form.limits_explained),
        ),
        covers=form_elements.covers(form.kind, given),
        has_authority=has_authority,
        recipients=form.recipients,
        part2=form.part2,
        jurisdiction=form.jurisdiction,
        limits_explained=form.limits_explained,
        minor_alone=form.minor_alone is not None,
        review_on=form.review_on,
        supersedes=form.supersedes,
        ends_with_event=form.ends_with_event,
        read_strictly=(*form.read_strictly, *readings(form.policy, form.kind)),
        author=author,
        at=at,
        grantor=Sealed(form.grantor),
        elements=Sealed(given),
    )
