"""Representatives, restrictions, amendment requests and the directory, through HTTP, PostgreSQL and the real gate."""

from hashlib import sha256
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.contracts.consent_policy import RepresentativeSet, RestrictionSet
from tests.integration.consent.test_consent_process import changes, says
from tests.integration.consent.world import Clinic
from tests.support.waiting import until


async def test_a_representative_from_start_to_end(clinic: Clinic) -> None:
    made = await clinic.intake.post("/v1/representatives", clinic.parent(), Idempotency_Key="p")
    path = f"/v1/representatives/{made.id}"
    assert made.headers["Location"] == path
    assert (made.json["status"], made.json["may"]) == ("current", ["read", "sign"])
    assert "name" not in made.json  # what is kept with the Idempotency-Key holds no sealed word
    again = await clinic.intake.post("/v1/representatives", clinic.parent(), Idempotency_Key="p")
    assert again.id == made.id
    shown = (await clinic.client.get(path)).json
    assert (shown["name"], shown["client_birth_date"]) == ("Ines canary", "2012-05-01")
    change = (await changes(clinic))[-1]
    assert isinstance(change, RepresentativeSet)
    assert (change.person, change.authority, str(change.kind)) == ("ines.haddad", "parental-responsibility", "parent")
    assert "canary" not in change.model_dump_json() and "2012" not in change.model_dump_json()
    await clinic.client.post(f"{path}/end", want=403)  # it rests on the law
    ended = await clinic.intake.post(f"{path}/end", want=200)
    assert ended.json["status"] == "ended"
    assert clinic.world.line.confirmed[-1] == len(await changes(clinic))
    await clinic.intake.post(f"{path}/end", want=409)
    listed = (await clinic.client.get(f"/v1/representatives?client_id={clinic.client_id}")).json["items"]
    assert [i["id"] for i in listed] == [made.id]
    assert [w for w, _ in await says(clinic, path)] == ["representative-appointed", "representative-ended"]


async def test_the_client_withdraws_a_proxy_of_their_own(clinic: Clinic) -> None:
    proxy = clinic.parent(kind="healthcare_proxy", authority="power-of-attorney", client_birth_date=None, jurisdiction=None)
    made = await clinic.intake.post("/v1/representatives", proxy)
    ended = await clinic.client.post(f"/v1/representatives/{made.id}/end", want=200)
    assert ended.json["ended_because"] == "withdrawn"


@pytest.mark.parametrize("role", ["therapist", "supervisor", "administrator", "compliance_officer", "ehr_system"])
async def test_nobody_but_intake_registers_one(clinic: Clinic, role: str) -> None:
    await clinic.rest.as_("somebody", role).post("/v1/representatives", clinic.parent(), want=403)
    await clinic.client.post("/v1/representatives", clinic.parent(), want=403)
    stranger = clinic.rest.as_("stranger", "therapist")
    await stranger.get(f"/v1/representatives?client_id={clinic.client_id}", want=404)


def restriction(clinic: Clinic, **changed: Any) -> dict[str, Any]:
    return {
        "client_id": clinic.client_id,
        "payer": "plan.example",
        "payer_name": "canary plan",
        "paid_in_full": True,
        "period": {"start": "2026-01-01"},
        **changed,
    }


async def test_what_was_paid_in_full_binds_when_it_is_answered(clinic: Clinic) -> None:
    asked = restriction(clinic, record_ids=[await clinic.proposed()])
    made = await clinic.client.post("/v1/restrictions", asked)
    assert made.json["status"] == "binding"
    change = (await changes(clinic))[-1]
    assert isinstance(change, RestrictionSet)
    assert (change.payer, change.purposes, list(change.record_ids)) == (
        "plan.example", ("HPAYMT", "HOPERAT"), asked["record_ids"],
    )  # fmt: skip
    assert clinic.world.line.confirmed[-1] == len(await changes(clinic))
    path = f"/v1/restrictions/{made.id}"
    await clinic.intake.post(f"{path}/decisions", {"agreed": False}, want=409)
    await clinic.intake.post(f"{path}/end", want=403)
    assert (await clinic.client.post(f"{path}/end", want=200)).json["status"] == "ended"
    assert (await clinic.client.get(path)).json["payer_name"] == "canary plan"


