"""What a client is told: who used their record, the accounting of disclosures, and what an agency may keep out of it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.service import clock
from tests.integration.audit_log.world import OTHER, Api, indexes
from tests.support.ledger import CLIENT, entry


async def test_a_client_reads_who_used_their_record(api: Api) -> None:
    note = EntryRecord("r-1", "psychotherapy_note", "psychotherapy_note", "permit", "author")
    forms = tuple(EntryRecord(f"a-{n}", "administration", "measures", "permit", "job") for n in range(2))
    await api.ledger.append(
        "north",
        [
            entry(0),
            entry(1, agent="t-osei", agent_name="Kwame Osei", outcome="deny", reason="no_relationship", purpose="BTG"),
            entry(2, agent="job:strain-detection", agent_name="", agent_role="job", action="compute", records=forms),
            entry(3, records=(note,)),
            entry(4, client_id=OTHER),
            entry(5, kind=EntryKind.ALARM, action="claim", records=()),
        ],
    )
    path = f"/v1/audit/clients/{CLIENT}/access-report"
    answer = await api.get(path, "client", client_id=CLIENT, sub="c-1")
    assert answer.body["client_id"] == CLIENT and indexes(answer) == [2, 1, 0]
    assert [item["what"] for item in answer.body["items"]] == [
        "The automatic task strain-detection computed from 2 questionnaires, for your treatment: computed, seen by nobody.",
        "Kwame Osei (therapist) tried to read a session note, under break-glass access, and was refused.",
        "Dr. Ada Rivera (therapist) read a session note, for your treatment.",
    ]
    assert [item["seen_by"] for item in answer.body["items"]] == ["nobody", "nobody", "them"]
    assert b"psychotherapy" not in answer.raw, "that such a note exists only its author may know"
    left = await api.newest()
    assert (left.action, left.reason, left.purpose, left.client_id) == ("access-report", "own_record", "PATRQT", CLIENT)
    again = (await api.get(path)).body["items"][0]["what"]
    assert again == "The client read the report of who used the client's record, at the client's own request."


def of_types(*records: tuple[str, str]) -> tuple[EntryRecord, ...]:
    return tuple(EntryRecord(str(uuid4()), t, t, decision, "r") for t, decision in records)


async def reported(api: Api, entries: list[Any]) -> list[tuple[str, str, str]]:
    """What the client's own report says of these entries, newest first."""
    first = (await api.ledger.append("north", entries))[0]
    answer = await api.get(f"/v1/audit/clients/{CLIENT}/access-report?limit=200", "client", client_id=CLIENT, sub="c-1")
    lines = [i for i in answer.body["items"] if first <= i["index"] < first + len(entries)]
    return [(i["action"], i["outcome"], i["what"]) for i in lines]


async def test_psychotherapy_notes_cannot_be_counted_in_a_clients_report(api: Api) -> None:
    """Written, read, refused, searched alone and among others: the report is as if there were none."""
    note, progress = ("psychotherapy_note", "permit"), ("progress_note", "permit")
    refused = ("psychotherapy_note", "deny")
    with_them = [
        entry(0, action="create", records=of_types(progress)),
        entry(1, action="create", records=of_types(note)),
        entry(2, action="update", records=of_types(note)),
        entry(3, agent="t-osei", agent_name="Kwame Osei", outcome="deny", records=of_types(refused)),
        entry(4, action="search", records=of_types(note, note)),
        # one search, entered as the gate does it: psychotherapy notes in an entry of their own (ADR 0037)
        entry(5, action="search", records=of_types(progress)),
        entry(5, action="search", records=of_types(note, note)),
        # somebody who may see the psychotherapy note alone: of the rest they were refused
        entry(6, action="search", records=of_types(note)),
        entry(6, action="search", outcome="deny", records=of_types(("progress_note", "deny"))),
        entry(7, action="search", records=()),
    ]
    without = [
        entry(0, action="create", records=of_types(progress)),
        entry(5, action="search", records=of_types(progress)),
        entry(6, action="search", outcome="deny", records=of_types(("progress_note", "deny"))),
        entry(7, action="search", records=()),
    ]
    assert await reported(api, with_them) == await reported(api, without)
    pages, query = 0, "limit=1"
    while True:
        answer = await api.get(f"/v1/audit/clients/{CLIENT}/access-report?{query}", "client", client_id=CLIENT, sub="c-1")
        pages += answer.body["items"][0]["action"] in ("create", "search")
        assert len(answer.body["items"]) == 1
        if answer.body["next"] is None:
            break
        query = f"limit=1&cursor={answer.body['next']}"
    assert pages == 8, "no page is short, no page is empty"
    officers = await api.get(f"/v1/audit/clients/{CLIENT}/access-report?limit=200")
    assert len([i for i in officers.body["items"] if i["action"] in ("create", "search", "update", "read")]) == 14


