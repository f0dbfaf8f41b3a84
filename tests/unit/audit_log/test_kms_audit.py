"""Two lists of calls compared: one for one, and nobody hides behind a call that was ours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.audit_log.keyring.domain.kms_audit import NEAR, Audited, KeyName, Noted, Reason, compare, read
from shared.contracts.records import KeyClass

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
SINCE, UNTIL = AT - timedelta(hours=1), AT + timedelta(hours=1)
KEY = KeyName("north", "k_1", "client-1", KeyClass.MEASURES)
OTHER = KeyName("north", "k_2", "client-2", KeyClass.MEASURES)
CALL = Audited(AT, "unwrap", "req-1", "hmac-1", "10.0.0.1")
OURS = Noted(AT, "unwrap", KEY, "req-1")
LOST = replace(OURS, request_id=None)
ENTRY = {("north", "client-1", KeyClass.MEASURES): [AT]}


def found(
    audited: list[Audited], noted: list[Noted], names: dict[str, KeyName] | None = None, *, ledger: bool = False
) -> list[Reason]:
    permitted = ENTRY if ledger else None
    return [f.reason for f in compare(audited, noted, names or {}, permitted, since=SINCE, until=UNTIL)]


def test_each_has_its_counterpart() -> None:
    assert found([CALL], [OURS], ledger=True) == []
    assert found([CALL], []) == [Reason.UNKNOWN]
    assert found([], [OURS]) == [Reason.UNLOGGED]


def test_another_operation_under_our_request_id_is_not_ours() -> None:
    assert found([replace(CALL, operation="rewrap")], [OURS]) == [Reason.UNKNOWN]


def test_a_request_id_counts_once() -> None:
    """Who writes our id into a line of their own is noticed."""
    assert found([CALL, replace(CALL, remote_address="10.0.0.9")], [OURS]) == [Reason.UNKNOWN]


def test_a_lost_answer_explains_one_call_of_the_same_key() -> None:
    second = replace(CALL, request_id="req-2")
    assert found([CALL], [LOST], {"hmac-1": KEY}) == []
    assert found([CALL, second], [LOST], {"hmac-1": KEY}) == [Reason.UNKNOWN]
    assert found([CALL], [LOST], {"hmac-1": OTHER}) == [Reason.UNKNOWN], "another key was opened meanwhile"
    assert found([CALL], [LOST]) == [], "unnamed: by time alone"
    assert found([replace(CALL, at=AT + NEAR + timedelta(seconds=1))], [LOST]) == [Reason.UNKNOWN]


def test_no_entry_says_for_what() -> None:
    later = replace(OURS, at=AT + NEAR + timedelta(seconds=1))
    assert found([CALL], [later], ledger=True) == [Reason.WITHOUT_ENTRY]
    assert found([CALL], [replace(OURS, key=OTHER)], ledger=True) == [Reason.WITHOUT_ENTRY]
    assert found([CALL], [replace(OURS, key=KeyName("alliance-record.system", "g_1"))], ledger=True) == [], "the gate's own"
    rewrapped = replace(CALL, operation="rewrap")
    assert found([rewrapped], [replace(OURS, operation="rewrap", key=OTHER)], ledger=True) == [], "a rotation discloses nothing"


def test_at_the_ends_of_the_window_nothing_is_missed() -> None:
    for at in (SINCE, SINCE + NEAR - timedelta(seconds=1), UNTIL - NEAR, UNTIL):
        assert found([], [replace(OURS, at=at)]) == []
    assert found([], [replace(OURS, at=SINCE + NEAR)]) == [Reason.UNLOGGED]


def test_lines_are_read_past_that_are_no_calls() -> None:
    line = (
        '{"time":"2026-03-01T10:00:00.5Z","type":"%s","error":"%s","request":{"id":"req-1","path":"%s",'
        '"data":{"context":"hmac-1"},"remote_address":"10.0.0.1"}}'
    )
    lines = [
        "openbao-1  | " + line % ("response", "", "transit/decrypt/data-keys"),
        line % ("request", "", "transit/decrypt/data-keys"),
        line % ("response", "permission denied", "transit/decrypt/data-keys"),
        line % ("response", "", "transit/decrypt/other"),
        line % ("response", "", "transit/keys/data-keys"),
        "core: unsealed",
        "{",
        "[]",
        '{"type":"response","request":{"path":"transit/encrypt/data-keys","id":"req-2"},"time":"2026-03-01T10:00:01Z"}',
    ]
    calls = list(read(lines, mount="transit", key="data-keys"))
    assert [(c.operation, c.request_id, c.context_hash, c.remote_address) for c in calls] == [
        ("unwrap", "req-1", "hmac-1", "10.0.0.1"),
        ("wrap", "req-2", "", ""),
    ]
