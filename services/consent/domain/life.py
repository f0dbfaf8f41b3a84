"""Deciding on the talk, and on the ends that a consent can have beside its revocation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.consent.domain import consent
from services.consent.domain.consent import Consent, Phase, Sign, not_by_whom_it_denies
from services.consent.domain.errors import FormFault, InvalidForm, NotAllowed, NotNow
from services.consent.domain.events import RevocationReasonGiven
from services.consent.domain.life_events import (
    Because,
    ConsentExpired,
    ConsentExplained,
    ConsentRefused,
    ConsentSuperseded,
    RecipientRevoked,
    ReconsentDue,
    Talk,
)
from services.consent.domain.standing import ADULT, Standing, given_by
from shared.contracts.consent_policy import RepresentativePower
from shared.identity.roles import PRACTITIONERS, Role
from shared.sealing.event import Event
from shared.sealing.field import Sealed
from shared.values.time import ANYWHERE, NOT_YET, Place, parse_day

FOR_CLIENTS: Final = frozenset({Role.CLIENT, Role.REPRESENTATIVE, Role.INTAKE})
"""who may say yes and no: the client, who acts for them, and intake on their word"""


@dataclass(frozen=True, slots=True)
class Explain:
    by: str
    role: Role
    on: str
    understood: bool
    talk: Talk
    at: datetime
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class CallForTalk:
    because: Because
    by: str
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True)
class Refuse:
    by: str
    role: Role
    at: datetime
    reason: str | None = None
    standing: Standing = ADULT


@dataclass(frozen=True, slots=True)
class Supersede:
    new: Consent
    signing: Sign
    """what made the new one active"""


@dataclass(frozen=True, slots=True)
class Expire:
    """`occurred_on`: the date of the event that it was to end with; None: its period is over."""

    by: str
    role: Role | None
    """None: the service itself"""
    at: datetime
    occurred_on: str | None = None
    place: Place = ANYWHERE


@dataclass(frozen=True, slots=True)
class RevokeRecipient:
    recipient: str
    by: str
    role: Role
    at: datetime
    reason: str | None = None
    standing: Standing = ADULT


LifeCommand = Explain | CallForTalk | Refuse | Supersede | Expire | RevokeRecipient
Command = consent.Command | LifeCommand


def decide(state: Consent | None, command: Command) -> list[Event]:
    """Every command on a consent. Raises InvalidForm, NotAllowed or NotNow."""
    if not isinstance(command, LifeCommand):
        return consent.decide(state, command)
    if state is None:
        raise NotNow("This consent does not exist yet.")
    match command:
        case Explain():
            return _explain(state, command)
        case CallForTalk():
            return _call(state, command)
        case Refuse():
            return _refuse(state, command)
        case Supersede():
            return _supersede(state, command)
        case Expire():
            return _expire(state, command)
        case RevokeRecipient():
            return _revoke_recipient(state, command)


def _explain(state: Consent, command: Explain) -> list[Event]:
    if command.role not in PRACTITIONERS and command.role is not Role.INTAKE:
        raise NotAllowed("A consent is explained by a practitioner, or at intake.")
    _on(command.on, command, "/explained_on")
    if state.phase not in (Phase.PROPOSED, Phase.ACTIVE):
        raise NotNow(f"This consent is {state.phase}: there is nothing to explain any more.")
    return [
        ConsentExplained(
            consent_id=state.consent_id,
            client_id=state.client_id,
            at=command.at,
            by=command.by,
            role=str(command.role),
            on=command.on,
            form_version=state.version,
            understood=command.understood,
            talk=Sealed(command.talk),
        )
    ]


def _call(state: Consent, command: CallForTalk) -> list[Event]:
    if command.role not in PRACTITIONERS and command.role is not Role.INTAKE:
        raise NotAllowed("That the talk is due again is noted by a practitioner, or at intake.")
    if state.phase is not Phase.ACTIVE:
        raise NotNow(f"This consent is {state.phase}: only one that is active can be due again.")
    return call_for_talk(state, command.because, command.by, command.at)


def call_for_talk(state: Consent, because: Because, by: str, at: datetime) -> list[Event]:
    """Nothing where it is due for that reason already, or not active."""
    if state.phase is not Phase.ACTIVE or because in (b for b, _ in state.due):
        return []
    return [ReconsentDue(consent_id=state.consent_id, client_id=state.client_id, at=at, because=because, by=by)]


def _refuse(state: Consent, command: Refuse) -> list[Event]:
    if command.role not in FOR_CLIENTS:
        raise NotAllowed("A consent is refused by the client, by who represents them, or at intake on their word.")
    if state.phase is not Phase.PROPOSED:
        raise NotNow(f"This consent is {state.phase}: one that holds is revoked, not refused.")
    given_by(command.role, None, command.standing, RepresentativePower.REVOKE, alone=state.form.minor_alone)
    not_by_whom_it_denies(state, command.by, command.role)
    return [
        ConsentRefused(
            consent_id=state.consent_id,
            client_id=state.client_id,
            at=command.at,
            by=command.by,
            role=str(command.role),
            reason=Sealed(command.reason),
        )
    ]


def _supersede(state: Consent, command: Supersede) -> list[Event]:
    new, signing = command.new, command.signing
    if (new.client_id, new.form.kind) != (state.client_id, state.form.kind):
        raise InvalidForm([FormFault("/supersedes", "a consent of the same client and kind")])
    if state.phase is not Phase.ACTIVE:
        return []
    # what takes its place ends it: who could not withdraw it cannot do so by signing another one
    given_by(signing.role, signing.signer, signing.standing, RepresentativePower.REVOKE, alone=state.form.minor_alone)
    not_by_whom_it_denies(state, signing.by, signing.role)
    return [
        ConsentSuperseded(consent_id=state.consent_id, client_id=state.client_id, at=signing.at, superseded_by=new.consent_id)
    ]


def _expire(state: Consent, command: Expire) -> list[Event]:
    if command.role is not None and command.role not in PRACTITIONERS and command.role is not Role.INTAKE:
        raise NotAllowed("That a consent ended as it said it would is noted by a practitioner or at intake; clients revoke it.")
    if command.occurred_on is not None:
        _on(command.occurred_on, command, "/occurred_on")
    if state.phase is not Phase.ACTIVE:
        raise NotNow(f"This consent is {state.phase}: it does not hold any more.")
    end = state.form.period.instants().end
    over = end is not None and end <= command.at
    if command.occurred_on is None and not over:
        raise NotNow("Its period is not over yet.")
    if not over:
        _may_note_its_event(state, command.by)
    return [
        ConsentExpired(
            consent_id=state.consent_id,
            client_id=state.client_id,
            at=command.at,
            cause="date" if over else "event",
            by=command.by,
            role=str(command.role) if command.role else "service",
        )
    ]


def _may_note_its_event(state: Consent, by: str) -> None:
    """Raises NotAllowed: what the client denied ends by the client's word or by its date, never by what others say happened."""
    form = state.form
    if form.policy.denies():
        raise NotAllowed("This consent denies something: until its period is over the client alone lifts that, by revoking it.")
    if form.policy.names(by) or by in form.recipients:
        raise NotAllowed("Nobody notes the end of a form that names them: let somebody else take it down.")
    if not form.ends_with_event:
        raise NotAllowed("This form does not say that it ends with an event (ends_with_event): the client revokes it.")