async def test_any_other_restriction_waits_for_the_practice(clinic: Clinic) -> None:
    made = await clinic.client.post("/v1/restrictions", restriction(clinic, paid_in_full=False, purposes=["TREAT"]))
    assert (made.json["status"], await changes(clinic)) == ("requested", [])
    path = f"/v1/restrictions/{made.id}"
    await clinic.client.post(f"{path}/decisions", {"agreed": True}, want=403)
    agreed = await clinic.intake.post(f"{path}/decisions", {"agreed": True}, want=200)
    assert (agreed.json["status"], len(await changes(clinic))) == ("binding", 1)
    assert [w for w, _ in await says(clinic, path)] == ["restriction-requested", "restriction-decided"]


def request(clinic: Clinic, record_id: str, **changed: Any) -> dict[str, Any]:
    words = {"what": "canary-what", "why": "canary-why"}
    return {"client_id": clinic.client_id, "record_id": record_id, "record_type": "consent", **words, **changed}


async def stored(clinic: Clinic, record_id: str) -> str:
    """Digest of everything that is stored of a record."""
    database = clinic.world.parts.database
    assert database is not None
    connection = await asyncpg.connect(database.app)
    try:
        await connection.execute("SELECT set_config('app.tenant_id', $1, false)", clinic.tenant)
        rows = await connection.fetch("SELECT data FROM events WHERE stream = $1 ORDER BY version", f"consent/{record_id}")
        every = b"".join(r[0] for r in await connection.fetch("SELECT data FROM events"))
    finally:
        await connection.close()
    assert b"canary" not in every
    assert rows
    return sha256(b"\x00".join(r[0] for r in rows)).hexdigest()


async def test_164_526_the_original_is_never_overwritten(clinic: Clinic) -> None:
    await clinic.related()
    record_id = await clinic.active()
    before = await stored(clinic, record_id)
    made = await clinic.client.post("/v1/amendment-requests", request(clinic, record_id))
    path = f"/v1/amendment-requests/{made.id}"
    assert made.json["status"] == "requested"
    await clinic.client.post(f"{path}/acceptances", {"text": "x"}, want=403)
    longer = await clinic.marsh.post(f"{path}/extensions", {"reason": "canary-away"})
    assert longer.json["due_at"] > made.json["due_at"]
    await clinic.marsh.post(f"{path}/extensions", {"reason": "canary-away"}, want=409)
    accepted = await clinic.marsh.post(f"{path}/acceptances", {"text": "canary-correction"})
    assert accepted.json["status"] == "accepted"
    shown = (await clinic.client.get(path)).json
    assert (shown["amendment"], shown["record_id"]) == ("canary-correction", record_id)
    assert await stored(clinic, record_id) == before


async def test_164_526_a_denial_and_a_statement_of_disagreement(clinic: Clinic) -> None:
    record_id = await clinic.active()
    before = await stored(clinic, record_id)
    path = f"/v1/amendment-requests/{(await clinic.client.post('/v1/amendment-requests', request(clinic, record_id))).id}"
    officer = clinic.rest.as_("officer", "compliance_officer")
    await clinic.client.post(f"{path}/disagreements", {"text": "canary-no"}, want=409)
    await officer.post(f"{path}/denials", {"basis": "accurate", "reason": "canary-reason"})
    await clinic.client.post(f"{path}/disagreements", {"text": "canary-no"}, Idempotency_Key="d")
    await clinic.client.post(f"{path}/disagreements", {"text": "canary-no"}, Idempotency_Key="d")
    await officer.post(f"{path}/rebuttals", {"text": "canary-see"})
    shown = (await clinic.client.get(path)).json
    assert (shown["status"], shown["denied_because"]) == ("disagreed", "accurate")
    assert (shown["disagreement"], shown["rebuttal"]) == ("canary-no", "canary-see")
    assert await stored(clinic, record_id) == before
    assert [w for w, _ in await says(clinic, path)] == [
        "amendment-requested", "amendment-denied", "disagreement-stated", "rebuttal-stated",
    ]  # fmt: skip


