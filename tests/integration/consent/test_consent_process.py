"""Informed consent as a process, and every end of a consent, through HTTP, PostgreSQL and the real gate."""

from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.consent_policy import ConsentSet, ConsentStatus, RepresentativeSet
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType
from tests.e2e.rest import Answer, Person
from tests.integration.consent.test_consents_api import AUTHORIZATION
from tests.integration.consent.world import Clinic
from tests.support.waiting import until

TALK = {"explained_on": "2026-01-01", "method": "teach_back", "understood": True, "language": "en", "note": "canary-note"}


async def changes(clinic: Clinic) -> list[Any]:
    """What the gate was told, oldest first."""
    page = await clinic.world.service.policy_feed.read(clinic.tenant, 0)
    return [item.change for item in page.items]


async def says(clinic: Clinic, path: str) -> list[tuple[str, str]]:
    items = (await clinic.intake.get(f"{path}/history")).json["items"]
    assert all(item["says"] for item in items)
    return [(item["what"].removeprefix("consent."), item["says"]) for item in items]


async def test_the_talk_is_recorded_and_decides_on_signing(clinic: Clinic) -> None:
    await clinic.related()
    path = f"/v1/consents/{await clinic.proposed()}"
    await clinic.marsh.post(f"{path}/explanations", {**TALK, "understood": False})
    refused = await clinic.client.post(f"{path}/signatures", want=409)
    assert "explain it again" in refused.json["detail"]
    await clinic.marsh.post(f"{path}/explanations", TALK)
    assert (await clinic.client.post(f"{path}/signatures")).json["status"] == "active"
    first, second = (await clinic.client.get(path)).json["explanations"]
    assert (first["understood"], second["understood"]) == (False, True)
    assert (second["by"], second["role"], second["method"], second["note"]) == (
        "lena.marsh", "therapist", "teach_back", "canary-note",
    )  # fmt: skip
    assert await says(clinic, path) == [
        ("consent-proposed", "The consent was written down and offered."),
        ("consent-explained", "Explained on 2026-01-01; it was not understood yet."),
        ("consent-explained", "Explained on 2026-01-01; it was understood."),
        ("consent-signed", "Signed: the word of client."),
        ("consent-activated", "Nothing was missing and it was signed: it holds from here on."),
    ]
    assert b"canary-note" not in b"".join(m.payload for m in clinic.world.wiring.bus.sent)


async def test_the_talk_covers_what_the_therapy_has(clinic: Clinic) -> None:
    more = dict.fromkeys(("purpose", "fees", "recording", "telehealth", "supervision", "research"), "…")
    form = clinic.form(elements={**clinic.form()["elements"], **more}, jurisdiction="US-CA", limits_explained=["child_abuse"])
    made = await clinic.intake.post("/v1/consents", form)
    assert made.json["missing"] == ["limits_of_confidentiality/duty_to_protect", "signature"]
    form["limits_explained"].append("duty_to_protect")
    await clinic.intake.put(f"/v1/consents/{made.id}", form, If_Match='W/"1"')
    assert (await clinic.client.post(f"/v1/consents/{made.id}/signatures")).json["status"] == "active"
    rows = {r["jurisdiction"]: r for r in (await clinic.intake.get("/v1/jurisdictions")).json["items"]}
    assert rows["US-CA"]["limits_of_confidentiality"][0]["source"]["citation"]


async def test_a_change_of_plan_makes_the_talk_due_and_it_is_affirmed(clinic: Clinic) -> None:
    await clinic.related()
    path = f"/v1/consents/{await clinic.active()}"
    due = await clinic.marsh.post(f"{path}/reconsents", {"because": "plan"})
    assert due.json["status"] == "active"
    assert (await clinic.client.get(path)).json["reconsent"] == {"due": True, "because": ["plan"]}
    await clinic.client.post(f"{path}/signatures", want=409)
    await clinic.marsh.post(f"{path}/explanations", TALK)
    assert (await clinic.client.post(f"{path}/signatures")).json["status"] == "active"
    assert (await clinic.client.get(path)).json["reconsent"] == {"due": False, "because": []}
    await clinic.client.post(f"{path}/reconsents", {"because": "plan"}, want=403)


