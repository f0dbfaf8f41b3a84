"""Pages hold what the caller may read, filled up, and end without telling how much was held back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.session_notes.desk.application.ports import NoteRow, Position, place_of
from services.session_notes.desk.domain.kinds import NoteKind
from shared.contracts.disclosure import (
    Action,
    Decision,
    DisclosureAnswer,
    DisclosureRequest,
    PolicyConfirmation,
    RecordOutcome,
    ReleaseRequest,
    ReleaseState,
)
from shared.gate.listing import Listed, Rows, listed
from shared.http.call import Call
from shared.http.problems import Problem
from shared.identity.principal import Principal
from shared.identity.roles import Role

CLIENT = UUID(int=7)
START = datetime(2026, 1, 1, tzinfo=UTC)
CALL = Call(Principal("dr-lang", "clinic", Role.THERAPIST), "token", None, "req", None)


@dataclass
class CountingGate:
    """Refuses the records it was told to, and remembers what it was asked."""

    refused: set[UUID] = field(default_factory=set)
    known: bool = False
    """whether the caller may know of what is refused"""
    knows_client: bool = True
    asked: list[DisclosureRequest] = field(default_factory=list)

    async def disclose(self, request: DisclosureRequest) -> DisclosureAnswer:
        self.asked.append(request)
        outcomes: list[RecordOutcome] = []
        open_to_caller = 0
        for r in request.records:
            refused = UUID(r.record_id) in self.refused
            if request.most and open_to_caller == request.most:
                break
            open_to_caller += not refused
            if refused and not self.known:
                continue  # of what the caller may not know of the gate says nothing
            decision = Decision.DENY if refused else Decision.PERMIT
            outcomes.append(RecordOutcome(record_id=r.record_id, decision=decision, reason="test", may_know=True))
        permitted = any(o.decision is Decision.PERMIT for o in outcomes) or (not outcomes and self.knows_client)
        return DisclosureAnswer(
            decision=Decision.PERMIT if permitted else Decision.DENY,
            entries=() if request.most == 0 else (len(self.asked),),
            records=tuple(outcomes),
            may_know=self.knows_client,
        )

    async def confirm_policy(self, tenant: str, sequence: int) -> PolicyConfirmation:
        raise AssertionError("not asked here")

    async def set_release(self, request: ReleaseRequest) -> ReleaseState:
        raise AssertionError("not asked here")


def rows(count: int) -> list[NoteRow]:
    """Newest first."""
    return [
        NoteRow(
            UUID(int=n + 1),
            CLIENT,
            UUID(int=9),
            NoteKind.PROGRESS,
            "another",
            START - timedelta(hours=n),
        )
        for n in range(count)
    ]


async def page_of(
    gate: CountingGate, all_rows: list[NoteRow], limit: int, start: Position | None = None, *, refused_too: bool = False
) -> Listed[NoteRow]:
    async def fetch(after: Position | None, most: int) -> list[NoteRow]:
        behind = [r for r in all_rows if after is None or (r.created_at, r.id) < (after.created_at, after.id)]
        return behind[:most]

    rows = Rows(fetch, lambda row: row.ref, place_of)
    return await listed(gate, CALL, CLIENT, rows, start=start, limit=limit, refused_too=refused_too)


async def all_pages(gate: CountingGate, all_rows: list[NoteRow], limit: int) -> list[list[UUID]]:
    pages, start = [], None
    while True:
        page = await page_of(gate, all_rows, limit, start)
        pages.append([r.id for r in page.rows])
        if not page.more:
            return pages
        start = place_of(page.rows[-1])


async def test_one_question_whose_entry_is_about_the_page_and_one_row_more() -> None:
    gate = CountingGate()
    page = await page_of(gate, rows(100), 5)
    assert len(page.rows) == 5
    assert page.more
    assert [(len(r.records), r.most) for r in gate.asked] == [(100, 6)]
    assert gate.asked[0].action is Action.SEARCH


@pytest.mark.parametrize("hidden", [0, 1, 499, 500, 1_700])
async def test_however_much_is_withheld_one_question_makes_an_entry(hidden: int) -> None:
    all_rows = rows(hidden + 20)
    gate = CountingGate(refused={r.id for r in all_rows[:hidden]})
    page = await page_of(gate, all_rows, 5)
    assert [r.id for r in page.rows] == [r.id for r in all_rows[hidden : hidden + 5]]
    assert page.more
    assert len(page.opened.entries) == sum(r.most != 0 for r in gate.asked) == 1


async def test_known_and_refused_rows_are_listed_where_they_are_wanted() -> None:
    all_rows = rows(6)
    gate = CountingGate(refused={all_rows[1].id}, known=True)
    assert [r.id for r in (await page_of(gate, all_rows, 2, refused_too=True)).rows] == [all_rows[0].id, all_rows[1].id]
    assert [r.id for r in (await page_of(gate, all_rows, 2)).rows] == [all_rows[0].id, all_rows[2].id]


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
    gate = CountingGate(refused={all_rows[n].id for n in refused})
    pages = await all_pages(gate, all_rows, limit)
    expected = [r.id for n, r in enumerate(all_rows) if n not in refused]
    assert [i for page in pages for i in page] == expected
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


async def test_nothing_readable_is_an_empty_page_and_an_entry() -> None:
    all_rows = rows(3)
    gate = CountingGate(refused={r.id for r in all_rows})
    page = await page_of(gate, all_rows, 5)
    assert (page.rows, page.more, page.opened.entries) == ([], False, (1,))


async def test_no_record_at_all_asks_for_the_client() -> None:
    gate = CountingGate()
    page = await page_of(gate, [], 5)
    assert page.rows == []
    assert gate.asked[0].subjects == (str(CLIENT),)


@pytest.mark.parametrize("count", [0, 3])
async def test_who_may_not_know_the_client_finds_nothing(count: int) -> None:
    all_rows = rows(count)
    gate = CountingGate(refused={r.id for r in all_rows}, knows_client=False)
    with pytest.raises(Problem) as problem:
        await page_of(gate, all_rows, 5)
    assert problem.value.status == 404
    assert problem.value.headers["Audit-Entry"] == "1"