def _revoke_recipient(state: Consent, command: RevokeRecipient) -> list[Event]:
    if command.role not in FOR_CLIENTS:
        raise NotAllowed("A consent is revoked by the client, by who represents them, or at intake on their word.")
    if state.phase not in (Phase.PROPOSED, Phase.ACTIVE):
        raise NotNow(f"This consent is {state.phase} already: nothing is read by it any more.")
    given_by(command.role, None, command.standing, RepresentativePower.REVOKE, alone=state.form.minor_alone)
    if command.recipient in state.revoked_recipients:
        raise NotNow("It is withdrawn from this recipient already.")
    if not reaches(state, command.recipient):
        raise InvalidForm([FormFault("/recipient", "nobody to whom this consent gives anything: see policy and recipients")])
    events: list[Event] = [
        RecipientRevoked(
            consent_id=state.consent_id,
            client_id=state.client_id,
            at=command.at,
            recipient=command.recipient,
            by=command.by,
            role=str(command.role),
        )
    ]
    if command.reason:
        events.append(
            RevocationReasonGiven(
                consent_id=state.consent_id, client_id=state.client_id, at=command.at, reason=Sealed(command.reason)
            )
        )
    return events


def reaches(state: Consent, recipient: str) -> bool:
    """Whether that person or system could be given anything by it: by name, or as one of all whom it permits."""
    policy = state.form.policy
    permitted = any(p.type == "permit" and (not p.actors or recipient in p.actors) for p in policy.every())
    return policy.base == "permit" or recipient in state.form.recipients or permitted


def _on(text: str, command: Explain | Expire, pointer: str) -> None:
    try:
        day = parse_day(text)
    except ValueError as error:
        raise InvalidForm([FormFault(pointer, str(error))]) from None
    if not command.place.has_come(day, command.at):
        raise InvalidForm([FormFault(pointer, NOT_YET)])
