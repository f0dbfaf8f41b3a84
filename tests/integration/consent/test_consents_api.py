"""A consent from proposal to revocation, through HTTP, PostgreSQL and the real gate."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.contracts.consent_policy import ConsentKind
from tests.integration.consent.world import ELEMENTS, Clinic
from tests.support.waiting import until

AUTHORIZATION = {
    "description": "progress notes and measures",
    "discloser": "The practice",
    "recipient": "Dr. Okoye",
    "purpose": "Continuing care",
    "expiry": "end of treatment",
    "right_to_revoke": "at any time, in writing",
    "conditioning": "treatment does not depend on it",
    "redisclosure": "may be passed on by the recipient",
}


async def test_propose_complete_sign_read(clinic: Clinic) -> None:
    incomplete = {k: v for k, v in ELEMENTS.items() if k != "risks"}
    made = await clinic.intake.post("/v1/consents", clinic.form(elements=incomplete))
    missing = ["risks", "signature"]
    assert made.json == {"id": made.id, "status": "proposed", "version": 1, "missing": missing, "warnings": []}
    assert made.headers["Location"] == f"/v1/consents/{made.id}"
    path = f"/v1/consents/{made.id}"

    early = await clinic.client.post(f"{path}/signatures")
    assert (early.json["status"], early.json["missing"]) == ("proposed", ["risks"])

    etag = (await clinic.intake.get(path)).headers["Etag"]
    amended = await clinic.intake.put(path, clinic.form(), If_Match=etag)
    assert amended.json["missing"] == ["signature"]  # the early signature was given to another text
    assert amended.headers["Etag"] == 'W/"3"'

    signed = await clinic.client.post(f"{path}/signatures", If_Match='W/"3"')
    assert signed.json == {"id": made.id, "status": "active", "version": 5, "missing": []}

    shown = (await clinic.client.get(path)).json
    assert shown["elements"] == ELEMENTS
    assert shown["grantor"] == {"role": "client", "name": "Noor Haddad"}
    assert shown["status"] == "active"
    assert [(s["by"], s["role"]) for s in shown["signatures"]] == [("noor.haddad", "client")]
    assert shown["period"] == {"start": "2026-01-01"}
    assert shown["author"] == "intake-1"


async def test_reading_is_entered_in_the_ledger(clinic: Clinic) -> None:
    consent_id = await clinic.proposed()
    shown = await clinic.client.get(f"/v1/consents/{consent_id}")
    assert len(shown.entries) == 1
    history = await clinic.client.get(f"/v1/consents/{consent_id}/history")
    (first,) = history.json["items"]
    assert (first["what"], first["by"], first["role"]) == ("consent.consent-proposed", "intake-1", "intake")
    assert first["entry"] < shown.entries[0] < history.entries[0]


async def test_intake_signs_before_a_witness(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}"
    refused = await clinic.intake.post(f"{path}/signatures", want=422)
    assert {e["pointer"] for e in refused.json["errors"]} == {"/witness", "/evidence"}
    half = await clinic.intake.post(f"{path}/signatures", {"witness": "R. Ilves"}, want=422)
    assert half.json["errors"][0]["pointer"] == "/evidence"
    seen = {"witness": "R. Ilves, front desk", "evidence": "paper form, scanned"}
    assert (await clinic.intake.post(f"{path}/signatures", seen)).json["status"] == "active"
    (signature,) = (await clinic.intake.get(path)).json["signatures"]
    assert (signature["witness"], signature["evidence"]) == (seen["witness"], seen["evidence"])


async def test_who_may_sign(clinic: Clinic) -> None:
    await clinic.related()
    path = f"/v1/consents/{await clinic.proposed()}"
    await clinic.marsh.post(f"{path}/signatures", want=403)
    await clinic.rest.as_("stranger", "therapist").post(f"{path}/signatures", want=404)
    await clinic.rest.as_("someone", "client", client_id=str(uuid4())).post(f"{path}/signatures", want=404)
    parent = clinic.rest.as_("ines.haddad", "representative", client_id=clinic.client_id)
    assert (await parent.post(f"{path}/signatures")).json["status"] == "active"
    await parent.post(f"{path}/signatures", want=409)


async def test_a_related_practitioner_proposes_and_a_stranger_does_not(clinic: Clinic) -> None:
    await clinic.marsh.post("/v1/consents", clinic.form(), want=(403, 404))
    await clinic.related()
    made = await clinic.marsh.post("/v1/consents", clinic.form())
    assert (await clinic.marsh.get(f"/v1/consents/{made.id}")).json["elements"] == ELEMENTS


@pytest.mark.parametrize("kind", ConsentKind)
async def test_each_element_dropped_in_turn_never_becomes_active(clinic: Clinic, kind: ConsentKind) -> None:
    everything = (await clinic.intake.post("/v1/consents", clinic.form(kind=kind, elements={}))).json["missing"]
    for name in set(everything) - {"signature"}:
        words = {**ELEMENTS, **AUTHORIZATION}
        elements = {n: words[n] for n in everything if n not in ("signature", name)}
        made = await clinic.intake.post("/v1/consents", clinic.form(kind=kind, elements=elements))
        signed = await clinic.client.post(f"/v1/consents/{made.id}/signatures")
        assert (signed.json["status"], signed.json["missing"]) == ("proposed", [name])


async def test_revocation_is_enforced_when_it_is_answered(clinic: Clinic) -> None:
    consent_id = await clinic.active()
    path = f"/v1/consents/{consent_id}/revocations"
    revoked = await clinic.client.post(path, {"reason": "I want a pause."}, want=200)
    assert revoked.json["status"] == "revoked"
    assert revoked.json["enforced"] is True
    assert isinstance(revoked.json["enforced_after_ms"], int)
    assert clinic.world.line.confirmed[-1] == 2  # activation and revocation: the tenant's first two policy changes
    again = await clinic.client.post(path, want=409)
    assert "revoked already" in again.json["detail"]
    shown = (await clinic.client.get(f"/v1/consents/{consent_id}")).json
    assert (shown["status"], shown["reason"]) == ("revoked", "I want a pause.")
    await clinic.client.post(f"/v1/consents/{consent_id}/signatures", want=409)


async def test_a_proposal_is_withdrawn_without_the_gate(clinic: Clinic) -> None:
    before = len(clinic.world.line.confirmed)
    path = f"/v1/consents/{await clinic.proposed()}/revocations"
    withdrawn = await clinic.intake.post(path, want=200)
    assert (withdrawn.json["enforced"], withdrawn.json["enforced_after_ms"]) == (True, 0)
    assert len(clinic.world.line.confirmed) == before


async def test_who_may_revoke(clinic: Clinic) -> None:
    await clinic.related()
    path = f"/v1/consents/{await clinic.active()}/revocations"
    await clinic.marsh.post(path, want=403)
    await clinic.rest.as_("someone", "client", client_id=str(uuid4())).post(path, want=404)
    await clinic.intake.post(path, want=200)


async def test_an_unconfirmed_revocation_says_so_and_its_repeat_confirms_it(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.active()}/revocations"
    line = clinic.world.line
    line.cut = True
    try:
        cut = await clinic.client.post(path, Idempotency_Key="r-1", want=503)
        assert "It is written" in cut.json["detail"]
        assert "Retry-After" in cut.headers
    finally:
        line.cut = False
    confirmed = await clinic.client.post(path, Idempotency_Key="r-1", want=200)
    assert confirmed.json["enforced"] is True
    assert isinstance(confirmed.json["enforced_after_ms"], int)
    again = await clinic.client.post(path, Idempotency_Key="r-1", want=200)
    assert again.json == confirmed.json


async def test_an_unconfirmed_activation_is_confirmed_by_its_repeat(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}/signatures"
    line = clinic.world.line
    line.cut = True
    try:
        await clinic.client.post(path, Idempotency_Key="s-1", want=503)
    finally:
        line.cut = False
    assert (await clinic.client.post(path, Idempotency_Key="s-1")).json["status"] == "active"
    await clinic.client.post(path, want=409)


async def test_amending_wants_the_newest_version(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}"
    await clinic.intake.put(path, clinic.form(), want=428)
    await clinic.intake.put(path, clinic.form(), If_Match='W/"7"', want=412)
    await clinic.intake.put(path, clinic.form(), If_Match='W/"1"')
    await clinic.intake.put(path, clinic.form(), If_Match='W/"1"', want=412)
    await clinic.client.post(f"{path}/signatures", If_Match='W/"1"', want=412)
    await clinic.client.post(f"{path}/signatures", If_Match='W/"2"')
    await clinic.intake.put(path, clinic.form(), If_Match='W/"4"', want=409)


async def test_concurrent_signatures_leave_one(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}/signatures"
    answers = await asyncio.gather(*(clinic.client.post(path, want=(201, 409)) for _ in range(6)))
    assert sorted(a.status for a in answers) == [201, 409, 409, 409, 409, 409]


async def test_a_repeat_under_one_key_makes_one_consent(clinic: Clinic) -> None:
    first = await clinic.intake.post("/v1/consents", clinic.form(), Idempotency_Key="k-1")
    second = await clinic.intake.post("/v1/consents", clinic.form(), Idempotency_Key="k-1")
    assert first.json == second.json
    other = clinic.form(kind="measurement")
    await clinic.intake.post("/v1/consents", other, Idempotency_Key="k-1", want=422)
    assert len((await clinic.intake.get(f"/v1/consents?client_id={clinic.client_id}")).json["items"]) == 1


async def test_lists_go_page_by_page(clinic: Clinic) -> None:
    made = [await clinic.proposed() for _ in range(5)]
    path = f"/v1/consents?client_id={clinic.client_id}&limit=2"
    seen, cursor = [], ""
    for _ in range(3):
        page = (await clinic.client.get(path + cursor)).json
        seen += [item["id"] for item in page["items"]]
        assert all(item["elements"] == ELEMENTS for item in page["items"])
        cursor = f"&cursor={page['next']}"
    assert page["next"] is None
    assert seen == made[::-1]
    await clinic.intake.get(f"{path}&cursor=AAAA", want=422)
    await clinic.intake.get("/v1/consents", want=422)
    await clinic.rest.as_("stranger", "therapist").get(path, want=404)
    empty = await clinic.intake.get(f"/v1/consents?client_id={uuid4()}")
    assert empty.json == {"items": [], "next": None}


async def test_another_tenant_finds_nothing(clinic: Clinic) -> None:
    consent_id = await clinic.active()
    other = clinic.world.clinic()
    for verb, tail in (("GET", ""), ("GET", "/history"), ("POST", "/signatures"), ("POST", "/revocations")):
        await other.intake.call(verb, f"/v1/consents/{consent_id}{tail}", want=404)
    await other.intake.put(f"/v1/consents/{consent_id}", clinic.form(), If_Match='W/"1"', want=404)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"client_id": "x"}, "/client_id"),
        ({"kind": "everything"}, "/kind"),
        ({"kind": ["psychotherapy_notes", "disclosure"]}, "/kind"),
        ({"surprise": 1}, "/surprise"),
        ({"grantor": {"role": "client"}}, "/grantor/name"),
        ({"grantor": {"role": "client", "name": " "}}, "/grantor/name"),
        ({"policy": {"base": True}}, "/policy/base"),
        ({"policy": {"base": "permit", "provisions": {}}}, "/policy/provisions"),
        ({"period": {"start": "2026-02-30"}}, "/period/start"),
        ({"period": {"start": 20260101}}, "/period/start"),
        ({"period": {"start": "2026-02-01", "end": "2026-01-31"}}, "/period/end"),
        ({"elements": {"explained_on": "2099-01-01"}}, "/elements/explained_on"),
        ({"elements": {"explained_on": "2026-02-31"}}, "/elements/explained_on"),
        ({"elements": {"mood": "x"}}, "/elements/mood"),
        ({"elements": {"nature": 5}}, "/elements/nature"),
        ({"elements": {"nature": "x" * 10_001}}, "/elements/nature"),
        ({"elements": []}, "/elements"),
    ],
)
async def test_a_form_with_a_fault_is_refused_before_the_gate_is_asked(
    clinic: Clinic, changes: dict[str, Any], pointer: str
) -> None:
    before = len(clinic.world.line.asked)
    answer = await clinic.intake.post("/v1/consents", clinic.form(**changes), want=422)
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert len(clinic.world.line.asked) == before


async def test_the_sender_is_told_what_is_read_more_strictly_than_it_is_written(clinic: Clinic) -> None:
    refusal = {"base": "deny", "dialect": "pcf", "provisions": [{"type": "permit", "actions": ["read"]}]}
    made = await clinic.intake.post("/v1/consents", clinic.form(policy=refusal))
    told = {w["pointer"]: w["detail"] for w in made.json["warnings"]}
    assert list(told) == ["/policy/base", "/policy/provisions/0"]
    assert told["/policy/base"].startswith("refuses: ") and told["/policy/provisions/0"].endswith("it permits nothing")
    path = f"/v1/consents/{made.id}"
    assert (await clinic.intake.get(path)).json["warnings"] == made.json["warnings"]
    amended = await clinic.intake.put(path, clinic.form(), If_Match='W/"1"')
    assert amended.json["warnings"] == []


async def test_a_combined_psychotherapy_note_authorization_is_refused(clinic: Clinic) -> None:
    """45 CFR 164.508(b)(3)(ii)."""
    provisions = [{"type": "permit", "resource_types": ["psychotherapy_note", "progress_note"]}]
    form = clinic.form(kind="psychotherapy_notes", elements=AUTHORIZATION, policy={"base": "deny", "provisions": provisions})
    answer = await clinic.intake.post("/v1/consents", form, want=422)
    assert answer.json["errors"][0]["pointer"] == "/policy/provisions/0/resource_types/1"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"client_id": "\xff"}', b"\xed\xa0\x80", b"{" * 5_000])
async def test_a_broken_body_is_refused(clinic: Clinic, raw: bytes) -> None:
    await clinic.intake.post("/v1/consents", raw, want=422)


async def test_an_oversized_body_is_refused(clinic: Clinic) -> None:
    await clinic.intake.post("/v1/consents", b" " * 300_000, want=413)
    await clinic.client.post(f"/v1/consents/{await clinic.proposed()}/revocations", b" " * 300_000, want=413)


async def test_no_token_no_answer(clinic: Clinic) -> None:
    async with clinic.world.session.get(f"{clinic.world.base_url}/v1/consents?client_id={clinic.client_id}") as answer:
        assert answer.status == 401


async def test_no_word_of_a_form_is_stored_or_sent_in_the_clear(clinic: Clinic) -> None:
    consent_id = await clinic.active(grantor={"role": "client", "name": "canary-name"})
    await clinic.client.post(f"/v1/consents/{consent_id}/revocations", {"reason": "canary-reason"}, want=200)
    database = clinic.world.parts.database
    assert database is not None
    connection = await asyncpg.connect(database.app)
    try:
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", clinic.tenant)
        kept = await connection.fetch("SELECT data FROM events UNION ALL SELECT meta FROM events")
        answers = await connection.fetch("SELECT answer::text FROM idempotency")
    finally:
        await connection.close()

    async def left() -> bool:
        return ("consent.v1", "consent.revocation-reason-given") in clinic.sent()

    await until(left)
    everything = b"".join(row[0] for row in kept) + "".join(row[0] for row in answers).encode()
    sent = b"".join(m.payload for m in clinic.world.wiring.bus.sent if m.headers["ce_tenant"] == clinic.tenant)
    assert b"consent_id" in everything
    assert b"consent_id" in sent
    assert b"canary" not in everything + sent


async def test_other_services_hear_of_it_and_the_gate_gets_its_receipts(clinic: Clinic) -> None:
    await clinic.active(policy={"base": "permit", "provisions": [{"type": "deny", "actors": ["sam.okoye"]}]})

    async def told() -> bool:
        sent = clinic.sent()
        receipts = [t for t in sent if t[0] == "receipts.v1"]
        wanted = {("consent-policy.v1", "consent.policy-changed"), ("consent.v1", "consent.consent-activated")}
        return wanted <= set(sent) and len(receipts) >= 3  # proposed, signed, activated

    await until(told)


async def test_without_the_gate_nothing_is_written_or_read(clinic: Clinic) -> None:
    consent_id = await clinic.proposed()
    line = clinic.world.line
    line.dead = True
    try:
        await clinic.intake.post("/v1/consents", clinic.form(), want=503)
        await clinic.intake.get(f"/v1/consents/{consent_id}", want=503)
        await clinic.client.post(f"/v1/consents/{consent_id}/signatures", want=503)
        await clinic.intake.post("/v1/relationships", clinic.relationship(), want=503)
    finally:
        line.dead = False
    items = (await clinic.intake.get(f"/v1/consents?client_id={clinic.client_id}")).json["items"]
    assert [(i["id"], i["signatures"]) for i in items] == [(consent_id, [])]


async def test_a_refusal_writes_nothing(clinic: Clinic) -> None:
    await clinic.rest.as_("stranger", "therapist").post("/v1/consents", clinic.form(), want=404)
    assert (await clinic.intake.get(f"/v1/consents?client_id={clinic.client_id}")).json["items"] == []
