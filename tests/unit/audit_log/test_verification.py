"""A whole log checked by its rows alone: each kind of tampering is named, with the first index that it touched."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.audit_log.ledger.domain.checkpoint import Checkpoint
from services.audit_log.ledger.domain.entry import EntryKind
from services.audit_log.ledger.domain.leaf import canonical, commit
from services.audit_log.ledger.domain.merkle import leaf_hash
from services.audit_log.ledger.domain.payload import columns_of, payload_of, records_of
from services.audit_log.ledger.domain.tiles import GrowingTree
from services.audit_log.ledger.domain.verification import ERASED, Finding, LogCheck, Report, Row
from tests.support.ledger import entry

SIZE = 300
AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
Tamper = Callable[[list[Row]], list[Row]]


def row(index: int, **other: object) -> Row:
    made = entry(index, **{"at": AT, **other})
    payload, salt = canonical(payload_of(made)), index.to_bytes(32, "big")
    return Row(index, commit(salt, payload), payload, salt, columns_of(made), records_of(made))


def log(size: int = SIZE) -> list[Row]:
    return [row(i) for i in range(size)]


def tiles_of(rows: list[Row]) -> tuple[GrowingTree, dict[tuple[int, int], bytes]]:
    tree = GrowingTree()
    return tree, tree.extend(leaf_hash(r.leaf) for r in rows)


def checked(rows: list[Row], signed: list[Row], tiles: dict[tuple[int, int], bytes] | None = None) -> Report:
    tree, stored = tiles_of(signed)
    check = LogCheck("north", Checkpoint("log.example/north", tree.size, tree.root()), stored if tiles is None else tiles)
    for r in rows:
        check.feed(r)
    return check.report()


def edit_payload(rows: list[Row]) -> list[Row]:
    rows[7] = replace(rows[7], payload=rows[8].payload)
    return rows


def edit_payload_and_leaf(rows: list[Row]) -> list[Row]:
    rows[7] = row(7, outcome="deny")
    return rows


def edit_column(rows: list[Row]) -> list[Row]:
    rows[7] = replace(rows[7], columns=columns_of(entry(7, at=AT, client_id=None)))
    return rows


def edit_record(rows: list[Row]) -> list[Row]:
    rows[7] = replace(rows[7], records=())
    return rows


def swap(rows: list[Row]) -> list[Row]:
    rows[7], rows[8] = replace(rows[8], index=7), replace(rows[7], index=8)
    return rows


def swap_payloads(rows: list[Row]) -> list[Row]:
    seven, nine = rows[7], rows[9]
    rows[7] = replace(seven, payload=nine.payload, salt=nine.salt)
    rows[9] = replace(nine, payload=seven.payload, salt=seven.salt)
    return rows


def remove(rows: list[Row]) -> list[Row]:
    return rows[:7] + rows[8:]


def remove_and_close_the_gap(rows: list[Row]) -> list[Row]:
    return rows[:7] + [replace(r, index=r.index - 1) for r in rows[8:]]


def remove_payload(rows: list[Row]) -> list[Row]:
    rows[7] = replace(rows[7], payload=None, salt=None)
    return rows


def cut(rows: list[Row]) -> list[Row]:
    return rows[:7]


@pytest.mark.parametrize(
    ("tamper", "finding"),
    [
        (edit_payload, Finding.EDITED),
        (edit_payload_and_leaf, Finding.EDITED),
        (edit_column, Finding.EDITED),
        (edit_record, Finding.EDITED),
        (swap, Finding.REORDERED),
        (swap_payloads, Finding.REORDERED),
        (remove, Finding.REMOVED),
        (remove_and_close_the_gap, Finding.REMOVED),
        (remove_payload, Finding.REMOVED),
        (cut, Finding.TRUNCATED),
    ],
)
def test_tampering_is_named_where_it_begins(tamper: Tamper, finding: Finding) -> None:
    report = checked(tamper(log()), log())
    assert (report.ok, report.finding, report.index) == (False, finding, 7), report.what


def test_an_intact_log_holds_also_with_entries_that_are_not_signed_yet() -> None:
    rows = log(SIZE + 3)
    report = checked(rows, rows[:SIZE])
    assert report.ok and report.finding is None and report.index is None
    assert (report.entries, report.signed) == (SIZE + 3, SIZE)


def test_an_edit_that_rewrites_the_stored_tree_too_is_still_found() -> None:
    rows = edit_payload_and_leaf(log())
    report = checked(rows, log(), tiles_of(rows)[1])
    assert (report.finding, report.index) == (Finding.EDITED, None)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0)])
def test_a_changed_tile_is_found(place: tuple[int, int]) -> None:
    tiles = tiles_of(log())[1]
    tiles[place] = bytes(32) + tiles[place][32:]
    report = checked(log(), log(), tiles)
    assert report.finding is Finding.TREE


def test_an_erasure_in_the_log_explains_a_missing_payload() -> None:
    signed = [*log(5), row(5, kind=EntryKind.ERASURE, detail={ERASED: [2, 3]})]
    rows = list(signed)
    for gone in (2, 3):
        rows[gone] = replace(rows[gone], payload=None, salt=None)
    assert checked(rows, signed).ok
    assert checked(rows, signed).erased == 2
    rows[1] = replace(rows[1], payload=None, salt=None)
    assert (checked(rows, signed).finding, checked(rows, signed).index) == (Finding.REMOVED, 1)


def test_entries_without_a_checkpoint_are_unsigned() -> None:
    check = LogCheck("north", None, {})
    assert check.report().ok
    check.feed(row(0))
    assert check.report().finding is Finding.UNSIGNED
