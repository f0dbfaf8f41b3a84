"""The context that a sealed value is bound to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sealing.context import SealContext

CONTEXT = SealContext("clinic-a", "c", "session-notes.noted", 1, "e", "/sections", "k_1")


@pytest.mark.parametrize("name", ["tenant", "client_id", "event_type", "event_id", "pointer", "kid"])
def test_each_part_counts(name: str) -> None:
    changed: dict[str, Any] = {name: "another"}
    assert CONTEXT._replace(**changed).encode() != CONTEXT.encode()


def test_the_schema_version_counts() -> None:
    assert CONTEXT._replace(schema_version=2).encode() != CONTEXT.encode()


def test_a_boundary_cannot_be_moved() -> None:
    left = CONTEXT._replace(tenant="ab", client_id="c")
    right = CONTEXT._replace(tenant="a", client_id="bc")
    assert left.encode() != right.encode()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
contexts = st.builds(SealContext, texts, texts, texts, st.integers(1, 99), texts, texts, texts)


@given(contexts, contexts)
def test_two_contexts_never_encode_alike(one: SealContext, other: SealContext) -> None:
    assert (one == other) == (one.encode() == other.encode())


def test_the_encoding_is_pinned() -> None:
    """Stored events depend on it for ever."""
    parts = [b"c1", b"clinic-a", b"c", b"session-notes.noted", b"1", b"e", b"/sections", b"k_1"]
    assert CONTEXT.encode() == b"".join(len(p).to_bytes(4, "big") + p for p in parts)
