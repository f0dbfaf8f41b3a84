"""The ledger's pages over HTTP: who may look, what they find, and the entry that every look leaves."""

import hmac
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import quote

import orjson

from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.leaf import commit
from services.audit_log.ledger.domain.signed_note import parse_vkey
from services.audit_log.ledger.domain.tlog_proof import verify_proof
from tests.integration.audit_log.world import OTHER, Api, indexes
from tests.support.ledger import CLIENT, entry, signed

DAY = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


async def days(api: Api) -> None:
    """Entries 0 to 5: one a day at noon from 10 to 15 March."""
    await api.ledger.append("north", [entry(n, at=DAY + timedelta(days=n)) for n in range(6)])


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