async def test_dates_are_met_by_themselves(clinic: Clinic) -> None:
    soon = clinic.world.parts.now() + timedelta(seconds=1)
    expiring = f"/v1/consents/{await clinic.active(period={'start': '2026-01-01', 'end': soon.isoformat()})}"
    reviewed = f"/v1/consents/{await clinic.active(review_on='2026-01-02')}"

    async def met() -> bool:
        await clinic.world.service.consequences.run_once()
        told = {c.status for c in await changes(clinic) if isinstance(c, ConsentSet)}
        return ConsentStatus.EXPIRED in told

    await until(met)
    assert (await says(clinic, expiring))[-1] == ("consent-expired", "Its period is over.")
    assert (await clinic.client.get(expiring)).json["status"] == "expired"
    assert (await says(clinic, reviewed))[-1][0] == "reconsent-due"
    assert (await clinic.client.get(reviewed)).json["reconsent"] == {"due": True, "because": ["date"]}
    await clinic.world.service.consequences.run_once()
    assert [w for w, _ in await says(clinic, reviewed)].count("reconsent-due") == 1


async def test_saying_no_is_kept_and_final(clinic: Clinic) -> None:
    path = f"/v1/consents/{await clinic.proposed()}"
    refused = await clinic.client.post(f"{path}/refusals", {"reason": "canary-reason"})
    assert refused.json["status"] == "refused"
    assert (await clinic.client.get(path)).json["reason"] == "canary-reason"
    await clinic.client.post(f"{path}/signatures", want=409)
    await clinic.client.post(f"{path}/revocations", want=409)
    assert await changes(clinic) == []


async def test_withdrawal_is_as_easy_as_giving(clinic: Clinic) -> None:
    """GDPR 7(3): the same number of calls, the same words to write (none), the same token; and refusing costs no more."""
    consent_id = await clinic.proposed()
    calls: dict[str, list[Answer]] = {"signatures": [], "revocations": []}
    for step, answers in calls.items():
        answers.append(await clinic.client.call("POST", f"/v1/consents/{consent_id}/{step}", want=(200, 201)))
    assert [a.json["status"] for answers in calls.values() for a in answers] == ["active", "revoked"]
    assert len(calls["revocations"]) <= len(calls["signatures"])
    await clinic.client.call("POST", f"/v1/consents/{await clinic.proposed()}/refusals", want=201)


async def test_the_event_that_it_was_to_end_with(clinic: Clinic) -> None:
    await clinic.related()
    unsaid = await clinic.active(kind="disclosure", elements=AUTHORIZATION)
    await clinic.marsh.post(f"/v1/consents/{unsaid}/expirations", {"occurred_on": "2026-01-05"}, want=403)
    path = f"/v1/consents/{await clinic.active(kind='disclosure', elements=AUTHORIZATION, ends_with_event=True)}"
    await clinic.client.post(f"{path}/expirations", {"occurred_on": "2026-01-05"}, want=403)
    await clinic.marsh.post(f"{path}/expirations", {"occurred_on": "2999-01-05"}, want=422)
    ended = await clinic.marsh.post(f"{path}/expirations", {"occurred_on": "2026-01-05"}, want=200)
    assert ended.json["status"] == "expired"
    assert (await changes(clinic))[-1].status is ConsentStatus.EXPIRED
    assert clinic.world.line.confirmed[-1] == len(await changes(clinic))
    await clinic.marsh.post(f"{path}/expirations", {"occurred_on": "2026-01-05"}, want=409)


