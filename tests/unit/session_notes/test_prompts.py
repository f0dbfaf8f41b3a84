"""What of the prompts a caller sees: the newest of each instrument, only where its key came, and never that one was kept back."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.session_notes.desk.application.ports import PromptRow
from services.session_notes.prompts.application.prompts import shown
from shared.contracts.alliance import PromptPrepared
from shared.contracts.disclosure import Decision, RecordKey, RecordOutcome
from shared.contracts.records import KeyClass
from shared.gate.ask import Opened
from shared.sealing.errors import CannotOpen
from shared.sealing.event import seal
from shared.sealing.field import Sealed

CLIENT = UUID(int=7)
STRAIN = {
    "kind": "strain",
    "text": "A score drop consistent with strain.",
    "instrument": "wai-sr",
    "onset": 7,
    "repaired_at": None,
}
NONE = {"kind": "none", "text": "", "instrument": "wai-sr", "onset": None, "repaired_at": None}
REPAIRED = {**STRAIN, "kind": "repaired", "text": "Scores are back where they were.", "repaired_at": 9}


def key_of(prompt: UUID) -> RecordKey:
    return RecordKey(record_id=str(prompt), key_class=KeyClass.MEASURES, kid="k", key=prompt.bytes * 2)


def sealed(body: dict[str, Any], tenant: str = "clinic") -> PromptRow:
    prompt, event_id = uuid4(), uuid4()
    event = PromptPrepared(client_id=CLIENT, prompt_id=prompt, body=Sealed(body), at=datetime(2026, 1, 1, tzinfo=UTC))
    data = seal(event, tenant=tenant, event_id=event_id, key=key_of(prompt), random=lambda n: bytes(n))
    return PromptRow(prompt, CLIENT, event_id, 1, data)


def released(*rows: PromptRow, denied: tuple[PromptRow, ...] = (), erased: tuple[PromptRow, ...] = ()) -> Opened:
    def outcome(row: PromptRow, decision: Decision, gone: bool = False) -> RecordOutcome:
        return RecordOutcome(record_id=str(row.prompt_id), decision=decision, reason="", may_know=False, erased=gone)

    outcomes = [
        *(outcome(r, Decision.PERMIT) for r in rows),
        *(outcome(r, Decision.DENY) for r in denied),
        *(outcome(r, Decision.PERMIT, gone=True) for r in erased),
    ]
    keys = {str(r.prompt_id): key_of(r.prompt_id) for r in rows}
    return Opened((1,), keys, {o.record_id: o for o in outcomes})


def see(*rows: PromptRow, opened: Opened | None = None) -> list[str]:
    return [p["kind"] for p in shown("clinic", rows, opened or released(*rows))]


def test_kind_and_text_and_nothing_else() -> None:
    row = sealed(STRAIN)
    assert shown("clinic", [row], released(row)) == [{"kind": "strain", "text": STRAIN["text"]}]


@pytest.mark.parametrize(
    ("bodies", "kinds"),
    [
        ([NONE], []),
        ([STRAIN, NONE], []),
        ([NONE, STRAIN], ["strain"]),
        ([STRAIN, REPAIRED], ["repaired"]),
        ([STRAIN, {**NONE, "instrument": "srs"}], ["strain"]),
        ([{**STRAIN, "instrument": "srs"}, REPAIRED], ["strain", "repaired"]),
    ],
)
def test_the_newest_prompt_of_each_instrument_counts(bodies: list[dict[str, Any]], kinds: list[str]) -> None:
    assert see(*map(sealed, bodies)) == kinds


def test_withheld_and_erased_look_like_nothing_at_all() -> None:
    row = sealed(STRAIN)
    assert shown("clinic", [], released()) == []
    assert see(row, opened=released(denied=(row,))) == []
    assert see(row, opened=released(erased=(row,))) == []
    assert see(row, opened=Opened((1,), {}, {})) == []


def test_what_is_released_shows_beside_what_is_withheld() -> None:
    seen, kept_back = sealed(STRAIN), sealed({**STRAIN, "instrument": "srs"})
    assert see(seen, kept_back, opened=released(seen, denied=(kept_back,))) == ["strain"]
    assert see(kept_back, seen, opened=released(seen, erased=(kept_back,))) == ["strain"]


def test_a_prompt_moved_to_another_event_does_not_open() -> None:
    row = sealed(STRAIN)
    moved = PromptRow(row.prompt_id, row.client_id, uuid4(), 1, row.data)
    with pytest.raises(CannotOpen):
        see(moved, opened=released(moved))
