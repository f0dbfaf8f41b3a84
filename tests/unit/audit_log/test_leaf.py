"""Leaves say nothing but a salted commitment; entries go to payload and back unchanged."""

import hmac
import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785

from services.audit_log.ledger.adapters.rows import row_of
from services.audit_log.ledger.domain.leaf import NotCanonical, canonical, commit
from services.audit_log.ledger.domain.payload import columns_of, entry_of, instant, payload_of, records_of
from tests.support.ledger import CLIENT, entry


def test_a_leaf_is_the_canonical_form_of_its_three_members() -> None:
    salt, payload = bytes(range(32)), b'{"a":1}'
    leaf = commit(salt, payload)
    doc = json.loads(leaf)
    assert leaf == canonical(doc)
    assert doc["alg"] == "hmac-sha256" and doc["v"] == 1 and len(doc) == 3
    assert b64decode(doc["commitment"]) == hmac.digest(salt, payload, "sha256")


def test_a_leaf_commits_to_one_payload_under_one_salt() -> None:
    leaf = commit(bytes(32), b"{}")
    assert leaf == commit(bytes(32), b"{}")
    assert len({leaf, commit(bytes(32), b"{ }"), commit(b"\x01" * 32, b"{}")}) == 3


def test_a_leaf_names_neither_client_nor_person_nor_time() -> None:
    payload = canonical(payload_of(entry()))
    leaf = commit(bytes(32), payload)
    assert CLIENT.encode() in payload
    assert len(leaf) == len(commit(bytes(32), b"")) and CLIENT.encode() not in leaf


def test_an_entry_comes_back_from_its_payload() -> None:
    whole = entry(3, detail={"grant": "g-1", "minutes": 30, "scope": ["progress_note"]})
    assert entry_of(canonical(payload_of(whole))) == whole
    bare = replace(whole, client_id=None, purpose=None, records=(), basis=(), policy_sequence=None, detail={})
    assert entry_of(canonical(payload_of(bare))) == bare


def test_columns_and_records_are_those_of_the_entry() -> None:
    whole = entry(3)
    assert columns_of(whole)[1:4] == ("disclosure", "read", "permit")
    twice = replace(whole, records=whole.records * 2)
    assert records_of(twice) == (("record-3", "progress_note", "permit"),)


def test_times_are_utc_with_microseconds() -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 5, UTC)
    assert instant(noon) == "2026-03-01T12:00:00.000005Z"
    assert instant(noon.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-03-01T12:00:00.000005Z"
    with pytest.raises(ValueError, match="zone"):
        instant(noon.replace(tzinfo=None))


@pytest.mark.parametrize("value", [{"n": 2**53}, {"n": -(2**53)}, {"s": "\ud800"}, {"s": object()}, {"f": float("nan")}, {1: 2}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_floats_and_other_keys_take_the_long_way() -> None:
    # RFC 8785 sorts keys by UTF-16 code units: U+1F600 (a surrogate pair) before U+FB33
    assert canonical({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()
    assert canonical({"f": 1e21, "g": 1.0}) == b'{"f":1e+21,"g":1}'


@pytest.mark.parametrize("detail", [{"\ufb33": 1, "\U0001f600": 2}, {"f": 1e21}, {"plain": ["a", 1, None, True]}, {}])
def test_a_row_is_canonical_whatever_its_detail_holds(detail: dict[str, Any]) -> None:
    """Only what is not known beforehand is looked at, and the bytes are those of RFC 8785 all the same."""
    made = entry(detail=detail, agent_name="Zo\u00eb \U0001f600", policy_sequence=None)
    assert row_of(made, bytes).payload == rfc8785.dumps(payload_of(made))


def test_a_number_without_canonical_form_makes_no_row() -> None:
    for other in ({"detail": {"n": 2**53}}, {"policy_sequence": 2**53}):
        with pytest.raises(NotCanonical):
            row_of(entry(**other), bytes)