async def test_whom_the_client_denied_does_not_lift_it(clinic: Clinic) -> None:
    """A relationship lets somebody note an event, intake writes down the client's word; neither opens what is closed to them."""
    await clinic.related()
    note_id = await clinic.note_of_marsh()
    sam, sam_at_intake = clinic.rest.as_("sam.okoye", "therapist"), clinic.rest.as_("sam.okoye", "intake")
    await clinic.related("sam.okoye")
    await clinic.active(kind="treatment")
    denial = {"base": "permit", "provisions": [{"type": "deny", "actors": ["sam.okoye"]}]}
    denying = await clinic.active(kind="disclosure", elements=AUTHORIZATION, policy=denial, ends_with_event=True)
    path = f"/v1/consents/{denying}"
    assert not await reads(clinic, sam, note_id)
    for who in (sam, clinic.marsh, clinic.intake):
        await who.post(f"{path}/expirations", {"occurred_on": "2026-01-05"}, want=403)
    await sam_at_intake.post(f"{path}/revocations", want=403)
    new = await clinic.proposed(kind="disclosure", elements=AUTHORIZATION, supersedes=denying)
    seen = {"witness": "Ada Lind", "evidence": "Signed on paper."}
    await sam_at_intake.post(f"/v1/consents/{new}/signatures", seen, want=403)
    assert (await clinic.client.get(path)).json["status"] == "active"
    assert (await clinic.client.get(f"/v1/consents/{new}")).json["status"] == "proposed"
    assert not await reads(clinic, sam, note_id)
    await clinic.client.post(f"{path}/revocations", want=200)
    assert await reads(clinic, sam, note_id)


async def test_a_new_consent_takes_the_old_ones_place_in_one_moment(clinic: Clinic) -> None:
    old = await clinic.active()
    new = await clinic.proposed(supersedes=old)
    assert (await clinic.client.get(f"/v1/consents/{old}")).json["status"] == "active"
    await clinic.client.post(f"/v1/consents/{new}/signatures")
    shown = (await clinic.client.get(f"/v1/consents/{old}")).json
    assert (shown["status"], shown["superseded_by"]) == ("superseded", new)
    assert (await says(clinic, f"/v1/consents/{old}"))[-1] == ("consent-superseded", f"Consent {new} took its place.")
    told = [(str(c.consent_id), str(c.status)) for c in await changes(clinic)]
    assert told == [(old, "active"), (new, "active"), (old, "superseded")]
    measured = clinic.form(kind="measurement", supersedes=new)
    answer = await clinic.intake.post("/v1/consents", measured, want=422)
    assert answer.json["errors"][0]["pointer"] == "/supersedes"


async def reads(clinic: Clinic, person: Person, record_id: str) -> bool:
    """Whether the gate lets that person read a progress note, as the service that holds it would ask."""
    gate = clinic.world.notes_gate
    answer = await gate.disclose(
        DisclosureRequest(
            tenant=clinic.tenant,
            action=Action.READ,
            caller=Caller(token=person.token),
            request_id="",
            records=(RecordRef(record_id=record_id, client_id=clinic.client_id, record_type=RecordType.PROGRESS_NOTE),),
        )
    )
    return answer.decision == "permit"


async def test_one_recipient_is_withdrawn_and_only_that_one_flips(clinic: Clinic) -> None:
    """SAMHSA: revoke one party, keep the others. Enforced when it is answered."""
    await clinic.related()
    note_id = await clinic.note_of_marsh()
    provisions = [{"type": "permit", "actors": [sub]} for sub in ("sam.okoye", "ada.lind")]
    consent_id = await clinic.active(kind="disclosure", elements=AUTHORIZATION, policy={"base": "deny", "provisions": provisions})
    sam, ada = (clinic.rest.as_(sub, "therapist") for sub in ("sam.okoye", "ada.lind"))
    assert (await reads(clinic, sam, note_id), await reads(clinic, ada, note_id)) == (True, True)
    path = f"/v1/consents/{consent_id}/revocations"
    misspelt = await clinic.client.post(path, {"recipient": "sam.okoy"}, want=422)
    assert misspelt.json["errors"][0]["pointer"] == "/recipient"
    revoked = await clinic.client.post(path, {"recipient": "sam.okoye"}, want=200, Idempotency_Key="r")
    assert (revoked.json["status"], revoked.json["enforced"]) == ("active", True)
    assert revoked.json["revoked_recipients"] == ["sam.okoye"]
    assert (await reads(clinic, sam, note_id), await reads(clinic, ada, note_id)) == (False, True)
    again = await clinic.client.post(path, {"recipient": "sam.okoye"}, want=200, Idempotency_Key="r")
    assert again.json == revoked.json

    async def told() -> bool:
        return ("consent.v1", "consent.recipient-revoked") in clinic.sent()

    await until(told)
    assert (await says(clinic, f"/v1/consents/{consent_id}"))[-1][1].startswith("Withdrawn from sam.okoye alone")


