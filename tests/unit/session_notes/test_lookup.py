"""How a client is looked for: one spelling, tokens by field and key, buckets that others share."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.session_notes.clients.domain.clients import ClientIdentity, Identifier
from services.session_notes.clients.domain.lookup import TOKEN_BYTES, Wanted, normal, tokens_of
from shared.contracts.disclosure import IndexField, IndexKey

NOOR = ClientIdentity(
    name="Noor  Haddad",
    birth_date=date(1991, 4, 3),
    identifiers=(Identifier(system="mrn", value="A-0042"), Identifier(system="ssn", value="77")),
)
BORN = date(1991, 4, 3)


def key(field: IndexField, kid: str = "k1", byte: bytes = b"\x01") -> IndexKey:
    return IndexKey(field=field, kid=kid, current=True, key=byte * 32)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Noor Haddad", "  noor\tHADDAD "),
        ("Zoë", "Zoe\u0308"),
        ("Straße", "STRASSE"),
        ("ﬁnn", "FINN"),
        ("Ａnna", "anna"),
        ("Anna\u00a0Maria", "anna maria"),
        ("İpek", "i\u0307pek"),
    ],
)
def test_one_spelling(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@given(st.text())
def test_it_is_its_own_spelling(text: str) -> None:
    assert normal(normal(text)) == normal(text)


@pytest.mark.parametrize("apart", [("Zoe", "Zoë"), ("Anna Maria", "Annamaria"), ("A-1", "A1")])
def test_what_differs_stays_apart(apart: tuple[str, str]) -> None:
    assert normal(apart[0]) != normal(apart[1])


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Wanted(name="noor haddad"), IndexField.NAME),
        (Wanted(name="noor haddad", birth_date=BORN), IndexField.NAME_AND_BIRTH_DATE),
        (Wanted(identifier="a-0042"), IndexField.IDENTIFIER),
        (Wanted(identifier="a-0042", system="MRN", name="Noor Haddad", birth_date=BORN), IndexField.IDENTIFIER),
    ],
)
def test_what_is_looked_for_is_found_by_its_token(wanted: Wanted, field: IndexField) -> None:
    assert wanted.field is field
    assert wanted.token(key(field)) in tokens_of(NOOR, key(field))
    assert wanted.is_met_by(NOOR)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(name="Noor Hadad"),
        Wanted(name="Noor Haddad", birth_date=date(1991, 4, 4)),
        Wanted(identifier="A-0042", system="ssn"),
        Wanted(identifier="A-0042", name="Sam Okoye"),
        Wanted(identifier="A-0043"),
    ],
)
def test_whoever_shares_a_bucket_is_not_taken_for_them(wanted: Wanted) -> None:
    assert not wanted.is_met_by(NOOR)


def test_tokens_tell_neither_field_nor_version_nor_pieces_apart() -> None:
    every = [tokens_of(NOOR, key(f, byte=bytes([n]))) for n, f in enumerate(IndexField)]
    assert [len(tokens) for tokens in every] == [2, 1, 1]
    assert all(len(t) == TOKEN_BYTES for tokens in every for t in tokens)
    assert tokens_of(NOOR, key(IndexField.NAME, byte=b"\x02")) != tokens_of(NOOR, key(IndexField.NAME))
    nobody = NOOR.model_copy(update={"birth_date": None, "identifiers": ()})
    assert tokens_of(nobody, key(IndexField.NAME_AND_BIRTH_DATE)) == tokens_of(nobody, key(IndexField.IDENTIFIER)) == frozenset()


def test_buckets_are_shared_so_that_equal_tokens_seldom_mean_equal_names() -> None:
    """5,000 names: pairs that share a token by chance are as many as namesakes would be, or more."""
    tokens = [next(iter(tokens_of(NOOR.model_copy(update={"name": f"Client {n}"}), key(IndexField.NAME)))) for n in range(5_000)]
    shared = len(tokens) - len(set(tokens))
    assert 100 < shared < 350, "5000² / 2 / 65536 is 190"
