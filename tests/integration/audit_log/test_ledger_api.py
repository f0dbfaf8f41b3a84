"""The ledger's pages over HTTP: who may look, what they find, and the entry that every look leaves."""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import orjson
import pytest

from services.audit_log.ledger.adapters.ledger import PostgresLedger
from services.audit_log.ledger.api.accounting_suspensions import suspensions_router
from services.audit_log.ledger.api.ledger import ledger_router
from services.audit_log.ledger.api.tlog import tlog_router
from services.audit_log.ledger.application.ledger_view import Filters
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.tlog_proof import verify_proof
from services.audit_log.reports.adapters.worker_process import Disk, WorkerProcesses
from shared.http.app import create_app
from shared.http.cursor import Cursors
from shared.identity.development import AUDIENCE, ISSUER, DevelopmentIssuer
from shared.identity.tokens import StaticKeys, TokenVerifier
from shared.service import clock
from tests.support.http import serving
from tests.support.ledger import CLIENT, entry, open_ledger, signed
from tests.support.postgres import MakeDatabase

OTHER = "22222222-2222-4222-8222-222222222222"
ANY = Filters()
DAY = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)


@dataclass
class Api:
    ledger: PostgresLedger
    base_url: str
    session: aiohttp.ClientSession
    issuer: DevelopmentIssuer

    async def get(self, path: str, role: str | None = "compliance_officer", **other: str) -> Answer:
        headers = {k.replace("_", "-"): v for k, v in other.items() if k not in ("client_id", "tenant", "sub")}
        if role is not None:
            claims = {"sub": other.get("sub", f"{role}-1"), "name": "Imani Brook", "tenant": other.get("tenant", "north")}
            claims |= {"role": role} | ({"client_id": other["client_id"]} if "client_id" in other else {})
            headers["Authorization"] = f"Bearer {self.issuer.token(claims)}"
        async with self.session.get(self.base_url + path, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def post(self, path: str, body: Any, role: str = "compliance_officer") -> Answer:
        claims = {"sub": f"{role}-1", "name": "Imani Brook", "tenant": "north", "role": role}
        headers = {"Authorization": f"Bearer {self.issuer.token(claims)}"}
        async with self.session.post(self.base_url + path, json=body, headers=headers) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def newest(self) -> Any:
        return (await self.ledger.search("north", ANY, limit=1))[0].entry


@pytest.fixture
async def api(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[Api]:
    urls = await make_database("audit_log")
    issuer = DevelopmentIssuer(bytes(32), clock=clock.seconds, new_id=uuid4)
    tokens = TokenVerifier(StaticKeys(issuer.jwks()), issuer=ISSUER, audience=AUDIENCE, clock=clock.seconds)
    async with open_ledger(urls, tmp_path) as ledger:
        app = create_app("audit_log", "", new_id=uuid4, checks={"ledger": ledger.ready})
        reports = WorkerProcesses(urls.app, tmp_path, ledger.log_vkeys, Disk(tmp_path, 1 << 24))
        app.include_router(ledger_router(ledger, reports, tokens, Cursors(bytes(32)), clock.now))
        app.include_router(suspensions_router(ledger, tokens, clock.now))
        app.include_router(tlog_router(ledger, tokens, clock.now))
        async with serving(app) as base_url, aiohttp.ClientSession() as session:
            yield Api(ledger, base_url, session, issuer)


async def days(api: Api) -> None:
    """Entries 0 to 5: one a day at noon from 10 to 15 March."""
    await api.ledger.append("north", [entry(n, at=DAY + timedelta(days=n)) for n in range(6)])


def indexes(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.raw
    return [item["index"] for item in answer.body["items"]]


async def test_an_entry_has_the_names_of_the_contract(api: Api) -> None:
    await api.ledger.append("north", [entry(1, at=DAY, detail={"grant": "g-1"})])
    answer = await api.get("/v1/audit/entries/0")
    assert answer.body == {
        "index": 0,
        "at": "2026-03-10T12:00:00.000000Z",
        "kind": "disclosure",
        "action": "read",
        "outcome": "permit",
        "reason": "consent",
        "agent": {"sub": "t-rivera", "name": "Dr. Ada Rivera", "role": "therapist", "service": "session_notes"},
        "purpose": {"code": "TREAT", "defaulted": True},
        "client_id": CLIENT,
        "records": [
            {"record_id": "record-1", "record_type": "progress_note", "key_class": "progress_note"}
            | {"decision": "permit", "reason": "consent"}
        ],
        "basis": ["rule:consent", "consent:c-1"],
        "request_id": "request-1",
        "policy_sequence": 4,
        "detail": {"grant": "g-1"},
        "erased": False,
    }
    assert answer.headers["Audit-Entry"] == "1"


async def test_every_look_leaves_an_entry(api: Api) -> None:
    await api.ledger.append("north", [entry(1)])
    await signed(api.ledger, "north", 0)
    looks = {
        "/v1/audit/entries?client_id=" + CLIENT: ("search-ledger", 1),
        "/v1/audit/entries/0": ("view-entry", 1),
        "/v1/audit/entries/0/proof": ("prove-entry", 1),
        "/v1/audit/entries/77": ("view-entry", 0),
        f"/v1/audit/clients/{CLIENT}/access-report": ("access-report", None),
        f"/v1/audit/clients/{CLIENT}/accounting-of-disclosures": ("accounting-of-disclosures", 0),
        "/v1/audit/alarms": ("view-alarms", 0),
        "/v1/audit/verification": ("verify-ledger", None),
    }
    for number, (path, (action, rows)) in zip(count(1), looks.items(), strict=False):
        answer = await api.get(path, X_Request_Id=f"look-{number}", X_Purpose_Of_Use="HLEGAL")
        assert answer.headers.get("Audit-Entry") == (None if answer.status == 404 else str(number)), path
        left = await api.newest()
        assert (left.kind, left.action, left.outcome) == (EntryKind.QUERY, action, "permit")
        assert (left.agent, left.agent_role, left.request_id) == ("compliance_officer-1", "compliance_officer", f"look-{number}")
        assert (left.purpose, left.purpose_defaulted) == ("HLEGAL", False)
        assert rows is None or left.detail["rows"] == rows
    assert (await api.ledger.entry("north", 1)).entry.detail["query"] == {"client_id": CLIENT}


async def test_others_are_refused_and_that_is_recorded(api: Api) -> None:
    reports = [f"clients/{CLIENT}/access-report", f"clients/{CLIENT}/accounting-of-disclosures"]
    number = count()
    for path in ["entries", "entries/0", "entries/0/proof", "alarms", "verification", *reports]:
        for role in ("therapist", "supervisor", "administrator", "intake", "ehr_system", "representative"):
            answer = await api.get(f"/v1/audit/{path}", role)
            assert (answer.status, answer.headers["Audit-Entry"]) == (403, str(next(number))), (role, path)
            left = await api.newest()
            assert (left.kind, left.outcome, left.agent_role) == (EntryKind.QUERY, "deny", role)


async def test_without_a_token_401_and_a_purpose_of_another_role_403(api: Api) -> None:
    assert (await api.get("/v1/audit/entries", None)).status == 401
    assert (await api.get("/v1/audit/entries", X_Purpose_Of_Use="TREAT")).status == 403
    assert (await api.newest()).reason == "purpose"


SPANS = [
    ("from=2026-03-12&to=2026-03-13", [3, 2]),
    ("to=2026-03-10", [0]),
    ("to=2026-03-09", []),
    ("from=2026-03-15", [5]),
    ("from=2026-03-12T12:00:00Z&to=2026-03-13T12:00:00Z", [3, 2]),
    ("from=2026-03-12T12:00:01Z&to=2026-03-13T11:59:59Z", []),
    ("from=2026-03-12T14:00:00%2B02:00&to=2026-03-12T14:00:00+02:00", [2]),
]


async def test_the_to_date_includes_its_day(api: Api) -> None:
    await days(api)
    for query, found in SPANS:
        assert indexes(await api.get(f"/v1/audit/entries?kind=disclosure&{query}")) == found, query


async def test_search_by_each_filter(api: Api) -> None:
    await api.ledger.append(
        "north",
        [
            entry(0),
            entry(1, client_id=OTHER, agent="t-osei", agent_name="Kwame Osei", outcome="deny", purpose="BTG"),
            entry(2, action="create", records=()),
            entry(3, kind=EntryKind.ALARM, action="forged-message", client_id=None, records=(), agent="service:audit_log"),
        ],
    )
    for query, found in {
        f"client_id={OTHER}": [1],
        f"client_id={OTHER.upper()}": [1],
        "agent=t-osei": [1],
        "agent=" + quote("kwame osei"): [1],
        "agent=nobody": [],
        "action=create": [2],
        "outcome=deny": [1],
        "purpose=BTG": [1],
        "record_id=record-0": [0],
        "kind=alarm": [3],
        "kind=disclosure&outcome=permit": [2, 0],
        "kind=disclosure&record_id=record-1&outcome=permit": [],
    }.items():
        assert indexes(await api.get(f"/v1/audit/entries?{query}")) == found, query
    assert indexes(await api.get("/v1/audit/alarms")) == [3]


BAD = [
    ("from=yesterday", ["?from"]),
    ("to=2026-02-30", ["?to"]),
    ("to=9999-12-31", ["?to"]),
    ("from=2026-03-01T10:00:00", ["?from"]),
    ("from=20260301", ["?from"]),
    ("from=2026-03-02&to=2026-03-01", ["?to"]),
    ("from=2026-03-02&from=2026-03-01", ["?from"]),
    ("client_id=7&kind=everything&outcome=maybe", ["?client_id", "?kind", "?outcome"]),
    ("agnet=t-osei", ["?agnet"]),
    ("purpose=%27%20or%201=1", ["?purpose"]),
    ("agent=" + "x" * 201, ["?agent"]),
    ("agent=%00", ["?agent"]),
    ("action=&action=read", ["?action"]),
]


async def test_bad_queries_are_422_with_every_fault(api: Api) -> None:
    for query, pointers in BAD:
        answer = await api.get(f"/v1/audit/entries?{query}")
        assert answer.status == 422, query
        assert sorted(e["pointer"] for e in answer.body["errors"]) == pointers
    for query in ("limit=0", "limit=201", "limit=x", "cursor=AAAA"):
        assert (await api.get(f"/v1/audit/entries?{query}")).status == 422, query


async def test_pages_follow_one_another_and_are_bound_to_their_query(api: Api) -> None:
    await days(api)
    first = await api.get("/v1/audit/entries?kind=disclosure&limit=4")
    assert indexes(first) == [5, 4, 3, 2]
    following = f"limit=4&cursor={first.body['next']}"
    second = await api.get(f"/v1/audit/entries?kind=disclosure&{following}")
    assert indexes(second) == [1, 0] and second.body["next"] is None
    for stranger in (f"/v1/audit/entries?kind=query&{following}", f"/v1/audit/alarms?{following}"):
        assert (await api.get(stranger)).status == 422
    assert (await api.get(f"/v1/audit/entries?kind=disclosure&{following}", sub="another")).status == 422


async def test_an_index_is_a_whole_number(api: Api) -> None:
    for index in ("-1", "x", "1.0", "9" * 30, "٣"):
        assert (await api.get(f"/v1/audit/entries/{index}")).status == 404
        assert (await api.get(f"/v1/audit/entries/{index}/proof")).status == 404


async def test_a_stranger_verifies_the_proof_and_the_commitment(api: Api) -> None:
    await api.ledger.append("north", [entry(n) for n in range(5)])
    await signed(api.ledger, "north", 4)
    verifier = parse_vkey((await api.get("/log/north/vkey")).raw.decode().strip())
    answer = await api.get("/v1/audit/entries/3/proof", Accept="application/json")
    proved = answer.body
    salt, payload = b64decode(proved["salt"]), proved["payload"].encode()
    leaf = orjson.loads(b64decode(proved["leaf"]))
    assert b64decode(leaf["commitment"]) == hmac.digest(salt, payload, "sha256")
    assert b64decode(proved["leaf"]) == commit(salt, payload)
    assert verify_proof(proved["proof"].encode(), b64decode(proved["leaf"]), verifier).size >= 5
    assert orjson.loads(payload)["request_id"] == "request-3" and proved["vkey"] == verifier.vkey
    text = await api.get("/v1/audit/entries/3/proof")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.raw.startswith(b"c2sp.org/tlog-proof@v1\n") and b"salt" not in text.raw
    verify_proof(text.raw, b64decode(proved["leaf"]), verifier)


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


async def test_verification_says_what_it_checked(api: Api) -> None:
    await api.ledger.append("north", [entry(n) for n in range(5)])
    await signed(api.ledger, "north", 4)
    body = (await api.get("/v1/audit/verification")).body
    assert (body["ok"], body["finding"], body["index"], body["refused"], body["recorded"]) == (True, None, None, None, True)
    assert body["entries"] >= body["signed"] >= 5 and body["tenant"] == "north"
    assert body["checkpoint"].startswith("log.example/practice/north\n") and body["vkey"].startswith(
        "log.example/practice/north+"
    )


async def test_a_refused_log_is_reported_all_the_same(api: Api) -> None:
    await api.ledger.append("north", [entry()])
    await signed(api.ledger, "north", 0)
    assert api.ledger._logs is not None
    api.ledger._logs.refused["north"] = "its anchor is missing"
    answer = await api.get("/v1/audit/verification")
    assert (answer.status, answer.body["refused"], answer.body["recorded"]) == (200, "its anchor is missing", False)
    searched = await api.get("/v1/audit/entries")
    assert searched.status == 503 and "its anchor is missing" in searched.body["detail"]
    ready = await api.get("/health/ready", None)
    assert (ready.status, ready.body["parts"]) == (200, {"ledger": True}), "the other tenants are served"


async def test_the_tree_is_served_as_c2sp_says(api: Api) -> None:
    assert (await api.get("/log/north/checkpoint")).status == 404
    await api.ledger.append("north", [entry(n) for n in range(260)])
    await signed(api.ledger, "north", 259)
    checkpoint = await api.get("/log/north/checkpoint")
    assert checkpoint.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert checkpoint.raw.startswith(b"log.example/practice/north\n260\n")
    for path, size in {
        "tile/0/000": 8192,
        "tile/0/001.p/4": 128,
        "tile/0/001.p/3": 96,
        "tile/1/000.p/1": 32,
        "tile/0/000.p/9": 288,
    }.items():
        tile = await api.get(f"/log/north/{path}")
        assert (tile.status, tile.headers["Content-Type"], len(tile.raw)) == (200, "application/octet-stream", size), path
        assert "immutable" in tile.headers["Cache-Control"]
    bundle = await api.get("/log/north/tile/entries/001.p/4")
    assert (bundle.status, bundle.headers["Content-Type"]) == (200, "application/octet-stream")
    assert bundle.raw[:2] == len(commit(bytes(32), b"")).to_bytes(2, "big")
    for path in ("tile/0/001", "tile/0/001.p/5", "tile/0/002.p/1", "tile/1/000.p/2", "tile/2/000.p/1", "tile/0/1", "tile/00/000"):
        assert (await api.get(f"/log/north/{path}")).status == 404, path
    for path in ("tile/entries/001", "tile/entries/001.p/5", "tile/entries/x"):
        assert (await api.get(f"/log/north/{path}")).status == 404, path
    assert (await api.newest()).kind is EntryKind.DISCLOSURE, "reading hashes makes no entry"


async def test_the_tree_is_for_officers_of_its_tenant(api: Api) -> None:
    for path in ("vkey", "checkpoint", "tile/0/000", "tile/entries/000"):
        assert (await api.get(f"/log/north/{path}", None)).status == 401
        assert (await api.get(f"/log/north/{path}", "therapist")).status == 403
        assert (await api.get(f"/log/north/{path}", tenant="south")).status == 404


async def test_an_entry_says_that_its_payload_was_erased(api: Api) -> None:
    await api.ledger.append("north", [entry(0)])
    await api.ledger.erase_payloads("north", [0], entry(kind=EntryKind.ERASURE, action="erase", outcome="done", records=()))
    body = (await api.get("/v1/audit/entries/0")).body
    assert (body["erased"], body["agent"]["name"], body["records"], body["client_id"]) == (True, "", [], CLIENT)
    await signed(api.ledger, "north", 2)
    proved = (await api.get("/v1/audit/entries/0/proof", Accept="application/json")).body
    assert proved["salt"] is None and proved["payload"] is None and proved["proof"]
