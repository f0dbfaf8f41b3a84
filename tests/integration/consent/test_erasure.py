"""When the gate has destroyed a client's keys: answers kept under Idempotency-Keys go, the policy stays, the gate is told."""

from uuid import UUID, uuid4

from shared.contracts.audit import KEY_SHREDDED, KeyShredded
from shared.contracts.receipts import ERASURE_ACKNOWLEDGED, ErasureAcknowledged
from shared.contracts.records import KeyClass, ServiceName
from shared.contracts.topics import AUDIT
from shared.messaging.port import Outbound
from shared.messaging.signature import EventSigner
from shared.service import clock
from tests.integration.consent.world import Clinic, until


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
    await clinic.world.bus.publish([message, message])

    async def acknowledged() -> bool:
        return len(acknowledgements(clinic, erasure)) == 1

    await until(acknowledged)
    again = await clinic.intake.post("/v1/consents", clinic.form(), Idempotency_Key="k-1")
    assert again.id != first.id  # the record of the first answer went with the erasure
    assert (await clinic.world.service.policy_feed.read(clinic.tenant, 0)).head == 1
    await clinic.world.bus.publish([signed(clinic, shredded, message.headers["ce_id"])])
    assert len(acknowledgements(clinic, erasure)) == 1


def acknowledgements(clinic: Clinic, erasure: UUID) -> list[ErasureAcknowledged]:
    told = [
        ErasureAcknowledged.model_validate_json(m.payload)
        for m in clinic.world.bus.sent
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
    signer = EventSigner(clinic.world.keys[ServiceName.AUDIT_LOG])
    return Outbound(AUDIT, key, signer.sign(AUDIT, key, headers, payload), payload)