async def test_subscribers_hear_of_it(clinic: Clinic) -> None:
    record_id = await clinic.active()
    await clinic.client.post("/v1/amendment-requests", request(clinic, record_id))
    await clinic.client.post("/v1/restrictions", restriction(clinic))

    async def told() -> bool:
        wanted = {("consent.v1", f"consent.{what}") for what in ("amendment-requested", "restriction-requested")}
        return wanted <= set(clinic.sent())

    await until(told)


@pytest.mark.parametrize(
    ("path", "changed", "pointer"),
    [
        ("representatives", {"authority": "a b"}, "/authority"),
        ("representatives", {"may": []}, "/may"),
        ("representatives", {"client_birth_date": "2012-02-30"}, "/client_birth_date"),
        ("representatives", {"jurisdiction": "FR"}, "/jurisdiction"),
        ("representatives", {"jurisdiction": "France"}, "/jurisdiction"),
        ("representatives", {"excluded_labels": ["a b"]}, "/excluded_labels/0"),
        ("restrictions", {"purposes": ["SNOOP"]}, "/purposes/0"),
        ("restrictions", {"purposes": ["TREAT"]}, "/purposes"),
        ("restrictions", {"purposes": []}, "/purposes"),
        ("restrictions", {"record_ids": ["x"]}, "/record_ids/0"),
        ("restrictions", {"period": {"start": "2026-02-02", "end": "2026-02-01"}}, "/period/end"),
        ("amendment-requests", {"received_on": "2999-01-01"}, "/received_on"),
        ("amendment-requests", {"why": " "}, "/why"),
        ("amendment-requests", {"surprise": 1}, "/surprise"),
    ],
)
async def test_a_fault_is_said_before_the_gate_is_asked(clinic: Clinic, path: str, changed: dict[str, Any], pointer: str) -> None:
    before = len(clinic.world.line.asked)
    body = {"representatives": clinic.parent(), "restrictions": restriction(clinic)}.get(path) or request(clinic, str(uuid4()))
    answer = await clinic.intake.post(f"/v1/{path}", {**body, **changed}, want=422)
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert len(clinic.world.line.asked) == before


async def test_another_tenant_finds_nothing(clinic: Clinic) -> None:
    made = await clinic.intake.post("/v1/representatives", clinic.parent())
    other = clinic.world.clinic()
    for verb, tail in (("GET", ""), ("GET", "/history"), ("POST", "/end")):
        await other.intake.call(verb, f"/v1/representatives/{made.id}{tail}", want=404)


async def test_the_directory_knows_who_works_here_by_their_own_tokens(clinic: Clinic) -> None:
    await clinic.related()
    token = clinic.rest.mint(sub="lena.marsh", role="therapist", tenant=clinic.tenant, name="Dr. Lena  Marsh")
    named = type(clinic.marsh)(clinic.rest, "lena.marsh", token)
    noor = clinic.rest.mint(
        sub="noor.haddad", role="client", tenant=clinic.tenant, client_id=clinic.client_id, name="Noor Haddad"
    )
    path = f"/v1/relationships?client_id={clinic.client_id}"
    (before,) = (await clinic.client.get(path)).json["items"]
    assert before["practitioner_name"] is None
    await named.get(path)
    client = type(clinic.marsh)(clinic.rest, "noor.haddad", noor)
    (item,) = (await client.get(path)).json["items"]
    assert item["practitioner_name"] == "Dr. Lena Marsh"
    listed = (await clinic.intake.get("/v1/persons")).json["items"]
    assert [(p["sub"], p["name"], p["role"]) for p in listed] == [("lena.marsh", "Dr. Lena Marsh", "therapist")]
    await client.get("/v1/persons", want=403)
    assert (await clinic.world.clinic().intake.get("/v1/persons")).json["items"] == []
