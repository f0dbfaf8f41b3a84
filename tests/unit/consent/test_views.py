"""What is shown with the key, without it, and after it was destroyed."""

import os
from uuid import UUID, uuid4

from services.consent.application.views import consent_view
from services.consent.domain.consent import Consent, Revoke, Sign, decide, evolve
from services.consent.domain.events import EVENT_TYPES, Attestation
from shared.contracts.disclosure import RecordKey
from shared.contracts.records import KeyClass
from shared.identity.roles import Role
from shared.sealing.event import Event, seal
from tests.unit.consent.given import CONSENT_ID, NOW, WORDS, form, given, propose

TENANT = "clinic"
KEY = RecordKey(record_id=str(CONSENT_ID), key_class=KeyClass.CONSENT_EVIDENCE, kid="k1", key=bytes(range(32)))


def stored(event: Event, event_id: UUID) -> Event:
    """The event as it comes back from the store: sealed fields closed."""
    data = seal(event, tenant=TENANT, event_id=event_id, key=KEY, random=os.urandom)
    assert b"Noor" not in data and b"pause" not in data
    return EVENT_TYPES.load(
        tenant=TENANT, event_type=event.TYPE, schema_version=event.SCHEMA_VERSION, event_id=event_id, data=data
    )


def revoked() -> Consent:
    events = propose(form())
    seen = Attestation(witness="R. Ilves", evidence="paper form, scanned")
    events += decide(given(events), Sign("intake-1", Role.INTAKE, NOW, seen))
    events += decide(given(events), Revoke("noor", Role.CLIENT, NOW, "I want a pause."))
    state: Consent | None = None
    for event in events:
        state = evolve(state, stored(event, uuid4()))
    assert state is not None
    return state


def test_with_the_key_every_word_is_there() -> None:
    view = consent_view(revoked(), NOW, KEY)
    assert view["elements"] == {n: WORDS[n] for n in view["elements"]}
    assert view["grantor"] == {"role": "client", "name": "Noor Haddad"}
    assert view["signatures"][0]["witness"] == "R. Ilves"
    assert view["reason"] == "I want a pause."
    assert "withheld" not in view and "erased" not in view


def test_without_it_state_and_policy_alone() -> None:
    view = consent_view(revoked(), NOW, None)
    assert (view["withheld"], view["grantor"], view["elements"]) == (True, None, {})
    assert "reason" not in view
    assert set(view["signatures"][0]) == {"by", "role", "at"}
    assert view["status"] == "revoked"


def test_after_an_erasure_the_machine_readable_part_is_still_there() -> None:
    view = consent_view(revoked(), NOW, None, erased=True)
    assert (view["status"], view["erased"], view["policy_status"]) == ("erased", True, "revoked")
    assert (view["grantor"], view["elements"]) == (None, {})
    assert view["policy"] == {"base": "permit", "dialect": "r4", "provisions": []}