async def test_a_minor_agrees_and_the_parent_signs(clinic: Clinic) -> None:
    await clinic.intake.post("/v1/representatives", clinic.parent())
    path = f"/v1/consents/{await clinic.proposed()}"
    agreed = await clinic.client.post(f"{path}/signatures")
    assert (agreed.json["status"], agreed.json["missing"]) == ("proposed", ["signature"])
    await clinic.rest.as_("uncle", "representative", client_id=clinic.client_id).post(f"{path}/signatures", want=404)
    assert (await clinic.ines.post(f"{path}/signatures")).json["status"] == "active"
    shown = (await clinic.client.get(path)).json
    assert (shown["given_by"], shown["signatures"][0]["assent"]) == ("representative", True)
    assert (await changes(clinic))[-1].consented_by == "representative"


async def test_a_service_that_a_minor_consented_to_alone(clinic: Clinic) -> None:
    await clinic.intake.post("/v1/representatives", clinic.parent())
    consent_id = await clinic.proposed(
        jurisdiction="US-CA",
        limits_explained=["child_abuse", "duty_to_protect"],
        minor_alone={"service": "outpatient_mental_health", "age": 14},
    )
    path = f"/v1/consents/{consent_id}"
    await clinic.ines.post(f"{path}/signatures", want=(403, 404))
    assert (await clinic.client.post(f"{path}/signatures")).json["status"] == "active"
    change = (await changes(clinic))[-1]
    assert isinstance(change, ConsentSet)
    assert (change.consented_by, change.confidential_from_representatives) == ("client", True)
    await clinic.ines.post(f"{path}/revocations", want=(403, 404))
    await clinic.ines.get(path, want=(403, 404))  # the gate shuts them out of the consent itself
    young = clinic.form(jurisdiction="US-CA", minor_alone={"service": "outpatient_mental_health", "age": 11})
    answer = await clinic.intake.post("/v1/consents", young, want=422)
    assert answer.json["errors"][0]["pointer"] == "/minor_alone/age"


async def test_coming_of_age_ends_the_proxy_and_calls_for_a_talk(clinic: Clinic) -> None:
    soon = clinic.world.parts.now() + timedelta(seconds=2)
    made = await clinic.intake.post("/v1/representatives", clinic.parent())
    assert made.json["end"].startswith("2030-05-01")
    clinic_two = clinic.world.clinic()
    ending = await clinic_two.intake.post(
        "/v1/representatives",
        clinic_two.parent(client_birth_date=None, period={"start": "2026-01-01", "end": soon.isoformat()}),
    )
    path = f"/v1/consents/{await clinic_two.proposed()}"
    await clinic_two.ines.post(f"{path}/signatures")

    async def ended() -> bool:
        await clinic_two.world.service.consequences.run_once()
        return bool((await clinic_two.client.get(f"/v1/representatives/{ending.id}")).json.get("ended_because"))

    await until(ended)
    other = await clinic_two.proposed()
    await clinic_two.ines.post(f"/v1/consents/{other}/signatures", want=(403, 404))
    assert (await clinic_two.client.post(f"/v1/consents/{other}/signatures")).json["status"] == "active"


