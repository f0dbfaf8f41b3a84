"""An entry of every kind and action, with what an officer, its client and a report say of it.

`what_entries_say.txt` is the table, to be read by a person. `WHAT_ENTRIES_SAY=write` writes it anew; each changed line is then
read as what it is: a statement about what somebody did.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.audit_log.ledger.domain.accounting import accountable
from services.audit_log.ledger.domain.entry import Entry, EntryKind, EntryRecord
from services.audit_log.ledger.domain.entry_actions import DONE, ENTERED, ENTRY_ACTIONS, ERASING, LOOKED
from services.audit_log.ledger.domain.sentences import BREAK_GLASS, Audience, sentence, why_heading
from services.audit_log.ledger.domain.words import ALARMS, GRANTS, POLICIES, PURPOSES, REFUSED_POLICIES, THINGS, VERBS
from shared.contracts.codes import GATE_ACTIONS
from shared.contracts.consent_policy import ConsentStatus
from shared.contracts.disclosure import UNKNOWN_CLIENT
from shared.contracts.records import RecordType
from shared.identity.roles import CLAIMABLE
from tests.support.ledger import CLIENT, entry

TABLE = Path(__file__).with_name("what_entries_say.txt")
RECIPIENT = "Crisis line North"
Words = dict[str, Any]
OFFICER: Words = {"agent": "co-weiss", "agent_name": "Imani Weiss", "agent_role": "compliance_officer", "purpose": "HCOMPL"}
GATE: Words = {"agent": "service:audit_log", "agent_name": "", "agent_role": "service", "purpose": None}
CONSENT: Words = {"agent": "service:consent", "agent_name": "", "agent_role": "service", "purpose": None}
ADMINISTRATOR: Words = {"agent": "adm-1", "agent_name": "Noor Haddad", "agent_role": "administrator", "purpose": None}
THE_CLIENT: Words = {"agent": "u-1", "agent_name": "", "agent_role": "client", "purpose": "PATRQT"}
NOBODY: Words = {"agent": "unverified", "agent_name": "", "agent_role": "person", "purpose": None}
CLAIMED = {"claim-differs", "job-row", "record-bound-already", "record-not-bound", "service-not-of-class", "service-owns-nothing"}
OPERATOR: Words = {"agent": "ops-1", "agent_name": "", "agent_role": "operator", "purpose": None}


def record(record_type: str = "progress_note", decision: str = "permit") -> EntryRecord:
    return EntryRecord(f"{record_type}-1", record_type, "progress_note", decision, "consent")


def other(kind: EntryKind, action: str, outcome: str = "done", **values: Any) -> Entry:
    return entry(kind=kind, action=action, outcome=outcome, **{"records": (), "reason": "", **values})


def uses() -> Iterator[tuple[str, Entry]]:
    for action in sorted(GATE_ACTIONS - {"lookup"}):
        yield action, entry(action=action)
        yield f"{action}, refused", entry(action=action, outcome="deny", records=(record(decision="deny"),))
    nobody_s: Words = {"client_id": None, "records": ()}
    yield "lookup", entry(action="lookup", purpose="HOPERAT", **nobody_s)
    yield "lookup, refused", entry(action="lookup", outcome="deny", purpose="HOPERAT", **nobody_s)
    for purpose in sorted(PURPOSES):
        yield f"read, for {purpose}", entry(purpose=purpose)
    for kind in sorted(RecordType):
        yield f"read of {kind}", entry(records=(record(kind),))
    mixed = (record(), record("administration"), record("administration"), record("session", "deny"))
    yield "read of several, one of them refused", entry(records=mixed)
    job: Words = {"agent": "job:strain-detection", "agent_name": "", "agent_role": "job"}
    yield "compute, by an automatic task", entry(action="compute", records=(record("administration"),), **job)
    yield "answer, by a link", entry(action="answer", agent="link:a-1", agent_name="", agent_role="link", purpose="PATRQT")
    yield "read, by the client", entry(**THE_CLIENT, detail={"acts_for": CLIENT})
    refused: Words = {"outcome": "deny", "records": (record(decision="deny"),)}
    yield "read, by the client, refused", entry(**THE_CLIENT, **refused, detail={"acts_for": CLIENT})
    yield "read, by another client, refused", entry(**THE_CLIENT, **refused, detail={"acts_for": "another"})
    yield "read, by somebody with a bad token", entry(**NOBODY, **refused, policy_sequence=None)
    yield "read, of no client, refused", entry(outcome="deny", client_id=None, records=())
    yield "create, while the log was away", entry(action="create", detail={"late": {"written_at": "2026-03-01T09:00:00Z"}})
    fax: Words = {"on": "2026-03-01", "how": "fax", "recipient": RECIPIENT}
    yield "disclosed, entered by hand", entry(action="disclosed", **OFFICER | {"purpose": "HLEGAL"}, detail=fax)
    yield "disclosed, its details erased", entry(action="disclosed", **OFFICER | {"purpose": "HLEGAL"}, records=(), detail={})
    yield "export, by a record system", entry(action="export", agent="ehr-1", agent_name="", agent_role="ehr_system")


def at_the_log() -> Iterator[tuple[str, Entry]]:
    for action in sorted(LOOKED):
        yield action, other(EntryKind.QUERY, action, "permit", **OFFICER)
        yield f"{action}, refused", other(EntryKind.QUERY, action, "deny", purpose="TREAT")
    yield "search-ledger, of no client", other(EntryKind.QUERY, "search-ledger", "permit", **OFFICER, client_id=None)
    yield "access-report, by the client", other(EntryKind.QUERY, "access-report", "permit", **THE_CLIENT)
    yield "access-report, by another client", other(EntryKind.QUERY, "access-report", "deny", **THE_CLIENT, client_id=None)


def grants() -> Iterator[tuple[str, Entry]]:
    for reason in sorted(GRANTS):
        refused = reason.startswith("not-") or reason in (UNKNOWN_CLIENT, "own-request")
        by = OFFICER if reason.startswith("reviewed") else {}
        action = "create" if reason in ("active", "awaiting_second_approval", "not-of-the-group", UNKNOWN_CLIENT) else "update"
        for purpose in ("BTG", "THREAT"):
            values = {**by, "purpose": purpose, "reason": reason}
            yield f"{reason}, {purpose}", other(EntryKind.GRANT, action, "deny" if refused else "done", **values)
    for action in ("create", "update"):
        for outcome in ("done", "deny"):
            yield f"{action}, {outcome}, reason erased", other(EntryKind.GRANT, action, outcome, purpose="ETREAT")


def changes() -> Iterator[tuple[str, Entry]]:
    yield "release", other(EntryKind.RELEASE, "update", "permit", **THE_CLIENT)
    yield "release, refused", other(EntryKind.RELEASE, "update", "deny", **THE_CLIENT)
    statuses = [f"consent-{status}" for status in ConsentStatus]
    kinds = [f"{kind}-{how}" for kind in ("relationship", "representative", "restriction") for how in ("set", "ended")]
    for reason in [*statuses, *kinds]:
        yield reason, other(EntryKind.POLICY, "update", **CONSENT, reason=reason)
    for reason in ("settings-wished", "settings-chosen"):
        yield reason, other(EntryKind.POLICY, "update", **OFFICER, reason=reason, client_id=None)
    made = {"register-system": "system-registered", "end-system": "system-ended", "make-solo": "solo-practice"}
    made["set-letterhead"] = "letterhead-set"
    for action, reason in (("hold-note", "note-held"), ("end-note-hold", "note-hold-ended")):
        yield reason, other(EntryKind.POLICY, action, reason=reason, purpose=None)
        yield f"{action}, refused", other(EntryKind.POLICY, action, "deny", reason="not-treating", purpose=None)
    for action, reason in made.items():
        yield reason, other(EntryKind.POLICY, action, **ADMINISTRATOR, reason=reason, client_id=None)
        yield f"{action}, refused", other(EntryKind.POLICY, action, "deny", reason="role", client_id=None, purpose=None)


def erasures() -> Iterator[tuple[str, Entry]]:
    by_officer = {"requested", "approved", "refused", "retained"}
    for action in sorted(ERASING):
        outcome = "deny" if action in ("refused", "retained") else "done"
        yield action, other(EntryKind.ERASURE, action, outcome, **(OFFICER if action in by_officer else GATE))
    yield "approved, refused", other(EntryKind.ERASURE, "approved", "deny", **OFFICER, reason="own-request")
    for action in ("hold-placed", "hold-released"):
        yield action, other(EntryKind.ERASURE, action, **OFFICER)
    yield "reasons-erased", other(EntryKind.ERASURE, "reasons-erased", **GATE)
    for action in ("payloads-erased", "retention-ran"):
        yield action, other(EntryKind.ERASURE, action, **GATE, client_id=None)


def raised(reason: str) -> tuple[str, str, Words]:
    """action, outcome and agent of an alarm of that reason"""
    if reason == BREAK_GLASS:
        return "create", "done", {"purpose": "BTG"}
    if reason in CLAIMED:
        return "read", "deny", {}
    if reason.startswith("late-write"):
        return ("reconcile", "done", CONSENT) if reason == "late-write-missing" else ("create", "deny", {})
    if reason.startswith("harm-"):
        by = {"agent": "service:session_notes", "agent_name": "", "agent_role": "service", "purpose": None}
        return "tell-of-harm", "done", by
    if reason.startswith("risk-alert"):
        return (
            "tell-of-risk",
            "done",
            {"agent": "service:alliance_measurement", "agent_name": "", "agent_role": "service", "purpose": None},
        )
    if reason.startswith("witness"):
        return "cosign-checkpoint", "deny", GATE
    if reason.startswith("kms"):
        return "kms-audit", "done", GATE
    if reason in ("forged-message", "message-parked"):
        return "consume", "deny", {**NOBODY, "service": "audit_log"}
    if reason == "restored-from-backup":
        return "restore", "done", OPERATOR
    return ("skip", "done", OPERATOR) if reason == "message-skipped" else ("receipt", "done", CONSENT)


def alarms() -> Iterator[tuple[str, Entry]]:
    for reason in sorted(ALARMS):
        action, outcome, by = raised(reason)
        yield reason, other(EntryKind.ALARM, action, outcome, **{**by, "reason": reason})
    yield "reason erased", other(EntryKind.ALARM, "receipt", **CONSENT)


TABLES = (uses, at_the_log, grants, changes, erasures, alarms)
ENTRIES = {f"{e.kind}: {name}": e for table in TABLES for name, e in table()}


def block(name: str, e: Entry) -> str:
    recipient = RECIPIENT if e.purpose == "THREAT" and accountable(e) else None
    told = [f"  {a}: {sentence(e, a, recipient if a is Audience.REPORT else None)}" for a in Audience]
    return "\n".join([name, *told])


def test_every_sentence_stands_in_the_table() -> None:
    text = "\n\n".join(block(name, e) for name, e in ENTRIES.items()) + "\n"
    if os.environ.get("WHAT_ENTRIES_SAY") == "write":
        TABLE.write_text(text)
    assert text.split("\n\n") == TABLE.read_text().split("\n\n")


def test_the_table_has_every_kind_and_action() -> None:
    assert {e.kind for e in ENTRIES.values()} == set(EntryKind)
    assert {e.action for e in ENTRIES.values()} == ENTRY_ACTIONS
    of_kind = {k: {e.action for e in ENTRIES.values() if e.kind is k} for k in EntryKind}
    assert of_kind[EntryKind.DISCLOSURE] == GATE_ACTIONS | ENTERED == VERBS.keys()
    assert of_kind[EntryKind.QUERY] == LOOKED
    assert of_kind[EntryKind.ERASURE] >= ERASING
    assert of_kind[EntryKind.ERASURE] | of_kind[EntryKind.ALARM] | of_kind[EntryKind.POLICY] >= DONE
    assert {e.reason for e in ENTRIES.values() if e.kind is EntryKind.POLICY and e.outcome == "done"} == POLICIES.keys()
    assert {e.action for e in ENTRIES.values() if e.kind is EntryKind.POLICY and e.outcome == "deny"} == REFUSED_POLICIES.keys()
    assert PURPOSES.keys() >= CLAIMABLE and set(RecordType) == THINGS.keys()


@pytest.mark.parametrize("name", ENTRIES)
def test_each_sentence_is_of_its_own_and_true_to_the_outcome(name: str) -> None:
    e = ENTRIES[name]
    for audience in Audience:
        said = str(sentence(e, audience))
        assert not [w for w in ("did this", "do this", "changed what is allowed", "Something that", "{", "  ", "_") if w in said]
        if e.kind not in (EntryKind.ALARM, EntryKind.ERASURE):
            assert ("was refused" in said) == (e.outcome == "deny" or any(r.decision == "deny" for r in e.records)), said
        if audience is Audience.CLIENT and e.client_id is not None and e.kind is not EntryKind.ALARM:
            assert "the client" not in said.lower(), said


def test_two_actions_never_say_the_same() -> None:
    """Of one kind and outcome, by the same person: the action alone makes the difference."""
    alike: Words = {"agent": "x", "agent_name": "X", "agent_role": "therapist", "purpose": None, "reason": "", "detail": {}}
    for kind in (EntryKind.DISCLOSURE, EntryKind.QUERY, EntryKind.ERASURE):
        actions = sorted({e.action for e in ENTRIES.values() if e.kind is kind})
        said = {str(sentence(replace(other(kind, a), **alike), Audience.REPORT)) for a in actions}
        assert len(said) == len(actions)


def test_the_heading_of_why_says_what_happened() -> None:
    assert why_heading(ENTRIES["grant: active, BTG"]) == "Why it was done"
    assert why_heading(ENTRIES["alarm: break-glass-granted"]) == "Why there is an alarm"
    assert why_heading(ENTRIES["disclosure: read, for BTG"]) == "Why it was allowed"
    assert why_heading(ENTRIES["disclosure: read, refused"]) == "Why it was refused"
