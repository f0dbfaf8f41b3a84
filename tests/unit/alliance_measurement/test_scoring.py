"""Answers: what is refused, where, and how missing items count."""

from typing import Any

import pytest

from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.domain.instrument import Instrument
from services.alliance_measurement.instruments.domain.scoring import InvalidAnswers, check, score

CATALOGUE = load()


def instrument(instrument_id: str) -> Instrument:
    found = CATALOGUE.enabled(instrument_id)
    assert found is not None
    return found


def faults(instrument_id: str, answers: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidAnswers) as refused:
        check(instrument(instrument_id), answers)
    return {f.pointer: f.detail for f in refused.value.faults}


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({"13": 3}, "/13"),
        ({"0": 3}, "/0"),
        ({"01": 3}, "/01"),
        ({"-1": 3}, "/-1"),
        ({"goal": 3}, "/goal"),
        ({"": 3}, "/"),
        ({"a/b~c": 3}, "/a~1b~0c"),
        ({"٣": 3}, "/٣"),
        ({"9" * 5000: 3}, "/" + "9" * 5000),
        ({"1": 0}, "/1"),
        ({"1": 6}, "/1"),
        ({"1": -1}, "/1"),
        ({"1": 2.5}, "/1"),
        ({"1": "3"}, "/1"),
        ({"1": True}, "/1"),
        ({"1": None}, "/1"),
        ({"1": [3]}, "/1"),
        ({"1": float("nan")}, "/1"),
        ({"1": float("inf")}, "/1"),
        ({"1": 10**400}, "/1"),
        ({}, ""),
    ],
)
def test_impossible_answers_are_refused_with_their_pointer(answers: dict[str, Any], pointer: str) -> None:
    assert set(faults("wai-sr", answers)) == {pointer}


def test_every_fault_is_listed() -> None:
    assert set(faults("wai-sr", {"1": 9, "2": 3, "13": 1, "3": 1.5})) == {"/1", "/13", "/3"}


def test_a_fault_never_carries_the_value() -> None:
    assert "4711" not in str(faults("wai-sr", {"1": 4711}))


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert check(instrument("wai-sr"), {"2": 3.0, "1": 4}) == {1: 4, 2: 3}


def test_lines_are_read_to_the_millimetre() -> None:
    assert check(instrument("srs"), {"1": 9.1, "2": 10}) == {1: 9.1, 2: 10}
    assert set(faults("srs", {"1": 10.1})) == {"/1"}


def test_a_missing_item_makes_its_scores_null_and_is_listed() -> None:
    scored = score(instrument("wai-sr"), dict.fromkeys(range(1, 12), 3))
    assert scored.scores == {"goal": 12, "task": None, "bond": 12, "total": None}
    assert scored.missing == (12,)
    assert scored.prorated == ()


@pytest.mark.parametrize(("missing", "total"), [(0, 20), (1, 20), (2, None)])
def test_core_10_prorates_one_missing_item(missing: int, total: int | None) -> None:
    scored = score(instrument("core-10"), dict.fromkeys(range(1, 11 - missing), 2))
    assert scored.scores["total"] == total
    assert scored.prorated == (("total",) if missing == 1 else ())


def test_prorating_uses_answers_after_reversal() -> None:
    # item 2 is reversed: 4 counts 0; nine answered items make 28, their mean stands for the tenth
    answers = {i: 4 for i in range(1, 11) if i != 10}
    scored = score(instrument("core-10"), answers)
    assert scored.scores["total"] == pytest.approx(28 / 9 * 10, abs=1e-6)


@pytest.mark.parametrize(("missing", "known"), [(3, True), (4, False)])
def test_core_om_prorates_three_and_never_a_domain(missing: int, known: bool) -> None:
    harmless = [i for i in range(1, 35) if i not in instrument("core-om").critical]
    scored = score(instrument("core-om"), {i: 1 for i in range(1, 35) if i not in harmless[-missing:]})
    assert (scored.scores["total"] is not None) is known
    assert scored.scores["functioning"] is None and scored.scores["risk"] == 10


@pytest.mark.parametrize("instrument_id", [e.id for e in load() if e.instrument is not None and e.instrument.critical])
def test_no_score_is_prorated_over_a_skipped_critical_item(instrument_id: str) -> None:
    one = instrument(instrument_id)
    for item in one.critical:
        scored = score(one, {i: 1 for i in one.items if i != item})
        assert item in scored.missing and scored.prorated == ()
        sums = [s for s in one.scores if item in s.items and s.aggregation != "highest_level"]
        assert all(scored.scores[s.id] is None for s in sums)


@pytest.mark.parametrize(
    ("changes", "met"),
    [({}, True), ({1: 1}, False), ({6: 0, 7: 1}, False), ({8: 1}, False), ({15: 1}, False)],
)
def test_pcl_5_pattern_needs_every_cluster(changes: dict[int, int], met: bool) -> None:
    base = {i: 2 if i in (1, 6, 8, 9, 15, 16) else 0 for i in range(1, 21)}
    assert score(instrument("pcl-5"), base | changes).scores["provisional_pattern"] is met


def test_pcl_5_pattern_is_open_while_a_missing_item_could_decide() -> None:
    answers = {i: 2 if i in (1, 6, 8, 9, 15) else 0 for i in range(1, 20)}
    assert score(instrument("pcl-5"), answers).scores["provisional_pattern"] is None
