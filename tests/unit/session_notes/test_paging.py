"""Pages hold what the caller may read, filled up, and end without telling how much was held back."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.session_notes.application.paging import Page, readable
from services.session_notes.application.ports import NoteRow, Position
from services.session_notes.domain.notes import NoteKind
from shared.contracts.disclosure import (
    MAX_RECORDS,
    Action,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    RecordOutcome,
    ReleaseRequest,
    ReleaseState,
)
from shared.http.call import Call
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role

CLIENT = UUID(int=7)
START = datetime(2026, 1, 1, tzinfo=UTC)
CALL = Call(Principal("dr-lang", "clinic", Role.THERAPIST), "token", None, "req", None)


@dataclass
class RecordingGate:
    """Refuses the records it was told to, and remembers what it was asked."""

    refused: set[UUID] = field(default_factory=set)
    knows_client: bool = True
    asked: list[DisclosureRequest] = field(default_factory=list)

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        self.asked.append(request)
        outcomes = tuple(
            RecordOutcome(
                record_id=r.record_id,
                decision=Decision.DENY if UUID(r.record_id) in self.refused else Decision.PERMIT,
                reason="test",
                may_know=False,
            )
            for r in request.records
        )
        permitted = any(o.decision is Decision.PERMIT for o in outcomes) or (not outcomes and self.knows_client)
        return DisclosureAnswer(
            decision=Decision.PERMIT if permitted else Decision.DENY,
            entries=(len(self.asked),),
            records=outcomes,
            may_know=self.knows_client,
        )

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        raise AssertionError("not asked here")

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        raise AssertionError("not asked here")


def rows(count: int, *, private: Set[int] = frozenset()) -> list[NoteRow]:
    """Newest first; those in `private` are psychotherapy notes of somebody else."""
    return [
        NoteRow(
            UUID(int=n + 1),
            CLIENT,
            UUID(int=9),
            NoteKind.PSYCHOTHERAPY if n in private else NoteKind.PROGRESS,
            "another",
            START - timedelta(hours=n),
        )
        for n in range(count)
    ]


async def page_of(gate: RecordingGate, all_rows: list[NoteRow], limit: int, start: Position | None = None) -> Page[NoteRow]:
    async def fetch(after: Position | None, most: int) -> list[NoteRow]:
        behind = [r for r in all_rows if after is None or (r.created_at, r.id) < (after.created_at, after.id)]
        return behind[:most]

    def likely(row: NoteRow) -> bool:
        return row.kind is NoteKind.PROGRESS

    return await readable(gate, CALL, CLIENT, fetch, start=start, limit=limit, likely=likely)


async def all_pages(gate: RecordingGate, all_rows: list[NoteRow], limit: int) -> list[list[UUID]]:
    pages, start = [], None
    while True:
        page = await page_of(gate, all_rows, limit, start)
        pages.append([r.id for r in page.rows])
        if page.next is None:
            return pages
        start = page.next


async def test_one_question_and_one_row_more_than_the_page() -> None:
    gate = RecordingGate()
    page = await page_of(gate, rows(100), 5)
    assert len(page.rows) == 5
    assert page.next is not None
    assert [len(r.records) for r in gate.asked] == [6]
    assert gate.asked[0].action is Action.SEARCH


async def test_expected_refusals_cost_no_second_question() -> None:
    private = {0, 2, 3, 4, 9}
    all_rows = rows(20, private=private)
    gate = RecordingGate(refused={all_rows[n].id for n in private})
    page = await page_of(gate, all_rows, 5)
    assert len(page.rows) == 5
    assert len(gate.asked) == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize("refuse", ["none", "odd", "first half", "last half", "all but one"])
async def test_pages_are_filled_hold_everything_readable_once_and_none_is_empty(limit: int, refuse: str) -> None:
    all_rows = rows(23)
    refused = {
        "none": set[int](),
        "odd": set(range(1, 23, 2)),
        "first half": set(range(12)),
        "last half": set(range(12, 23)),
        "all but one": set(range(23)) - {20},
    }[refuse]
    gate = RecordingGate(refused={all_rows[n].id for n in refused})
    pages = await all_pages(gate, all_rows, limit)
    expected = [r.id for n, r in enumerate(all_rows) if n not in refused]
    assert [i for page in pages for i in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


async def test_nothing_readable_is_an_empty_page_and_an_entry() -> None:
    all_rows = rows(3)
    gate = RecordingGate(refused={r.id for r in all_rows})
    page = await page_of(gate, all_rows, 5)
    assert (page.rows, page.next, page.opened.entries) == ([], None, (1,))


async def test_no_record_at_all_asks_for_the_client() -> None:
    gate = RecordingGate()
    page = await page_of(gate, [], 5)
    assert page.rows == []
    assert gate.asked[0].subjects == (str(CLIENT),)


@pytest.mark.parametrize("count", [0, 3])
async def test_who_may_not_know_the_client_finds_nothing(count: int) -> None:
    all_rows = rows(count)
    gate = RecordingGate(refused={r.id for r in all_rows}, knows_client=False)
    with pytest.raises(Problem) as problem:
        await page_of(gate, all_rows, 5)
    assert problem.value.status == 404
    assert problem.value.headers["Audit-Entry"] == "1"


async def test_a_long_list_of_refusals_is_asked_in_lots_the_gate_takes() -> None:
    all_rows = rows(MAX_RECORDS + 10, private=set(range(MAX_RECORDS + 9)))
    gate = RecordingGate(refused={r.id for r in all_rows[:-1]})
    page = await page_of(gate, all_rows, 5)
    assert [r.id for r in page.rows] == [all_rows[-1].id]
    assert [len(r.records) for r in gate.asked] == [MAX_RECORDS, 10]
