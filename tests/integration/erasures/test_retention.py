"""Retention refuses an erasure over HTTP, and says so in the ledger; what must be accounted for outlives an identity."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.audit_log.decision.domain.policy import TenantPolicy
from services.audit_log.decision.domain.rules.packs import US_FEDERAL
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.application.ports import KeyWanted
from services.audit_log.ledger.domain.entry import EntryKind
from shared.contracts.consent_policy import ConsentKind, ConsentSet, ConsentStatus, Period, Policy
from shared.contracts.records import KeyClass
from shared.service import clock
from tests.integration.erasures.world import World
from tests.support.ledger import entry

EVIDENCE = KeyClass.CONSENT_EVIDENCE


def consented(here: World, client: UUID) -> None:
    """The tenant chose US law, and the client's consent is active."""
    here.chosen.laws, here.chosen.policy = frozenset({US_FEDERAL.id}), TenantPolicy()
    period = Period(start=clock.now())
    here.chosen.policy.add(
        1,
        ConsentSet(
            consent_id=uuid4(),
            client_id=client,
            kind=ConsentKind.TREATMENT,
            status=ConsentStatus.ACTIVE,
            policy=Policy(base="permit"),
            period=period,
            at=clock.now(),
        ),
    )


async def refusals(here: World, client: UUID) -> list[tuple[str, str, tuple[str, ...]]]:
    found = await here.ledger.search(here.tenant, Filters(client_id=str(client), kinds=("erasure",)))
    return [(s.entry.action, s.entry.outcome, s.entry.basis) for s in found if s.entry.outcome == "deny"]


async def test_a_request_for_evidence_is_refused_and_the_rest_is_not(here: World) -> None:
    client = uuid4()
    consented(here, client)
    asked = await here.ask(client, "identity", "consent_evidence")
    assert (asked.status, asked.body["status"]) == (202, "refused")
    shown = await here.show(asked.body["id"])
    assert (shown["refused_because"], shown["kept_by"]) == ("retention", "rule:law.164.530-j")
    assert await refusals(here, client) == [("retained", "deny", ("law:GDPR 17(1)(b)", "rule:law.164.530-j"))]
    assert (await here.approve(asked.body["id"])).status == 409
    assert (await here.ask(client, "identity", "progress_note")).body["status"] == "awaiting_approval"


@pytest.mark.parametrize("when", ["before the approval", "before the fence"])
async def test_a_pack_chosen_after_the_request_still_refuses(here: World, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = uuid4()
    key = await here.keyring.new_record_key(here.tenant, str(client), EVIDENCE, "r1")
    asked = await here.ask(client, "consent_evidence")
    assert asked.body["status"] == "awaiting_approval"
    if when == "before the approval":
        consented(here, client)
    else:
        taken = here.erasures._streams.append

        async def append(*args: object, **more: object) -> None:
            await taken(*args, **more)  # type: ignore[arg-type]
            consented(here, client)

        monkeypatch.setattr(here.erasures._streams, "append", append)
    await here.approve(asked.body["id"])
    shown = await here.show(asked.body["id"])
    assert (shown["status"], shown["refused_because"]) == ("refused", "retention")
    assert await here.keyring.record_keys(here.tenant, [KeyWanted(str(client), EVIDENCE, "r1", key.kid)]) == [key]
    assert [action for action, *_ in await refusals(here, client)] == ["retained"]


@pytest.mark.parametrize("chosen", [True, False])
async def test_what_must_be_accounted_for_outlives_the_identity(here: World, chosen: bool) -> None:
    client, detail = uuid4(), {"reason": "named a place and an hour", "recipient": "duty officer"}
    if chosen:
        consented(here, client)
    else:
        here.chosen.laws = frozenset({"eu"})
    made = [
        ("THREAT", clock.now() - timedelta(days=30)),
        ("THREAT", clock.now() - timedelta(days=7 * 365)),
        ("BTG", clock.now()),
    ]
    grants = await here.ledger.append(
        here.tenant,
        [
            entry(kind=EntryKind.GRANT, at=at, action="create", client_id=str(client), records=(), purpose=purpose, detail=detail)
            for purpose, at in made
        ],
    )
    asked = await here.ask(client, "identity")
    assert (await here.approve(asked.body["id"])).body["status"] == "running"
    found = [await here.ledger.entry(here.tenant, index) for index in grants]
    assert [f.erased for f in found] == [not chosen, True, True]
    assert found[0].entry.detail == (detail if chosen else {})
