"""Relationships start and end with the gate's confirmation: the next request sees them."""

import asyncio

import pytest

from tests.integration.consent.world import Clinic


async def test_the_next_request_sees_it_and_its_end(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}"
    await clinic.marsh.get(path, want=404)
    relationship_id = await clinic.related()
    await clinic.marsh.get(path)
    ended = await clinic.intake.post(f"/v1/relationships/{relationship_id}/end", want=200)
    assert ended.json["end"] is not None
    await clinic.marsh.get(path, want=404)
    await clinic.intake.post(f"/v1/relationships/{relationship_id}/end", want=409)


@pytest.mark.parametrize("role", ["supervisor", "administrator"])
async def test_supervisors_and_administrators_keep_relationships_too(clinic: Clinic, role: str) -> None:
    keeper = clinic.rest.as_("keeper", role)
    made = await keeper.post("/v1/relationships", clinic.relationship("sam.okoye", "care_team"))
    assert made.json["role"] == "care_team"
    await keeper.post("/v1/relationships", clinic.relationship("keeper", "supervisor"), want=403)
    await keeper.post(f"/v1/relationships/{made.id}/end", want=200)


@pytest.mark.parametrize("role", ["therapist", "trainee", "compliance_officer", "ehr_system"])
async def test_nobody_else_starts_one(clinic: Clinic, role: str) -> None:
    await clinic.rest.as_("somebody", role).post("/v1/relationships", clinic.relationship(), want=403)
    await clinic.client.post("/v1/relationships", clinic.relationship(), want=403)


async def test_a_practitioner_steps_back_and_a_colleague_does_not_end_it(clinic: Clinic) -> None:
    first, second = await clinic.related(), await clinic.related("sam.okoye", "care_team")
    await clinic.rest.as_("sam.okoye", "therapist").post(f"/v1/relationships/{first}/end", want=403)
    await clinic.rest.as_("sam.okoye", "therapist").post(f"/v1/relationships/{second}/end", want=200)


async def test_the_client_sees_who_was_added_to_their_care(clinic: Clinic) -> None:
    await clinic.related()
    await clinic.related("sam.okoye", "care_team")
    path = f"/v1/relationships?client_id={clinic.client_id}"
    for person in (clinic.client, clinic.marsh, clinic.intake, clinic.rest.as_("officer", "compliance_officer")):
        page = await person.get(path)
        assert [(i["practitioner_id"], i["role"], i["status"]) for i in page.json["items"]] == [
            ("sam.okoye", "care_team", "current"),
            ("lena.marsh", "therapist", "current"),
        ]
        assert page.entries
    first = (await clinic.client.get(f"{path}&limit=1")).json
    rest = (await clinic.client.get(f"{path}&limit=1&cursor={first['next']}")).json
    assert rest["items"][0]["practitioner_id"] == "lena.marsh"
    assert rest["next"] is None
    await clinic.rest.as_("stranger", "therapist").get(path, want=404)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"role": "friend"}, "/role"),
        ({"practitioner_id": ""}, "/practitioner_id"),
        ({"practitioner_id": "a\u0000b"}, "/practitioner_id"),
        ({"practitioner_id": 5}, "/practitioner_id"),
        ({"period": {"start": "2026-02-30"}}, "/period/start"),
        ({"period": {"start": "2026-02-02", "end": "2026-02-01"}}, "/period/end"),
        ({"note": "x"}, "/note"),
    ],
)
async def test_a_faulty_one_is_refused_before_the_gate_is_asked(clinic: Clinic, changes: dict[str, object], pointer: str) -> None:
    before = len(clinic.world.line.asked)
    answer = await clinic.intake.post("/v1/relationships", {**clinic.relationship(), **changes}, want=422)
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]
    assert len(clinic.world.line.asked) == before


async def test_an_unconfirmed_start_is_confirmed_by_its_repeat(clinic: Clinic) -> None:
    line = clinic.world.line
    line.cut = True
    try:
        await clinic.intake.post("/v1/relationships", clinic.relationship(), Idempotency_Key="a", want=503)
    finally:
        line.cut = False
    await clinic.intake.post("/v1/relationships", clinic.relationship(), Idempotency_Key="a")
    items = (await clinic.intake.get(f"/v1/relationships?client_id={clinic.client_id}")).json["items"]
    assert len(items) == 1


async def test_concurrent_ends_leave_one(clinic: Clinic) -> None:
    path = f"/v1/relationships/{await clinic.related()}/end"
    answers = await asyncio.gather(*(clinic.intake.post(path, want=(200, 409)) for _ in range(5)))
    assert sorted(a.status for a in answers) == [200, 409, 409, 409, 409]


async def test_another_tenant_finds_nothing(clinic: Clinic) -> None:
    relationship_id = await clinic.related()
    other = clinic.world.clinic()
    await other.intake.post(f"/v1/relationships/{relationship_id}/end", want=404)
    assert (await other.intake.get(f"/v1/relationships?client_id={clinic.client_id}")).json["items"] == []
