"""Key ids, and record keys from data keys."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from services.audit_log.keyring.domain.keys import INDEX_OWNER, extract, index_key, is_key_id, key_id, record_key, wrap_context
from shared.contracts.disclosure import IndexField
from shared.contracts.records import KeyClass

DATA_KEY = bytes(range(32))
PLACE: dict[str, Any] = {"tenant": "clinic-a", "client_id": "c", "key_class": KeyClass.PROGRESS_NOTE, "record_id": "r"}


def test_it_is_the_hkdf_of_rfc_5869() -> None:
    parts = [b"alliance-record/record-key/v1", b"clinic-a", b"c", b"progress_note", b"r"]
    info = b"".join(len(p).to_bytes(4, "big") + p for p in parts)
    assert record_key(extract(DATA_KEY), **PLACE) == HKDF(SHA256(), 32, salt=None, info=info).derive(DATA_KEY)


@pytest.mark.parametrize(
    "change", [{"tenant": "clinic-b"}, {"client_id": "d"}, {"key_class": KeyClass.IDENTITY}, {"record_id": "s"}]
)
def test_each_part_of_its_place_counts(change: dict[str, Any]) -> None:
    assert record_key(extract(DATA_KEY), **(PLACE | change)) != record_key(extract(DATA_KEY), **PLACE)


def test_a_boundary_cannot_be_moved() -> None:
    one = record_key(extract(DATA_KEY), **(PLACE | {"tenant": "ab", "client_id": "c"}))
    assert one != record_key(extract(DATA_KEY), **(PLACE | {"tenant": "a", "client_id": "bc"}))


def test_another_data_key_gives_another_record_key() -> None:
    assert record_key(extract(DATA_KEY), **PLACE) != record_key(extract(bytes(32)), **PLACE)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_data_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        extract(bytes(size))


@given(st.binary(min_size=16, max_size=16))
def test_key_ids(entropy: bytes) -> None:
    kid = key_id(entropy)
    assert is_key_id(kid) and len(kid) == 24
    assert base64.urlsafe_b64decode(kid[2:] + "==") == entropy


@pytest.mark.parametrize(
    "text", ["", "k_", "k_" + "a" * 21, "k_" + "a" * 23, "x_" + "a" * 22, "k_" + "a" * 21 + "/", "k_" + "a" * 22 + "\n"]
)
def test_what_is_no_key_id(text: str) -> None:
    assert not is_key_id(text)


def test_a_key_id_wants_16_bytes() -> None:
    with pytest.raises(ValueError, match="16"):
        key_id(bytes(15))


def test_an_index_key_is_no_record_key_whatever_the_record_is_called() -> None:
    extracted = extract(DATA_KEY)
    index = {index_key(extracted, tenant=t, field=f) for t in ("clinic-a", "clinic-b") for f in IndexField}
    assert len(index) == 2 * len(IndexField)
    records = {
        record_key(extracted, tenant="clinic-a", client_id=c, key_class=KeyClass.IDENTITY, record_id=r)
        for c in (INDEX_OWNER, "", "c")
        for r in ("", *IndexField)
    }
    assert index.isdisjoint(records)


def test_wrapping_is_bound_to_the_row() -> None:
    place: dict[str, Any] = {"tenant": "clinic-a", "client_id": "c", "key_class": KeyClass.IDENTITY, "kid": "k_1"}
    changes: list[dict[str, Any]] = [
        {},
        {"tenant": "b"},
        {"client_id": "d"},
        {"key_class": KeyClass.MEASURES},
        {"kid": "k_2"},
        {"tenant": "clinic-", "client_id": "ac"},
    ]
    assert len({wrap_context(**(place | change)) for change in changes}) == len(changes)