async def test_a_client_reads_nobody_else_s(api: Api) -> None:
    answer = await api.get(f"/v1/audit/clients/{OTHER}/access-report", "client", client_id=CLIENT)
    assert answer.status == 404
    assert ((await api.newest()).reason, (await api.newest()).client_id) == ("other_client", None)
    assert (await api.get("/v1/audit/entries", "client", client_id=CLIENT)).status == 403
    assert (await api.get("/v1/audit/clients/no-uuid/access-report")).status == 422


async def test_the_accounting_holds_disclosures_outside_treatment_payment_and_operations(api: Api) -> None:
    now = clock.now()
    await api.ledger.append(
        "north",
        [
            *(entry(n, purpose=p) for n, p in enumerate(["TREAT", "HPAYMT", "HOPERAT", "BTG", "PATRQT", None])),
            entry(6, purpose="THREAT", at=now, detail={"recipient": "Crisis line North"}),
            entry(7, purpose="HLEGAL", action="export", at=now),
            entry(8, purpose="PUBHLTH", at=now, client_id=OTHER),
            entry(9, purpose="THREAT", outcome="deny"),
            entry(10, purpose="THREAT", action="create"),
            entry(11, purpose="HRESCH", at=now - timedelta(days=6 * 366 + 40)),
            entry(12, purpose="NEWCODE", at=now),
        ],
    )
    answer = await api.get(f"/v1/audit/clients/{CLIENT}/accounting-of-disclosures")
    assert indexes(answer) == [12, 7, 6]
    assert answer.body["items"][2] == {
        "index": 6,
        "date": answer.body["items"][2]["date"],
        "recipient": {"name": "Crisis line North", "address": None},
        "description": "a session note",
        "purpose": "THREAT",
        "disclosed_by": {"sub": "t-rivera", "name": "Dr. Ada Rivera", "role": "therapist"},
        "basis": ["rule:consent", "consent:c-1"],
    }
    assert (await api.get(f"/v1/audit/clients/{CLIENT}/accounting-of-disclosures", "client", client_id=CLIENT)).status == 403


async def test_164_528_a_2_a_suspension_hides_and_its_end_restores(api: Api) -> None:
    """An agency's request hides the disclosures it names from the accounting and from the client's own report, with itself;
    when its time is over they stand there again."""
    purposes = ("THREAT", "HLEGAL", "TREAT")
    await api.ledger.append("north", [entry(n, purpose=p, at=clock.now()) for n, p in enumerate(purposes)])
    accounting, path = (f"/v1/audit/clients/{CLIENT}/accounting-{of}" for of in ("of-disclosures", "suspensions"))
    report = f"/v1/audit/clients/{CLIENT}/access-report"
    assert indexes(await api.get(accounting)) == [1, 0]
    ends = clock.now() + timedelta(seconds=3)
    body: dict[str, Any] = {
        "agency": "State oversight board",
        "statement": "It would impede an audit under way.",
        "form": "written",
    }
    body |= {"until": ends.isoformat(), "entries": [1]}
    made = await api.post(path, body)
    assert (made.status, made.body["entries"]) == (201, [1])
    assert indexes(await api.get(accounting)) == [0]
    shown = indexes(await api.get(report, "client", client_id=CLIENT))
    assert {0, 2} <= set(shown) and not {1, int(made.headers["Audit-Entry"])} & set(shown)
    assert 1 in indexes(await api.get(f"/v1/audit/entries?client_id={CLIENT}"))
    while clock.now() < ends:
        await asyncio.sleep(0.1)
    assert indexes(await api.get(accounting)) == [1, 0]
    assert {1, 0, 2} <= set(indexes(await api.get(report, "client", client_id=CLIENT)))


