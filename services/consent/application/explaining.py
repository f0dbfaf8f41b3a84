"""What happened to a record, in a sentence that a person can read. Nothing sealed is in it."""

from typing import Final

from services.consent.domain import events as e
from services.consent.domain import life_events as life
from services.consent.domain import people_events as people
from shared.contracts import amendments
from shared.sealing.event import Event

_PLAIN: Final[dict[type[Event], str]] = {
    e.ConsentProposed: "The consent was written down and offered.",
    e.ConsentAmended: "The form was changed; signatures given to the earlier text count no more.",
    e.ConsentActivated: "Nothing was missing and it was signed: it holds from here on.",
    e.ConsentRevoked: "The consent was withdrawn.",
    e.RevocationReasonGiven: "A reason was given; it is sealed.",
    life.ConsentReaffirmed: "It was explained and signed again, unchanged: nothing is due any more.",
    life.ConsentRefused: "The consent was refused.",
    e.RelationshipStarted: "The relationship was entered.",
    e.RelationshipEnded: "The relationship ended.",
    people.RestrictionEnded: "The restriction was lifted.",
    people.AmendmentExtended: "The time to answer was extended once, by 30 days.",
    amendments.AmendmentAccepted: "The request was accepted: the correction stands beside the original, which is unchanged.",
    amendments.DisagreementStated: "The client stated their disagreement with the denial.",
    people.RebuttalStated: "The practice answered the statement of disagreement.",
    people.RepresentativeTookEffect: "The client's capacity to consent is lost for now: the authority holds.",
    people.RepresentativeRested: "The client's capacity to consent is regained: the authority rests.",
}


def says(event: Event) -> str:
    match event:
        case e.ConsentSigned():
            whose = "a representative" if event.role == "representative" else event.signer
            return f"Agreement of {whose} that makes nothing hold alone." if event.assent else f"Signed: the word of {whose}."
        case life.ConsentExplained():
            return f"Explained on {event.on}; " + ("it was understood." if event.understood else "it was not understood yet.")
        case life.ReconsentDue():
            return f"The talk is due again, because of: {event.because}. The consent holds meanwhile."
        case life.ConsentSuperseded():
            return f"Consent {event.superseded_by} took its place."
        case life.ConsentExpired():
            return "Its period is over." if event.cause == "date" else "What it was to end with has happened."
        case life.RecipientRevoked():
            return f"Withdrawn from {event.recipient} alone; it holds for everybody else."
        case people.RepresentativeAppointed():
            return f"Registered as {event.kind}, by {event.authority}; may {', '.join(event.may)}."
        case people.RepresentativeEnded():
            return f"The authority ended: {event.because}."
        case people.CapacityDetermined():
            return "The capacity to consent is there again." if event.has_capacity else "The capacity to consent is lost for now."
        case people.RestrictionRequested():
            return "Restriction asked for; " + ("paid in full, it binds." if event.paid_in_full else "the practice answers it.")
        case people.RestrictionDecided():
            return "The practice agreed to the restriction." if event.agreed else "The practice declined the restriction."
        case people.AmendmentRequested():
            return (
                f"Amendment of {event.record_type} {event.amended_record} asked for; to be answered before {event.due_at.date()}."
            )
        case people.AmendmentDenied():
            return f"The request was denied: {event.basis}."
    return _PLAIN.get(type(event), f"Noted: {event.TYPE}.")
