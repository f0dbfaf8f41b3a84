"""A therapist finds their own notes by word, through the real gate; the words and the text rest nowhere."""

import asyncio

from shared.contracts.disclosure import Action
from shared.contracts.records import KeyClass
from shared.gate.port import Away
from tests.integration.session_notes.world import SOAP, Clinic


async def test_own_notes_of_both_kinds_are_found_and_nobody_elses(clinic: Clinic) -> None:
    await clinic.relate("sam.okoye")
    session = await clinic.session()
    progress = await clinic.progress(session, sections={**SOAP, "plan": "Return to the Weir together."})
    private = await clinic.private(session, text="The weir again, as in my own dream.")
    await clinic.progress(session)
    await clinic.progress(session, clinic.okoye, sections={**SOAP, "plan": "The weir, said to me."})
    found = (await clinic.marsh.post("/v1/notes/search", {"words": "WEIR"}, want=200)).json
    assert [(i["id"], i["kind"], i["sections"]) for i in found["items"]] == [
        (private, "psychotherapy", ["countertransference"]),
        (progress, "progress", ["plan"]),
    ]
    assert (found["searched"], found["next"]) == (3, None)
    assert "dream" not in str(found)
    none = await clinic.stranger.post("/v1/notes/search", {"words": "weir", "client_id": clinic.client_id}, want=200)
    assert none.json == {"items": [], "searched": 0, "next": None}


async def test_one_entry_a_client_however_many_notes(clinic: Clinic) -> None:
    session = await clinic.session()
    for _ in range(3):
        await clinic.progress(session)
    before = len(clinic.asked())
    found = await clinic.marsh.post("/v1/notes/search", {"words": "weekly", "client_id": clinic.client_id}, want=200)
    assert len(found.json["items"]) == 3
    assert len(found.entries) == 1
    (asked,) = clinic.asked()[before:]
    assert (asked.action, len(asked.records)) == (Action.SEARCH, 3)


async def test_an_erased_note_is_not_found(clinic: Clinic) -> None:
    session = await clinic.session()
    await clinic.progress(session)
    await clinic.erase(KeyClass.PROGRESS_NOTE)
    found = await clinic.marsh.post("/v1/notes/search", {"words": "weekly"}, want=200)
    assert (found.json["items"], found.json["searched"]) == ([], 0)


async def test_no_gate_is_no_search(clinic: Clinic) -> None:
    await clinic.progress(await clinic.session())
    clinic.world.line.cut = Away.LEDGER
    try:
        await clinic.marsh.post("/v1/notes/search", {"words": "weekly"}, want=503)
    finally:
        clinic.world.line.cut = None


async def test_what_is_no_search_is_refused_and_not_quoted(clinic: Clinic) -> None:
    for body in ({"words": "x"}, {"words": "..."}, {"words": "heron" * 50}, {}, {"words": "heron", "also": 1}):
        refused = await clinic.marsh.post("/v1/notes/search", body, want=422)
        assert "heron" not in str(refused.json)
    await clinic.marsh.post("/v1/notes/search?cursor=forged", {"words": "heron"}, want=422)


async def test_searches_beside_each_other_keep_apart(clinic: Clinic) -> None:
    session = await clinic.session()
    await clinic.progress(session, sections={**SOAP, "plan": "Otters."})
    words = ["otters", "weekly", "calm"] * 4
    answers = await asyncio.gather(*(clinic.marsh.post("/v1/notes/search", {"words": w}, want=200) for w in words))
    assert [len(a.json["items"]) for a in answers] == [1, 0, 1] * 4
