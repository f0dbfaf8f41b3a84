"""A search, a look-up and a miss tell what their caller may know, and leave as many entries whatever is withheld (ADR 0037);
what is hidden from a client stays hidden when payloads are gone."""

from typing import Any
from uuid import uuid4

from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import EntryKind
from shared.contracts.disclosure import Action, Caller, Decision, DisclosureAnswer, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType
from tests.integration.gate.gate_support import NOTES, World
from tests.integration.gate.test_fhir_audit_event import Fhir
from tests.integration.gate.test_reviews import call
from tests.support.ledger import entry

COLLEAGUE, AUTHOR = "t-okafor", "t-rivera"


async def search(world: World, who: str, *refs: RecordRef, **more: Any) -> DisclosureAnswer:
    subjects = () if refs or more else (world.client,)
    request = DisclosureRequest(
        tenant=world.tenant, action=more.pop("action", Action.SEARCH), caller=Caller(token=world.token(who, "therapist")),
        request_id="r", records=refs, subjects=subjects, **more,
    )  # fmt: skip
    return await world.service.direct_gate(NOTES).disclose(request)


async def told(world: World, answer: DisclosureAnswer) -> list[tuple[Any, ...]]:
    """What the entries of an answer say, but for when and where they stand."""
    entries = [(await world.service._ledger.entry(world.tenant, index)).entry for index in answer.entries]
    return [(e.action, e.outcome, e.reason, e.client_id, e.basis, [r.record_id for r in e.records]) for e in entries]


async def test_a_search_is_as_if_there_were_no_psychotherapy_note(world: World) -> None:
    await world.usual()
    nothing = await search(world, COLLEAGUE)
    note, _ = await world.note()
    alone = await search(world, COLLEAGUE, note)
    hidden = [(await world.note(kind="psychotherapy_note"))[0] for _ in range(3)]
    both = await search(world, COLLEAGUE, hidden[0], note, *hidden[1:])
    assert await told(world, both) == await told(world, alone)
    assert (both.records, both.decision, both.may_know) == (alone.records, alone.decision, alone.may_know)
    only = await search(world, COLLEAGUE, *hidden)
    assert await told(world, only) == await told(world, nothing)
    assert (only.records, only.decision, only.may_know) == (nothing.records, nothing.decision, nothing.may_know)


async def test_an_entry_is_about_psychotherapy_notes_or_about_the_rest(world: World) -> None:
    await world.usual()
    note, _ = await world.note()
    hidden, _ = await world.note(kind="psychotherapy_note")
    own = await search(world, AUTHOR, hidden, note)
    assert [records for *_, records in await told(world, own)] == [[hidden.record_id], [note.record_id]]


async def test_only_so_many_are_opened_as_are_wanted_and_a_count_leaves_no_entry(world: World) -> None:
    await world.usual()
    notes = [(await world.note())[0] for _ in range(3)]
    page = await search(world, COLLEAGUE, *notes, most=2)
    assert [k.record_id for k in page.keys] == [n.record_id for n in notes[:2]] == [r.record_id for r in page.records]
    assert [records for *_, records in await told(world, page)] == [[n.record_id for n in notes[:2]]]
    counted = await search(world, COLLEAGUE, *notes, most=0)
    assert (counted.keys, counted.entries) == ((), ())
    assert [r.decision for r in counted.records] == [Decision.PERMIT] * 3


async def test_a_lookup_leaves_as_many_entries_whomever_it_meets(world: World) -> None:
    await world.usual()
    intake, (one, two) = world.token("i-1", "intake"), (str(uuid4()), str(uuid4()))
    people = [RecordRef(record_id=c, client_id=c, record_type=RecordType.CLIENT) for c in (one, two)]
    for person in people:
        assert (await world.ask(intake, Action.CREATE, person)).keys
    met = [await search(world, "t-nobody", *people[:n], looked_up=True) for n in range(3)]
    assert [(len(m.entries), m.records, m.keys) for m in met] == [(1, (), ())] * 3
    said = [(await told(world, m))[0] for m in met]
    assert [(outcome, client, records) for _, outcome, _, client, _, records in said] == [
        ("permit", None, []), ("deny", one, [one]), ("deny", None, [one, two]),
    ]  # fmt: skip
    found = await world.ask(intake, Action.SEARCH, *people)
    assert len(found.entries) == 2


async def test_what_does_not_exist_leaves_the_entry_of_what_is_hidden(world: World) -> None:
    await world.usual()
    hidden, _ = await world.note(kind="psychotherapy_note")
    there = await world.ask(world.token(COLLEAGUE, "therapist"), Action.READ, hidden)
    missing = await search(world, COLLEAGUE, action=Action.READ, missing=True)
    assert len(there.entries) == len(missing.entries) == 1
    assert (missing.decision, missing.may_know) == (Decision.DENY, False)


async def test_a_psychotherapy_note_stays_hidden_when_its_payload_is_gone(world: World, site: str) -> None:
    await world.usual()
    note, _ = await world.note()
    hidden, _ = await world.note(kind="psychotherapy_note")
    await search(world, AUTHOR, hidden, note)
    ledger = world.service._ledger
    about = {s.index for s in await ledger.search(world.tenant, Filters(record_id=hidden.record_id))}
    everything = [s.index for s in await ledger.search(world.tenant, Filters(client_id=world.client), limit=200)]
    told_of = entry(kind=EntryKind.ERASURE, action="payloads-erased", outcome="done", client_id=None)
    assert await ledger.erase_payloads(world.tenant, everything, told_of)
    path = f"/v1/audit/clients/{world.client}/access-report?limit=200"
    _, report = await call(site, world.client_token(), "GET", path)
    shown = {item["index"] for item in report["items"]}
    fhir = Fhir(site, world.client_token())
    events = await fhir.events(f"patient=Patient/{world.client}&_count=200")
    shown |= {int(e["id"].partition("-")[0]) for e in events}
    assert about and shown and not shown & about
    for index in about:
        await fhir.get(f"/fhir/R4/AuditEvent/{index}", 404)
