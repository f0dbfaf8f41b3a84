"""Who I am, my clients, my sessions by day, and what waits for me: over HTTP, with the real gate."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.session_notes.working_day.application import clients as listing
from shared.contracts.consent_policy import ConsentKind, RelationshipRole
from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from shared.identity.roles import PURPOSES, Role
from tests.e2e.rest import Person
from tests.integration.session_notes.world import Clinic
from tests.support.waiting import until

TODAY = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


async def ids(who: Person, path: str) -> list[str]:
    return [item["id"] for item in (await who.get(path)).json["items"]]


async def another(clinic: Clinic, therapist: str = "lena.marsh") -> Clinic:
    """Another client of the same practice, in treatment."""
    made = await clinic.intake.post("/v1/clients", {"name": "Ada Ortiz", "birth_date": "1988-11-30"})
    other = replace(clinic, client_id=made.id)
    await other.relate(therapist)
    await other.consent(ConsentKind.TREATMENT)
    return other


def on(days_ago: int, **changes: Any) -> dict[str, Any]:
    start = TODAY - timedelta(days=days_ago)
    return {"started_at": start.isoformat(), "ended_at": (start + timedelta(minutes=50)).isoformat(), **changes}


def day(days_ago: int) -> date:
    return (TODAY - timedelta(days=days_ago)).date()


@pytest.mark.parametrize("role", [r for r in Role if r not in (Role.CLIENT, Role.REPRESENTATIVE)])
async def test_me(clinic: Clinic, role: Role) -> None:
    me = (await clinic.rest.as_("p-1", role).get("/v1/me")).json
    assert (me["sub"], me["role"], me["tenant"], me["client_id"]) == ("p-1", role, clinic.tenant, None)
    assert me["purposes"] == list(PURPOSES[role])
    await Person(clinic.rest, "p-1", "no token").get("/v1/me", want=401)


async def test_my_clients_are_those_whom_i_may_read_now(clinic: Clinic) -> None:
    mine, theirs = await another(clinic), await another(clinic, "sam.okoye")
    answer = await clinic.marsh.get("/v1/clients")
    assert [c["id"] for c in answer.json["items"]] == [mine.client_id, clinic.client_id]
    assert [c["name"] for c in answer.json["items"]] == ["Ada Ortiz", "Noor Haddad"]
    assert len(answer.entries) == 2, "one entry a client of the page"
    assert await ids(clinic.okoye, "/v1/clients") == [theirs.client_id]
    assert await ids(clinic.client, "/v1/clients") == [clinic.client_id]
    nobody = await clinic.stranger.get("/v1/clients")
    assert nobody.json == {"items": [], "next": None} and len(nobody.entries) == 1, "a look that found nobody has its entry"
    await clinic.relate("lena.marsh", end=datetime.now(UTC) - timedelta(days=1))
    assert set(await ids(clinic.intake, "/v1/clients")) == {clinic.client_id, mine.client_id, theirs.client_id}


async def test_pages_of_clients_have_an_entry_a_client_and_skip_nobody(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clients whom one may read lie far apart among those of others."""
    monkeypatch.setattr(listing, "MAX_RECORDS", 2)
    mine = [clinic]
    for n in range(7):
        made = await another(clinic, "sam.okoye" if n % 3 else "lena.marsh")
        mine += [] if n % 3 else [made]
    found: list[str] = []
    path = "/v1/clients?limit=2"
    while True:
        answer = await clinic.marsh.get(path)
        items = answer.json["items"]
        assert len(answer.entries) == len(items) <= 2
        found += [c["id"] for c in items]
        if answer.json["next"] is None:
            break
        path = f"/v1/clients?limit=2&cursor={answer.json['next']}"
    assert found == [c.client_id for c in reversed(mine)]


