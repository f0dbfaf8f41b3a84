"""When the gate has destroyed a client's keys: answers kept under Idempotency-Keys go, the policy stays, the gate is told."""

from uuid import UUID, uuid4

from shared.contracts.audit import KEY_SHREDDED, KeyShredded
from shared.contracts.consent_policy import ConsentSet, ConsentStatus
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import AUDIT
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from shared.service import clock
from tests.e2e.rest import choose_law
from tests.integration.consent.world import Clinic
from tests.support.waiting import until


async def test_it_acknowledges_once_and_keeps_the_policy(clinic: Clinic) -> None:
    first = await clinic.intake.post("/v1/consents", clinic.form(), Idempotency_Key="k-1")
    await clinic.active()
    erasure = uuid4()
    shredded = KeyShredded(
        erasure_id=erasure,
        client_id=UUID(clinic.client_id),
        key_classes=(str(KeyClass.CONSENT_EVIDENCE),),
        at=clock.now(),
    )
    message = signed(clinic, shredded)
    await clinic.world.wiring.bus.publish([message, message])

    async def acknowledged() -> bool:
        return len(acknowledgements(clinic, erasure)) == 1

    await until(acknowledged)
    again = await clinic.intake.post("/v1/consents", clinic.form(), Idempotency_Key="k-1")
    assert again.id != first.id  # the record of the first answer went with the erasure
    assert (await clinic.world.service.policy_feed.read(clinic.tenant, 0)).head == 1
    await clinic.world.wiring.bus.publish([signed(clinic, shredded, message.headers["ce_id"])])
    assert len(acknowledgements(clinic, erasure)) == 1


async def test_an_erased_consent_shows_its_place_and_can_still_be_revoked(clinic: Clinic) -> None:
    relationship_id = await clinic.related()
    active, proposed = await clinic.active(), await clinic.proposed()
    await erased(clinic)

    shown = (await clinic.client.get(f"/v1/consents/{active}")).json
    assert (shown["status"], shown["erased"], shown["policy_status"]) == ("erased", True, "active")
    assert (shown["grantor"], shown["elements"]) == (None, {})
    listed = (await clinic.intake.get(f"/v1/consents?client_id={clinic.client_id}")).json["items"]
    assert [i["status"] for i in listed] == ["erased", "erased"]

    await clinic.client.post(f"/v1/consents/{proposed}/signatures", want=409)
    await clinic.intake.put(f"/v1/consents/{proposed}", clinic.form(), If_Match='W/"1"', want=409)
    revoked = await clinic.client.post(f"/v1/consents/{active}/revocations", {"reason": "I want a pause."}, want=200)
    assert revoked.json["enforced"] is True
    page = await clinic.world.service.policy_feed.read(clinic.tenant, 2)
    assert isinstance(page.items[0].change, ConsentSet)
    assert page.items[0].change.status is ConsentStatus.REVOKED
    await clinic.intake.post(f"/v1/relationships/{relationship_id}/end", want=200)


async def test_what_was_erased_around_a_client_can_still_be_ended(clinic: Clinic) -> None:
    await clinic.related()
    acting = f"/v1/representatives/{(await clinic.intake.post('/v1/representatives', clinic.parent())).id}"
    asked = {
        "client_id": clinic.client_id,
        "record_id": await clinic.note_of_marsh(),
        "record_type": "progress_note",
        "what": "x",
        "why": "y",
    }
    amending = f"/v1/amendment-requests/{(await clinic.client.post('/v1/amendment-requests', asked)).id}"
    lost = {"client_id": clinic.client_id, "has_capacity": False, "since": "2026-01-01T09:00:00Z", "basis": "Seen today."}
    await clinic.marsh.post("/v1/capacities", lost)
    await erased(clinic)

    shown = (await clinic.client.get(acting)).json
    assert (shown["status"], shown["erased"]) == ("erased", True)
    assert "name" not in shown
    assert "what" not in (await clinic.client.get(amending)).json
    await clinic.marsh.post(f"{amending}/acceptances", {"text": "z"}, want=409)
    await clinic.marsh.post("/v1/capacities", {**lost, "has_capacity": True, "since": "2026-01-02T09:00:00Z"}, want=409)
    ended = await clinic.intake.post(f"{acting}/end", want=200)
    assert ended.json["status"] == "ended"


async def erased(clinic: Clinic) -> None:
    """The client's consent evidence, by two officers, as far as this service is concerned."""
    officers = [clinic.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2)]
    await choose_law("eu", *officers)  # the default pack would keep the evidence for six years
    asked = {"client_id": clinic.client_id, "key_classes": ["consent_evidence"], "basis": "GDPR 17"}
    erasure = (await officers[0].post("/v1/erasures", asked, want=202)).id
    await officers[1].post(f"/v1/erasures/{erasure}/approvals", want=202)

    async def done() -> bool:
        return "consent" in (await officers[0].get(f"/v1/erasures/{erasure}")).json["acknowledged_by"]

    await until(done)


def acknowledgements(clinic: Clinic, erasure: UUID) -> list[ErasureAcknowledged]:
    told = [
        ErasureAcknowledged.model_validate_json(m.payload)
        for m in clinic.world.wiring.bus.sent
        if m.headers["ce_type"] == ERASURE_ACKNOWLEDGED and m.headers["ce_tenant"] == clinic.tenant
    ]
    return [a for a in told if a.erasure_id == erasure and a.service == "consent"]


def signed(clinic: Clinic, shredded: KeyShredded, message_id: str | None = None) -> Outbound:
    """As the gate sends it."""
    payload, key = shredded.model_dump_json().encode(), f"{clinic.tenant}/{clinic.client_id}"
    headers = {
        "ce_specversion": "1.0",
        "ce_id": message_id or str(uuid4()),
        "ce_type": KEY_SHREDDED,
        "ce_subject": f"erasure/{shredded.erasure_id}",
        "ce_time": clock.now().isoformat(),
        "ce_sequence": "1",
        "ce_tenant": clinic.tenant,
        "ce_schemaversion": "1",
        "content-type": "application/json",
    }
    signer = EventSigner(clinic.world.wiring.keys[ServiceName.AUDIT_LOG])
    return Outbound(AUDIT, key, signer.sign(AUDIT, key, headers, payload), payload)