async def test_164_528_a_2_none_in_force_is_forgotten(api: Api) -> None:
    """However many suspensions came after it."""
    await api.ledger.append("north", [entry(0, purpose="HLEGAL", at=clock.now()), entry(1, purpose="HLEGAL", at=clock.now())])

    def suspension(index: int, ends: datetime) -> Entry:
        query = {"until": ends.isoformat(), "entries": [index]}
        return entry(kind=EntryKind.QUERY, action="suspend-accounting", records=(), basis=(), detail={"query": query})

    await api.ledger.append("north", [suspension(0, clock.now() + timedelta(days=1))])
    await api.ledger.append("north", [suspension(1, clock.now() - timedelta(days=1)) for _ in range(201)])
    assert indexes(await api.get(f"/v1/audit/clients/{CLIENT}/accounting-of-disclosures")) == [1]


async def test_164_528_a_2_what_cannot_be_suspended(api: Api) -> None:
    ours = [entry(0, purpose="THREAT"), entry(1, purpose="TREAT"), entry(2, purpose="THREAT", client_id=OTHER)]
    await api.ledger.append("north", ours)
    path = f"/v1/audit/clients/{CLIENT}/accounting-suspensions"
    days = {n: (clock.now() + timedelta(days=n)).isoformat() for n in (-1, 29, 31)}
    body = {"agency": "Board", "statement": "It would impede an audit.", "form": "oral", "until": days[29], "entries": [0]}
    for wrong, pointer in (
        ({"until": days[31]}, "/until"),
        ({"until": days[-1]}, "/until"),
        ({"entries": [1]}, "/entries/0"),
        ({"entries": [0, 2]}, "/entries/1"),
        ({"entries": [99]}, "/entries/0"),
        ({"entries": []}, "/entries"),
        ({"statement": ""}, "/statement"),
    ):
        answer = await api.post(path, body | wrong)
        assert (answer.status, [e["pointer"] for e in answer.body["errors"]]) == (422, [pointer]), wrong
    assert (await api.post(path, body, "therapist")).status == 403
    assert (await api.post(path, body | {"form": "written", "until": days[31]})).status == 201


async def test_oral_suspensions_count_from_the_first_of_them(api: Api) -> None:
    """Whoever asks again and again by word of mouth would leave a disclosure out for ever."""
    await api.ledger.append("north", [entry(0, purpose="THREAT"), entry(1, purpose="THREAT")])
    until = (clock.now() + timedelta(days=29)).isoformat()
    first = {"agency": "Board", "statement": "It would impede an audit.", "form": "oral", "until": until, "entries": [0]}
    long_ago = entry(
        2,
        at=clock.now() - timedelta(days=20),
        kind=EntryKind.QUERY,
        action="suspend-accounting",
        outcome="permit",
        records=(),
        basis=(),
        detail={"query": first},
    )
    await api.ledger.append("north", [long_ago])
    path = f"/v1/audit/clients/{CLIENT}/accounting-suspensions"
    again = await api.post(path, first | {"entries": [0, 1]})
    assert (again.status, [e["pointer"] for e in again.body["errors"]]) == (422, ["/until"])
    assert (await api.post(path, first | {"until": (clock.now() + timedelta(days=9)).isoformat()})).status == 201
    assert (await api.post(path, first | {"entries": [1]})).status == 201
    assert (await api.post(path, first | {"form": "written"})).status == 201
