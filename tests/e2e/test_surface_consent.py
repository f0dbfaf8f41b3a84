"""What the surface says of consents and relationships."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.rest import Person, Rest
from tests.e2e.surface import AUTHORIZED, FORMED, KINDS, Clinic, pointers, problem, required, today


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).admit()


def soon(days: int = 1) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind(there: Clinic, kind: str) -> None:
    """Proposed while something is missing; active when nothing is, and it is signed."""
    bare = (await there.intake.post("/v1/consents", there.form(kind, elements={}))).json
    assert bare["status"] == "proposed"
    assert set(bare["missing"]) == {*required(kind), "signature"}
    assert isinstance(bare["version"], int)
    made = (await there.intake.post("/v1/consents", there.form(kind))).json
    assert (made["status"], made["missing"]) == ("proposed", ["signature"])
    signed = await there.client.post(f"/v1/consents/{made['id']}/signatures", {})
    assert signed.json["status"] == "active"
    read = (await there.client.get(f"/v1/consents/{made['id']}")).json
    assert (read["kind"], read["status"], read["missing"]) == (kind, "active", [])
    assert read["elements"] == required(kind)


@pytest.mark.parametrize("kind", sorted(FORMED | AUTHORIZED))
async def test_each_element_dropped_or_blank_is_missing(there: Clinic, kind: str) -> None:
    for name in required(kind):
        for given in ({k: v for k, v in required(kind).items() if k != name}, {**required(kind), name: ""}):
            made = (await there.intake.post("/v1/consents", there.form(kind, elements=given))).json
            assert set(made["missing"]) == {name, "signature"}
    signed = await there.client.post(f"/v1/consents/{made['id']}/signatures", {})
    assert signed.json["status"] == "proposed"


@pytest.mark.parametrize(
    "changes",
    [
        {"period": {"start": "2026-01-01", "end": "2099-12-31"}},
        {"period": {"start": "2026-01-01T09:00:00Z"}},
        {"period": {"start": "2026-01-01T09:00:00+00:00", "end": "2099-01-01T09:00:00.123456+02:00"}},
        {"period": {"start": "2026-01-01", "end": None}},
        {"policy": {"base": "permit"}},
        {"policy": {"base": "deny", "provisions": [{"type": "permit"}]}},
        {"policy": {"base": "permit", "dialect": "r4", "provisions": []}},
        {"policy": {"base": "permit", "dialect": "r5", "provisions": []}},
        {"policy": {"base": "permit", "dialect": "pcf", "provisions": []}},
        {"grantor": {"role": "client", "name": "Noor Haddad", "authority": None}},
        {"grantor": {"role": "guardian", "name": "A. Haddad", "authority": "Parent of a minor."}},
        {
            "policy": {
                "base": "deny",
                "provisions": [
                    {
                        "type": "permit",
                        "actors": ["x"],
                        "roles": ["therapist", "supervisor", "trainee", "care_team", "ehr_system"],
                        "purposes": ["TREAT"],
                        "actions": ["read"],
                        "resource_types": ["progress_note", "identity", "DocumentReference"],
                        "labels": ["PSY"],
                        "period": {"start": "2026-01-01"},
                        "data_period": {"start": "2026-01-01", "end": "2026-12-31"},
                        "provisions": [{"type": "deny", "actors": ["y"]}],
                    }
                ],
            }
        },
    ],
)
async def test_forms_that_are_taken(there: Clinic, changes: dict[str, Any]) -> None:
    await there.agreed("treatment", **changes)


async def test_elements_may_be_absent_and_of_any_kind(there: Clinic) -> None:
    form = there.form()
    del form["elements"]
    assert "nature" in (await there.intake.post("/v1/consents", form)).json["missing"]
    await there.agreed("treatment", elements={**required("treatment"), "purpose": "To be well."})
    await there.agreed("disclosure", {"type": "permit"}, elements={**required("disclosure"), "nature": "Letters."})
    for explained_on in (today(), f"{today()}T08:00:00Z"):
        await there.agreed("treatment", elements={**required("treatment"), "explained_on": explained_on})
    assert pointers(await there.intake.call("POST", "/v1/consents", there.form(elements={"mood": "x"}))) == {"/elements/mood"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"kind": "tattoo"}, "/kind"),
        ({"grantor": {"role": "client"}}, "/grantor/name"),
        ({"policy": {"base": "maybe"}}, "/policy/base"),
        ({"policy": {"base": "permit", "provisions": [{}]}}, "/policy/provisions/0/type"),
        ({"policy": {"base": "permit", "provisions": [{"type": "permit", "roles": ["king"]}]}}, "/policy/provisions/0/roles/0"),
        ({"policy": {"base": "permit", "provisions": [{"type": "deny", "whom": []}]}}, "/policy/provisions/0/whom"),
        ({"period": {"start": "yesterday"}}, "/period/start"),
        ({"period": None}, "/period"),
        ({"client_id": "x"}, "/client_id"),
        ({"surprise": 1}, "/surprise"),
    ],
)
async def test_forms_that_cannot_be(there: Clinic, changes: dict[str, Any], pointer: str) -> None:
    assert pointer in pointers(await there.intake.call("POST", "/v1/consents", there.form(**changes)))
    assert (await there.client.get(f"/v1/consents?client_id={there.client_id}")).json["items"] == []


async def test_who_signs(there: Clinic) -> None:
    path = f"/v1/consents/{(await there.intake.post('/v1/consents', there.form())).id}/signatures"
    problem(await there.marsh.call("POST", path, {}), 403)
    pointers(await there.intake.call("POST", path, {}))
    pointers(await there.intake.call("POST", path, {"witness": "R. Ilves"}))
    stranger = there.rest.as_("somebody", "client", client_id=str(uuid4()))
    problem(await stranger.call("POST", path, {}), 404)
    signed = await there.client.call("POST", path)
    assert (signed.status, signed.json["status"]) == (201, "active")
    problem(await there.client.call("POST", path), 409)
    bodies: tuple[Any, ...] = ({}, None)
    for body in bodies:
        other = (await there.intake.post("/v1/consents", there.form())).id
        assert (await there.client.call("POST", f"/v1/consents/{other}/signatures", body)).json["status"] == "active"
    attested = {"witness": "R. Ilves", "evidence": "Paper form."}
    other = (await there.intake.post("/v1/consents", there.form())).id
    assert (await there.intake.post(f"/v1/consents/{other}/signatures", attested)).json["status"] == "active"
    guardian = there.rest.as_("a.haddad", "representative", client_id=there.client_id)
    other = (await there.intake.post("/v1/consents", there.form())).id
    assert (await guardian.post(f"/v1/consents/{other}/signatures", {})).json["status"] == "active"


@pytest.mark.parametrize("body", [None, {}, {"reason": "A pause."}])
async def test_revocation(there: Clinic, body: Any) -> None:
    consent = await there.agreed()
    note = await there.progress()
    await there.relate(there.okoye, "care_team")
    await there.okoye.get(f"/v1/notes/{note}")
    revoked = await there.client.call("POST", f"/v1/consents/{consent}/revocations", body, want=200)
    assert revoked.json["status"] == "revoked"
    assert revoked.json["enforced"] is True
    assert revoked.json["enforced_after_ms"] >= 0
    problem(await there.okoye.call("GET", f"/v1/notes/{note}"), 403)
    await there.marsh.get(f"/v1/notes/{note}")
    problem(await there.client.call("POST", f"/v1/consents/{consent}/revocations", {}), 409)


async def test_who_revokes(there: Clinic) -> None:
    consent = await there.agreed()
    problem(await there.marsh.call("POST", f"/v1/consents/{consent}/revocations", {}), 403)
    problem(await there.stranger.call("POST", f"/v1/consents/{consent}/revocations", {}), 404)
    await there.intake.post(f"/v1/consents/{consent}/revocations", {"reason": "Said by telephone."}, want=200)
    proposed = (await there.intake.post("/v1/consents", there.form())).id
    assert (await there.client.post(f"/v1/consents/{proposed}/revocations", {}, want=200)).json["status"] == "revoked"


async def test_reading_consents(there: Clinic) -> None:
    consent = await there.agreed()
    for person in (there.client, there.intake, there.marsh):
        listed = (await person.get(f"/v1/consents?client_id={there.client_id}")).json
        assert [i["id"] for i in listed["items"]] == [consent]
        read = await person.get(f"/v1/consents/{consent}")
        assert read.json["policy"]["base"] == "permit"
        assert read.headers["Etag"]
        assert (await person.get(f"/v1/consents/{consent}/history")).json["items"]
    for path in (f"/v1/consents/{consent}", f"/v1/consents/{consent}/history", f"/v1/consents?client_id={there.client_id}"):
        problem(await there.stranger.call("GET", path), 404)
    problem(await there.client.call("GET", f"/v1/consents/{uuid4()}"), 404)
    problem(await there.client.call("GET", "/v1/consents"), 422)


async def test_a_practitioner_with_a_current_relationship_writes_consents(there: Clinic) -> None:
    await there.marsh.post("/v1/consents", there.form())
    problem(await there.client.call("POST", "/v1/consents", there.form()), 403)
    assert (await there.stranger.call("POST", "/v1/consents", there.form())).status in (403, 404)


async def test_changes_of_a_consent_need_its_version(there: Clinic) -> None:
    made = await there.intake.post("/v1/consents", there.form(elements={}))
    path = f"/v1/consents/{made.id}"
    tag = (await there.intake.get(path)).headers["Etag"]
    problem(await there.intake.call("PUT", path, there.form()), 428)
    await there.intake.put(path, there.form(), If_Match=tag)
    problem(await there.intake.call("PUT", path, there.form(), If_Match=tag), 412)


@pytest.mark.parametrize("role", ["therapist", "supervisor", "trainee", "care_team"])
@pytest.mark.parametrize("by", ["intake", "supervisor", "administrator"])
async def test_relationships(there: Clinic, role: str, by: str) -> None:
    who, keeper = there.newcomer(), there.newcomer(by)
    body = {"client_id": there.client_id, "practitioner_id": who.sub, "role": role, "period": {"start": today()}}
    made = await keeper.post("/v1/relationships", body)
    assert any(
        i["id"] == made.id for i in (await there.client.get(f"/v1/relationships?client_id={there.client_id}")).json["items"]
    )
    await who.get(f"/v1/consents?client_id={there.client_id}")
    problem(await keeper.call("POST", "/v1/relationships", {**body, "practitioner_id": keeper.sub}), 403)
    problem(await there.client.call("POST", "/v1/relationships", body), 403)
    ended = await there.intake.call("POST", f"/v1/relationships/{made.id}/end", {})
    assert ended.status in (200, 201)
    problem(await who.call("GET", f"/v1/consents?client_id={there.client_id}"), 404)


@pytest.mark.parametrize(
    ("period", "holds"),
    [
        ({"start": "2026-01-01"}, True),
        ({"start": "2026-01-01T00:00:00Z", "end": "2099-01-01"}, True),
        ({"start": "2026-01-01", "end": "2026-01-31"}, False),
        ({"start": "2099-01-01"}, False),
    ],
)
async def test_a_relationship_holds_in_its_period(there: Clinic, period: dict[str, str], holds: bool) -> None:
    await there.relate(there.okoye, "therapist", **period)
    read = await there.okoye.call("GET", f"/v1/consents?client_id={there.client_id}")
    assert read.status == (200 if holds else 404)


async def test_a_relationship_may_end_today_and_ends_without_a_body(there: Clinic) -> None:
    made = await there.relate(there.okoye, "care_team", end=today())
    await there.okoye.get(f"/v1/consents?client_id={there.client_id}")
    assert (await there.intake.call("POST", f"/v1/relationships/{made.id}/end")).status in (200, 201)
    problem(await there.okoye.call("GET", f"/v1/consents?client_id={there.client_id}"), 404)


PERMIT: dict[str, Any] = {"type": "permit"}


@pytest.mark.parametrize(
    ("base", "provisions", "status"),
    [
        ("permit", [], 200),
        ("deny", [], 403),
        ("deny", [PERMIT], 200),
        ("deny", [{**PERMIT, "roles": ["care_team"]}], 200),
        ("deny", [{**PERMIT, "roles": ["therapist"]}], 403),
        ("deny", [{**PERMIT, "purposes": ["TREAT"]}], 200),
        ("deny", [{**PERMIT, "purposes": ["COC"]}], 403),
        ("deny", [{**PERMIT, "actions": ["read"]}], 200),
        ("deny", [{**PERMIT, "resource_types": ["progress_note"]}], 200),
        ("deny", [{**PERMIT, "labels": ["SUD"]}], 200),
        ("deny", [{**PERMIT, "labels": ["HIV"]}], 403),
        ("permit", [{"type": "deny", "labels": ["SUD"]}], 403),
        ("permit", [{"type": "deny", "roles": ["care_team"]}], 403),
        ("permit", [{"type": "deny", "data_period": {"start": "2020-01-01", "end": "2020-12-31"}}], 200),
        ("permit", [{"type": "deny", "period": {"start": "2026-01-01"}}], 403),
        ("permit", [{"type": "deny", "period": {"start": "2099-01-01"}}], 200),
    ],
)
async def test_provisions(there: Clinic, base: str, provisions: list[Any], status: int) -> None:
    note = await there.progress(labels=["SUD"])
    await there.relate(there.okoye, "care_team")
    await there.agreed("treatment", *provisions, base=base)
    assert (await there.okoye.call("GET", f"/v1/notes/{note}")).status == status


async def test_a_tokens_role_never_satisfies_a_provision(there: Clinic) -> None:
    note = await there.progress()
    await there.relate(there.okoye, "care_team")
    await there.agreed("treatment", {**PERMIT, "roles": ["therapist"]}, base="deny")
    problem(await there.okoye.call("GET", f"/v1/notes/{note}"), 403)  # a therapist by token


async def by_ehr(there: Clinic) -> Person:
    return there.newcomer("ehr_system")


@pytest.mark.parametrize("how", ["role", "actor"])
async def test_a_disclosure_opens_what_it_names_to_whom_it_names(there: Clinic, how: str) -> None:
    note, private = await there.progress(), await there.private()
    ehr = await by_ehr(there)
    problem(await ehr.call("GET", f"/v1/notes/{note}"), 404)
    named = {**PERMIT, "roles": ["ehr_system"]} if how == "role" else {**PERMIT, "actors": [ehr.sub]}
    consent = await there.agreed("disclosure", named, base="deny")
    assert (await ehr.get(f"/v1/notes/{note}")).json["sections"]["plan"] == "p"
    assert [i["id"] for i in (await ehr.get(f"/v1/notes?client_id={there.client_id}")).json["items"]] == [note]
    problem(await ehr.call("GET", f"/v1/notes/{private}"), 404)
    await there.client.post(f"/v1/consents/{consent}/revocations", {}, want=200)
    problem(await ehr.call("GET", f"/v1/notes/{note}"), 404)


async def test_a_disclosure_opens_no_more_than_its_description(there: Clinic) -> None:
    note, ehr = await there.progress(), await by_ehr(there)
    elements = {**required("disclosure"), "description": "Identity only."}
    await there.agreed("disclosure", {**PERMIT, "actors": [ehr.sub]}, base="deny", elements=elements)
    await ehr.get(f"/v1/clients/{there.client_id}")
    assert (await ehr.call("GET", f"/v1/notes/{note}")).status in (403, 404)


async def test_an_authorization_for_psychotherapy_notes(there: Clinic) -> None:
    """Its base opens nothing to anybody; a provision that names whom opens it to them alone."""
    note, private = await there.progress(), await there.private()
    await there.relate(there.okoye)
    await there.agreed("psychotherapy_notes")
    problem(await there.okoye.call("GET", f"/v1/notes/{private}"), 404)
    third = there.newcomer()
    await there.relate(third)
    await there.agreed("psychotherapy_notes", {**PERMIT, "actors": [there.okoye.sub]}, base="deny")
    assert (await there.okoye.get(f"/v1/notes/{private}")).json["sections"]["transference"]
    problem(await third.call("GET", f"/v1/notes/{private}"), 404)
    problem(await there.client.call("GET", f"/v1/notes/{private}"), 404)
    problem(await there.okoye.call("GET", f"/v1/notes/{note}"), 403)  # it opens no other class


@pytest.mark.parametrize(
    ("kind", "opens"), [("treatment", True), ("measurement", False), ("research", False), ("supervision", False)]
)
async def test_no_consent_opens_another_kinds_classes(there: Clinic, kind: str, opens: bool) -> None:
    note = await there.progress()
    await there.relate(there.okoye)
    await there.agreed(kind)
    assert (await there.okoye.call("GET", f"/v1/notes/{note}")).status == (200 if opens else 403)


async def test_the_policy_feed_is_for_services(there: Clinic) -> None:
    for person in (there.marsh, there.officer, there.intake):
        assert (await person.call("GET", "/v1/policy-feed?after=0")).status in (401, 403)
