"""What the gate learns: dense, in order, by topic, feed and heartbeat; and from nobody but consent."""

from typing import Any

from shared.contracts.consent_policy import (
    POLICY_HEARTBEAT,
    ConsentSet,
    ConsentStatus,
    PolicyFeedPage,
    PolicyHeartbeat,
    RelationshipSet,
)
from shared.contracts.records import ServiceName
from tests.integration.consent.world import Clinic
from tests.support.waiting import until


async def feed(clinic: Clinic, after: int, service: ServiceName = ServiceName.AUDIT_LOG) -> tuple[int, Any]:
    query = f"tenant={clinic.tenant}&after={after}"
    headers = clinic.world.signed(service, "/v1/policy-feed", query)
    async with clinic.world.session.get(f"{clinic.world.base_url}/v1/policy-feed?{query}", headers=headers) as answer:
        return answer.status, await answer.read()


async def test_it_tells_each_change_once_in_order(clinic: Clinic) -> None:
    relationship_id = await clinic.related()
    consent_id = await clinic.active(period={"start": "2026-01-01", "end": "2026-12-31"})
    await clinic.client.post(f"/v1/consents/{consent_id}/revocations", want=200)
    await clinic.intake.post(f"/v1/relationships/{relationship_id}/end", want=200)

    page = await clinic.world.service.policy_feed.read(clinic.tenant, 0)
    assert [i.sequence for i in page.items] == [1, 2, 3, 4]
    assert page.head == 4
    started, active, revoked, ended = (i.change for i in page.items)
    assert isinstance(started, RelationshipSet) and started.end is None
    assert isinstance(active, ConsentSet) and active.status is ConsentStatus.ACTIVE
    assert active.period.end is not None and active.period.end.isoformat() == "2027-01-01T00:00:00+00:00"
    assert isinstance(revoked, ConsentSet) and revoked.status is ConsentStatus.REVOKED
    assert isinstance(ended, RelationshipSet) and ended.end is not None

    status, raw = await feed(clinic, 2)
    assert status == 200
    over_http = PolicyFeedPage.model_validate_json(raw)
    assert over_http.items == page.items[2:]

    async def told() -> bool:
        sent = {
            (int(m.headers["ce_sequence"]), m.key)
            for m in clinic.world.wiring.bus.sent
            if m.headers["ce_type"] == "consent.policy-changed" and m.headers["ce_tenant"] == clinic.tenant
        }
        return sent == {(n, f"{clinic.tenant}/{clinic.client_id}") for n in (1, 2, 3, 4)}

    await until(told)


async def test_a_tenant_without_policy_has_head_zero(clinic: Clinic) -> None:
    page = await clinic.world.service.policy_feed.read(clinic.tenant, 0)
    assert (page.items, page.head) == ((), 0)


async def test_only_the_gate_reads_it(clinic: Clinic) -> None:
    status, _ = await feed(clinic, 0, ServiceName.SESSION_NOTES)
    assert status == 403
    await clinic.intake.get(f"/v1/policy-feed?tenant={clinic.tenant}&after=0", want=401)


async def test_heartbeats_name_the_head(clinic: Clinic) -> None:
    await clinic.related()

    async def told() -> bool:
        beats = [
            PolicyHeartbeat.model_validate_json(m.payload)
            for m in clinic.world.wiring.bus.sent
            if m.headers["ce_type"] == POLICY_HEARTBEAT
        ]
        return any(b.tenant == clinic.tenant and b.head == 1 for b in beats)

    await until(told)