async def test_sessions_by_day_and_attendance(clinic: Clinic) -> None:
    sessions = {n: await clinic.session(**on(n)) for n in (9, 2, 0)}
    missed = await clinic.session(**on(1, attendance="no_show"))
    of_client = f"/v1/sessions?client_id={clinic.client_id}"
    assert await ids(clinic.marsh, f"{of_client}&attendance=no_show") == [missed]
    assert await ids(clinic.marsh, f"{of_client}&from={day(2)}&to={day(2)}") == [sessions[2]]
    assert await ids(clinic.marsh, f"{of_client}&from={day(9)}&to={day(1)}") == [missed, sessions[2], sessions[9]]
    begun = (TODAY - timedelta(days=2)).isoformat().replace("+00:00", "Z")
    assert await ids(clinic.marsh, f"{of_client}&to={begun}") == [sessions[9]], "an instant is not included, a day is"
    assert await ids(clinic.marsh, "/v1/sessions?therapist_id=me&attendance=attended&from=2020-01-01") == [
        sessions[0],
        sessions[2],
        sessions[9],
    ]
    answer = await clinic.marsh.get(f"{of_client}&from={day(2)}&to={day(2)}")
    assert len(answer.entries) == 1, "one entry a client and page, however many were compared"


async def test_my_sessions_are_mine_and_corrected_ones_are_found_by_their_new_facts(clinic: Clinic) -> None:
    other = await another(clinic)
    one, two = await clinic.session(**on(1)), await other.session(**on(0))
    await clinic.relate("sam.okoye")
    theirs = await clinic.session(clinic.okoye, **on(0, therapist_id="sam.okoye"))
    answer = await clinic.marsh.get("/v1/sessions?therapist_id=me")
    assert [s["id"] for s in answer.json["items"]] == [two, one] and len(answer.entries) == 2
    assert await ids(clinic.okoye, "/v1/sessions?therapist_id=me") == [theirs]
    body = other.session_body(**on(0, attendance="late_cancelled"))
    await clinic.marsh.put(f"/v1/sessions/{two}", body, If_Match='"1"')
    assert await ids(clinic.marsh, "/v1/sessions?therapist_id=me&attendance=late_cancelled") == [two]
    assert await ids(clinic.stranger, "/v1/sessions?therapist_id=me") == []


async def test_pages_of_filtered_sessions(clinic: Clinic) -> None:
    wanted = [await clinic.session(**on(n)) for n in (8, 6, 4)]
    await clinic.session(**on(5, attendance="cancelled"))
    for path in ("therapist_id=me", f"client_id={clinic.client_id}"):
        found: list[str] = []
        cursor = ""
        while True:
            url = f"/v1/sessions?{path}&attendance=attended&limit=1{cursor}"
            page = (await clinic.marsh.get(url)).json
            found += [s["id"] for s in page["items"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert found == wanted[::-1]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "?client_id"),
        ("client_id=7", "?client_id"),
        ("therapist_id=sam.okoye", "?therapist_id"),
        ("therapist_id=me&from=yesterday", "?from"),
        ("therapist_id=me&to=2026-02-30", "?to"),
        ("therapist_id=me&attendance=asleep", "?attendance"),
        ("therapist_id=me&modality=cbt", "?modality"),
        ("therapist_id=me&limit=0", "?limit"),
        ("therapist_id=me&from=2026-01-01&from=2026-01-02", "?from"),
    ],
)
async def test_a_list_refuses_what_it_does_not_know(clinic: Clinic, query: str, pointer: str) -> None:
    refused = await clinic.marsh.get(f"/v1/sessions?{query}", want=422)
    assert [e["pointer"] for e in refused.json["errors"]] == [pointer]


async def test_sessions_of_a_client_whom_one_may_not_know(clinic: Clinic) -> None:
    for client in (clinic.client_id, str(uuid4())):
        await clinic.stranger.get(f"/v1/sessions?client_id={client}&attendance=attended", want=404)


