"""The register of processing activities (GDPR 30), made from the event types: what each service keeps, sealed and in the clear.

What code cannot know (controller, their contact, transfers) is the deployment's to add and is named as such. The limits for
erasure are those of each key class: destroying its key is how a record ends.
"""

from collections.abc import Iterator
from typing import Any, Final

from infra.contracts.catalogue import EVENTS, EventModel
from shared.contracts.messages import MESSAGES
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import CONSENT, TOPICS
from shared.sealing.event import sealed_fields

PURPOSES: Final[dict[ServiceName, str]] = {
    ServiceName.CONSENT: "recording what a client agreed to, who acts for them and who treats them, so that access follows it",
    ServiceName.SESSION_NOTES: "documentation of treatment",
    ServiceName.ALLIANCE: "measuring the working alliance and outcomes, as part of treatment",
    ServiceName.AUDIT_LOG: "erasure on request, legal holds, and who is accountable for each",
}
"""why each service processes (GDPR 30(1)(b)); a service with events and without a purpose cannot be registered"""
CATEGORIES: Final[dict[KeyClass, str]] = {
    KeyClass.IDENTITY: "names, contact and identifying data",
    KeyClass.PROGRESS_NOTE: "health data: progress notes",
    KeyClass.PSYCHOTHERAPY_NOTE: "health data: psychotherapy notes",
    KeyClass.MEASURES: "health data: answers to instruments and scores",
    KeyClass.CONSENT_EVIDENCE: "evidence of consent: words, signatures, signed forms",
    KeyClass.CONCERN: "what clients say about how they are treated, and what they were answered",
}
IN_THE_CLEAR: Final = "pseudonymous ids, codes and times"
"""what every event holds besides its sealed fields"""


def register() -> dict[str, Any]:
    return {
        "title": "Register of processing activities (GDPR 30(1)), by event type",
        "generated": "from the event types: `make contracts`",
        "for_the_deployment_to_add": [
            "name and contact of the controller, their representative and data protection officer (30(1)(a))",
            "recipients outside the practice, which its clients' consents and the ledger name (30(1)(d))",
            "transfers to third countries (30(1)(e))",
            "time limits that its own law sets (30(1)(f))",
        ],
        "security_measures": "docs/security.md",
        "activities": [
            {"service": str(service), "purpose": PURPOSES[service], "event_types": [_row(m) for m in types.models]}
            for service, types in EVENTS.items()
        ],
    }


def _row(model: EventModel) -> dict[str, Any]:
    sealed = sealed_fields(model)
    classes = sorted(set(map(str, sealed.values())))
    return {
        "type": model.TYPE,
        "about": (model.__doc__ or "").strip().partition("\n")[0],
        "data_subjects": "clients and whoever acts for or treats them",
        "categories": [IN_THE_CLEAR, *(CATEGORIES[KeyClass(c)] for c in classes)],
        "sealed_fields": {name: str(key_class) for name, key_class in sorted(sealed.items())},
        "fields_in_the_clear": sorted(set(model.model_fields) - set(sealed)),
        "sent_to": sorted(_readers(model)),
        "ends": f"with the data key of {', '.join(classes)}" if classes else "kept: what decisions rested on, without words",
    }


def _readers(model: EventModel) -> Iterator[str]:
    """Services that hear of it over a topic."""
    message = MESSAGES.get(model.TYPE)
    topic = message.topic if message else CONSENT if model in EVENTS[ServiceName.CONSENT].models else ""
    yield from map(str, TOPICS[topic].readers if topic else ())
