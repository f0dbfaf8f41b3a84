"""What stands in the clear in a note's or session's events stands there on purpose."""

from typing import Any

import pytest

from services.session_notes.domain.events import EVENT_TYPES
from shared.sealing.event import sealed_fields

PUBLIC = {
    "client_id", "session_id", "note_id",
    "therapist_id",  # `sub` of a practitioner
    "by",  # `sub` of who wrote the event
    "of_version", "digest",  # what a signature stands for: of ciphertext
    "at",
}  # fmt: skip
"""fields that stand in the clear, everywhere; a new one is added here on purpose or sealed"""


@pytest.mark.parametrize("model", EVENT_TYPES.models, ids=lambda m: m.TYPE)
def test_what_is_not_sealed_is_public_on_purpose(model: Any) -> None:
    assert set(model.model_fields) - set(sealed_fields(model)) <= PUBLIC