async def test_lost_and_regained_capacity(clinic: Clinic) -> None:
    await clinic.related()
    proxy = clinic.parent(
        kind="healthcare_proxy", authority="power-of-attorney", client_birth_date=None, jurisdiction=None,
        only_without_capacity=True, may=["read", "sign", "revoke"],
    )  # fmt: skip
    made = await clinic.intake.post("/v1/representatives", proxy)
    assert made.json["status"] == "waiting"
    waits = (await changes(clinic))[-1]
    assert isinstance(waits, RepresentativeSet) and waits.end == waits.start, "it holds at no time"
    path = f"/v1/consents/{await clinic.proposed()}"
    await clinic.ines.post(f"{path}/signatures", want=404)
    await clinic.ines.get(path, want=404)
    lost = {"client_id": clinic.client_id, "has_capacity": False, "since": "2026-01-01T09:00:00Z", "basis": "canary-basis"}
    await clinic.client.post("/v1/capacities", lost, want=(403, 404))
    await clinic.marsh.post("/v1/capacities", lost)
    change = (await changes(clinic))[-1]
    assert isinstance(change, RepresentativeSet) and change.end is None
    assert "capacity" in (await clinic.client.post(f"{path}/signatures", want=409)).json["detail"]
    assert (await clinic.ines.post(f"{path}/signatures")).json["status"] == "active"
    await clinic.marsh.post("/v1/capacities", {**lost, "has_capacity": True, "since": "2026-01-02T09:00:00Z"})
    change = next(c for c in reversed(await changes(clinic)) if isinstance(c, RepresentativeSet))
    assert change.end is not None
    assert (await clinic.client.get(path)).json["reconsent"]["because"] == ["capacity"]
    await clinic.ines.post(f"{path}/revocations", want=(403, 404))
    found = (await clinic.client.get(f"/v1/capacities?client_id={clinic.client_id}")).json
    assert [f["basis"] for f in found["found"]] == ["canary-basis", "canary-basis"]
    assert [w for w, _ in await says(clinic, f"/v1/representatives/{made.id}")] == [
        "representative-appointed", "representative-took-effect", "representative-rested",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tail", "body", "pointer"),
    [
        ("explanations", {**TALK, "method": "guess"}, "/method"),
        ("explanations", {**TALK, "understood": "yes"}, "/understood"),
        ("explanations", {**TALK, "explained_on": "2026-02-30"}, "/explained_on"),
        ("reconsents", {"because": "majority"}, "/because"),
        ("refusals", {"reason": " "}, "/reason"),
        ("expirations", {}, "/occurred_on"),
        ("revocations", {"recipient": ""}, "/recipient"),
        ("signatures", {"signer": "friend"}, "/signer"),
    ],
)
async def test_bad_input_is_said_by_its_pointer(clinic: Clinic, tail: str, body: dict[str, Any], pointer: str) -> None:
    answer = await clinic.intake.post(f"/v1/consents/{await clinic.proposed()}/{tail}", body, want=422)
    assert [e["pointer"] for e in answer.json["errors"]] == [pointer]


async def test_intake_writes_down_whose_signature_it_saw(clinic: Clinic) -> None:
    await clinic.intake.post("/v1/representatives", clinic.parent())
    path, seen = f"/v1/consents/{await clinic.proposed()}", {"witness": "R. Ilves", "evidence": "paper form"}
    assert (await clinic.intake.post(f"{path}/signatures", seen)).json["status"] == "proposed"  # the minor's: assent
    other = f"/v1/consents/{await clinic.proposed()}"
    signed = await clinic.intake.post(f"{other}/signatures", {**seen, "signer": "representative"})
    assert signed.json["status"] == "active"
    assert (await clinic.intake.get(other)).json["given_by"] == "representative"


@pytest.mark.parametrize("kind", ["recording", "telehealth", "supervision", "research"])
async def test_each_arrangement_has_a_consent_of_its_own(clinic: Clinic, kind: str) -> None:
    """Withdrawing one leaves therapy's own consent alone."""
    therapy = await clinic.active()
    explained = {"explained_by": "Dr. Lena Marsh", "explained_on": "2026-01-01"}
    other = await clinic.active(kind=kind, elements=explained)
    revoked = await clinic.client.post(f"/v1/consents/{other}/revocations", want=200)
    assert (revoked.json["status"], revoked.json["enforced"]) == ("revoked", True)
    assert [(str(c.kind), str(c.status)) for c in await changes(clinic)] == [
        ("treatment", "active"), (kind, "active"), (kind, "revoked"),
    ]  # fmt: skip
    assert (await clinic.client.get(f"/v1/consents/{therapy}")).json["status"] == "active"