async def test_the_worklist(clinic: Clinic) -> None:
    bare, drafted, private, done = [await clinic.session(**on(n)) for n in (4, 3, 2, 1)]
    await clinic.session(**on(0, attendance="cancelled"))
    draft, hidden, signed = await clinic.progress(drafted), await clinic.private(private), await clinic.progress(done)
    await clinic.marsh.post(f"/v1/notes/{signed}/signatures")
    answer = await clinic.marsh.get("/v1/worklist")
    work = answer.json
    assert [n["id"] for n in work["unsigned"]] == [draft, hidden], "oldest first"
    assert [s["id"] for s in work["sessions_without_note"]] == [bare, private]
    assert work["sessions_without_note"][0]["started_at"] == on(4)["started_at"].replace("+00:00", "Z")
    assert (work["returned"], work["awaiting_cosignature"], work["prompts"], work["more"]) == ([], [], [], [])
    assert set(work["not_kept"]) == {"amendments_due", "risk_to_acknowledge"}
    assert all(work[name] == [] for name in work["not_kept"])
    assert len(answer.entries) == 2, "the client's, and one of psychotherapy notes alone"
    assert len([r for r in clinic.asked() if r.action is Action.SEARCH]) == 1
    assert "Slept better" not in answer.text
    empty = await clinic.okoye.get("/v1/worklist")
    assert all(not v for k, v in empty.json.items() if k != "not_kept") and empty.entries == []
    await clinic.marsh.post(f"/v1/notes/{draft}/entered-in-error", {"reason": "Another client's."})
    work = (await clinic.marsh.get("/v1/worklist")).json
    assert [n["id"] for n in work["unsigned"]] == [hidden]
    assert [s["id"] for s in work["sessions_without_note"]] == [bare, drafted, private], "its note does not stand any more"


async def test_a_trainees_note_waits_for_its_supervisor(clinic: Clinic) -> None:
    await clinic.relate("tia.novak", RelationshipRole.TRAINEE)
    await clinic.relate("sam.okoye", RelationshipRole.SUPERVISOR)
    trainee, boss = clinic.rest.as_("tia.novak", "trainee"), clinic.rest.as_("sam.okoye", "supervisor")
    note = await clinic.progress(await clinic.session(trainee, therapist_id="tia.novak"), trainee)
    own = await clinic.progress(await clinic.session())
    await clinic.marsh.post(f"/v1/notes/{own}/signatures")

    async def waiting(who: Person, queue: str) -> list[str]:
        return [n["id"] for n in (await who.get("/v1/worklist")).json[queue]]

    assert await waiting(boss, "awaiting_cosignature") == []
    await trainee.post(f"/v1/notes/{note}/signatures")
    assert await waiting(boss, "awaiting_cosignature") == await waiting(trainee, "awaiting_cosignature") == [note]
    assert await waiting(clinic.rest.as_("no.relation", "supervisor"), "awaiting_cosignature") == []
    await boss.post(f"/v1/notes/{note}/returns", {"reason": "Say more of the plan."})
    assert (await waiting(trainee, "returned"), await waiting(boss, "awaiting_cosignature")) == ([note], [])
    await trainee.post(f"/v1/notes/{note}/addenda", {"text": "Weekly, until summer."})
    assert (await waiting(trainee, "returned"), await waiting(boss, "awaiting_cosignature")) == ([], [note])
    await boss.post(f"/v1/notes/{note}/cosignatures")
    assert await waiting(boss, "awaiting_cosignature") == []


async def test_a_prompt_waits_until_the_next_session_and_one_that_says_nothing_never(clinic: Clinic) -> None:
    await clinic.session(**on(2))
    prompt = {"instrument": "wai-sr-t", "kind": "strain", "text": "Ask how it was.", "onset": 3}
    told = await clinic.prompt(prompt, at=datetime.now(UTC) + timedelta(seconds=1))
    await clinic.prompt(prompt | {"kind": "none", "text": ""}, at=datetime.now(UTC) + timedelta(seconds=2))

    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = (await clinic.marsh.get("/v1/worklist")).json["prompts"]
        return bool(found)

    await until(there)
    assert [(p["id"], p["client_id"]) for p in found] == [(str(told), clinic.client_id)] and "Ask how" not in str(found)


async def test_what_was_erased_waits_for_nobody(clinic: Clinic) -> None:
    await clinic.progress(await clinic.session(**on(1)))
    await clinic.session(**on(0))
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    work = (await clinic.marsh.get("/v1/worklist")).json
    assert (work["unsigned"], work["sessions_without_note"]) == ([], [])
    assert await ids(clinic.marsh, "/v1/sessions?therapist_id=me&attendance=attended") == []
    assert len(await ids(clinic.marsh, "/v1/sessions?therapist_id=me")) == 2
