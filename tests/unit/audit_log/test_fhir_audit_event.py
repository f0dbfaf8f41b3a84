"""Entries as AuditEvents: which events an entry is shown as, and that each keeps the rules of the profile that it claims."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.audit_log.balp.api.query import audit_search_of
from services.audit_log.balp.domain.audit_event import audit_events
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from shared.http.problems import Problem
from tests.support.ledger import CLIENT, entry
from tests.unit.audit_log.balp import BALP, breaches

ORIGIN = "log.example/practice/north"
NOTES = tuple(
    EntryRecord(f"00000000-0000-4000-8000-00000000000{n}", "progress_note", "progress_note", "permit", "consent")
    for n in range(3)
)
KINDS = {
    "read": entry(),
    "read of three": entry(records=NOTES),
    "create": entry(action="create"),
    "search": entry(action="search", records=NOTES),
    "search without records": entry(action="search", records=()),
    "update": entry(action="update"),
    "sign": entry(action="sign"),
    "answer by link": entry(action="answer", agent="link:1", agent_role="link", agent_name=""),
    "computed": entry(action="compute", agent="job:strain", agent_role="job", agent_name=""),
    "refused": entry(outcome="deny", reason="no-relationship", basis=()),
    "for a court": entry(purpose="HLEGAL"),
    "exported to an EHR": entry(action="export", agent="ehr-1", agent_role="ehr_system", agent_name="", records=()),
    "written by an EHR": entry(action="create", agent="ehr-1", agent_role="ehr_system", agent_name="General Hospital"),
    "query": entry(kind=EntryKind.QUERY, action="search-ledger", client_id=None, records=(), detail={"query": {"agent": "x"}}),
    "looked for a client": entry(action="lookup", client_id=None, records=(), basis=("rule:role.lookup",)),
    "own report": entry(kind=EntryKind.QUERY, action="access-report", records=(), basis=()),
    "query refused": entry(kind=EntryKind.QUERY, action="search-ledger", outcome="deny", client_id=None, records=()),
    "grant": entry(kind=EntryKind.GRANT, action="create", outcome="done", purpose="BTG", records=()),
    "release": entry(kind=EntryKind.RELEASE, action="update"),
    "policy": entry(kind=EntryKind.POLICY, action="update", outcome="done", records=(), purpose=None),
    "erased": entry(kind=EntryKind.ERASURE, action="reasons-erased", outcome="done", records=(), purpose=None),
    "erasure asked for": entry(kind=EntryKind.ERASURE, action="requested", outcome="done", records=()),
    "alarm": entry(kind=EntryKind.ALARM, action="receipt", outcome="done", client_id=None, records=(), request_id=""),
}
SHOWN = {
    "read": ["PatientRead", "AuthZconsent"],
    "read of three": ["PatientRead", "AuthZconsent"],
    "create": ["PatientCreate", "AuthZconsent"],
    "search": ["PatientQuery", "AuthZconsent"],
    "search without records": ["PatientQuery", "AuthZconsent"],
    "update": ["PatientUpdate", "AuthZconsent"],
    "sign": ["PatientUpdate", "AuthZconsent"],
    "answer by link": ["PatientUpdate", "AuthZconsent"],
    "computed": ["PatientRead", "AuthZconsent"],
    "refused": ["AuthZconsent"],
    "for a court": ["PatientRead", "PrivacyDisclosure.Source", "AuthZconsent"],
    "exported to an EHR": ["PatientRead", "PrivacyDisclosure.Source", "AuthZconsent"],
    "written by an EHR": ["PatientCreate", "PrivacyDisclosure.Recipient", "AuthZconsent"],
    "query": ["Query"],
    "looked for a client": ["Query"],
    "own report": ["PatientQuery"],
    "erased": ["PatientDelete"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_is_shown_by_the_profiles_that_fit_and_keeps_their_rules(kind: str) -> None:
    events = audit_events(17, KINDS[kind], ORIGIN)
    profiles = [p.removeprefix(BALP) for e in events for p in e["meta"].get("profile", [])]
    assert profiles == SHOWN.get(kind, [])
    assert [b for e in events for b in breaches(e)] == []
    assert len({e["id"] for e in events}) == len(events) and all(e["id"].startswith("17") for e in events)
    for event in events:
        assert event["outcome"] == ("8" if KINDS[kind].outcome == "deny" else "0")
        assert event["recorded"].endswith("Z") and event["source"]["site"] == ORIGIN


def test_the_checker_sees_each_breach() -> None:
    """What would be wrong is found to be wrong: the rules above are not asleep."""
    read, decision = audit_events(1, KINDS["read"], ORIGIN)
    source = audit_events(1, KINDS["for a court"], ORIGIN)[1]
    broken: list[tuple[dict[str, Any], str]] = [
        ({**read, "action": "C"}, "PatientRead: action"),
        ({**read, "outcome": "8"}, "PatientRead: success"),
        ({**read, "agent": read["agent"][1:]}, "PatientRead: client"),
        ({**read, "entity": read["entity"][1:]}, "PatientRead: patient"),
        ({**read, "entity": [read["entity"][0], read["entity"][2]]}, "PatientRead: data"),
        ({**decision, "entity": decision["entity"][:1]}, "AuthZconsent: consent"),
        ({**decision, "source": {"observer": {"display": "x"}}}, "AuthZconsent: authorizer"),
        ({**source, "source": {"observer": {"display": "x"}}}, "PrivacyDisclosure.Source: audit source"),
    ]
    for event, breach in broken:
        assert breach in breaches(event)


def test_no_word_of_a_reason_leaves_by_an_event() -> None:
    """A grant's reason is a sentence about a client: it stays in the ledger's payload."""
    grant = replace(KINDS["grant"], detail={"reason": "found unresponsive"})
    assert "unresponsive" not in str(audit_events(1, grant, ORIGIN))


def day(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("pairs", "since", "until"),
    [
        ([("date", "2026-03-02")], day(2026, 3, 2), day(2026, 3, 3)),
        ([("date", "2026-12")], day(2026, 12, 1), day(2027, 1, 1)),
        ([("date", "2026")], day(2026, 1, 1), day(2027, 1, 1)),
        ([("date", "ge2026-03-02"), ("date", "le2026-03-31")], day(2026, 3, 2), day(2026, 4, 1)),
        ([("date", "gt2026-03-02"), ("date", "lt2026-03-31")], day(2026, 3, 3), day(2026, 3, 31)),
        ([("date", "2026-03-02T08:00:00 01:00")], day(2026, 3, 2, 7), day(2026, 3, 2, 7, 0, 1)),
        ([("date", "2026-03-02T08:00Z")], day(2026, 3, 2, 8), day(2026, 3, 2, 8, 1)),
        ([("date", "le2026-03-02T08:00Z")], None, day(2026, 3, 2, 8, 1)),
        ([("date", "sa2026-03-02T08:00Z")], day(2026, 3, 2, 8, 1), None),
        ([("date", "2026-03-02T08:00:05.25Z")], day(2026, 3, 2, 8, 0, 5, 250_000), day(2026, 3, 2, 8, 0, 5, 260_000)),
        ([("date", "2026-03-02T08:00:05.000007Z")], day(2026, 3, 2, 8, 0, 5, 7), day(2026, 3, 2, 8, 0, 5, 8)),
    ],
)
def test_the_last_day_counts(pairs: list[tuple[str, str]], since: datetime | None, until: datetime | None) -> None:
    filters = audit_search_of(pairs, lenient=False).filters
    assert (filters.since, filters.until) == (since, until)


def test_each_parameter_narrows_the_search() -> None:
    record = "00000000-0000-4000-8000-000000000001"
    wanted = audit_search_of(
        [
            ("patient", f"Patient/{CLIENT}"),
            ("agent", "Practitioner/t-rivera"),
            ("entity", f"DocumentReference/{record}"),
            ("purpose", "http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT"),
            ("outcome", "8"),
            ("action", "R,E"),
            ("_id", "7,9-decision,x"),
            ("_count", "5"),
        ],
        lenient=False,
    )
    filters = wanted.filters
    assert (filters.client_id, filters.agent, filters.record_id) == (CLIENT, "t-rivera", record)
    assert (filters.purpose, filters.outcome, filters.indexes, wanted.count) == ("TREAT", "deny", (7, 9), 5)
    assert wanted.holds({"id": "9-decision", "action": "E", "outcome": "8"})
    assert not wanted.holds({"id": "9-decision", "action": "C", "outcome": "8"})
    assert not wanted.holds({"id": "8", "action": "E", "outcome": "8"})


@pytest.mark.parametrize(
    "pair",
    [
        ("subject", "x"),
        ("patient", "Patient/x"),
        ("date", "2026-13"),
        ("date", "ne2026"),
        ("date", "soon"),
        ("action", "X"),
        ("outcome", "1"),
        ("entity", "note"),
        ("purpose", "a b"),
        ("agent", ""),
        ("agent", "t-rivera,t-okafor"),
        ("date", "2026-03-02T08Z"),
        ("date", "2026-03-02T08:00"),
        ("_count", "0"),
        ("_count", "1000"),
    ],
)
def test_what_is_not_understood_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(Problem) as problem:
        audit_search_of([pair], lenient=False)
    assert problem.value.status == 400


def test_a_name_with_a_comma_is_one_name() -> None:
    assert audit_search_of([("agent", "Rivera\\, Ada")], lenient=False).filters.agent == "Rivera, Ada"


def test_twice_the_same_parameter_is_refused_and_unknown_ones_are_passed_over_if_asked_for() -> None:
    with pytest.raises(Problem):
        audit_search_of([("outcome", "0"), ("outcome", "8")], lenient=False)
    assert audit_search_of([("subject", "x")], lenient=True).filters == audit_search_of([], lenient=False).filters


def all_kinds() -> list[Entry]:
    return list(KINDS.values())
