"""Every definition file, and every mistake that public code was seen to make."""

from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.alliance_measurement.instruments.adapters.definitions import BUILT_IN, load
from services.alliance_measurement.instruments.domain.catalogue import judge
from services.alliance_measurement.instruments.domain.instrument import Construct, Instrument, Mark
from services.alliance_measurement.instruments.domain.scoring import score

CATALOGUE = load()
FILES = sorted(BUILT_IN.glob("*.json"))
ENABLED = {
    "core-10", "core-om", "cssrs-screener", "gad-7", "gtbs", "haq-ii", "k10", "oq-45", "ors", "pcl-5", "phq-9", "srs", "wai-36",
    "wai-s", "wai-sr", "who-5",
}  # fmt: skip


def raw(instrument_id: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((BUILT_IN / f"{instrument_id}.json").read_bytes())
    return found


def instrument(instrument_id: str) -> Instrument:
    found = CATALOGUE.enabled(instrument_id)
    assert found is not None
    return found


def test_what_is_confirmed_ships_enabled_and_what_is_not_says_why() -> None:
    assert {e.id for e in CATALOGUE if e.disabled is None} == ENABLED
    disabled = {e.id: e.disabled for e in CATALOGUE if e.disabled is not None}
    assert set(disabled) == {"wai-o", "wai-sr-t"}
    assert all(reason is not None and "M?" in reason for reason in disabled.values())


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_definition_is_a_definition_and_proves_itself(file: Path) -> None:
    entry = judge(file.stem, orjson.loads(file.read_bytes()))
    assert entry.instrument is not None, entry.disabled
    assert entry.instrument.citation
    assert entry.disabled is None or not entry.instrument.key_mark.applies
    assert len(entry.instrument.vectors) >= (2 if entry.disabled is None else 0)


@pytest.mark.parametrize("instrument_id", sorted(ENABLED))
def test_extremes_of_every_score_are_its_stated_range(instrument_id: str) -> None:
    one = instrument(instrument_id)
    low = {i: one.scale.max if i in one.reversed else one.scale.min for i in one.items}
    high = {i: one.scale.min if i in one.reversed else one.scale.max for i in one.items}
    for wanted in one.scores:
        assert score(one, low).scores[wanted.id] == pytest.approx(wanted.min)
        assert score(one, high).scores[wanted.id] == pytest.approx(wanted.max)


@pytest.mark.parametrize("instrument_id", ["wai-36", "wai-s", "wai-sr", "core-om", "oq-45", "pcl-5"])
def test_subscales_part_the_items(instrument_id: str) -> None:
    one = instrument(instrument_id)
    parts = [s.items for s in one.scores if s.id != "total"]
    assert sorted(chain.from_iterable(parts)) == list(one.items)


def test_wai_sr_is_not_scored_in_blocks() -> None:
    answers = dict(enumerate([5, 5, 1, 1, 1, 1, 1, 1, 1, 5, 1, 5], 1))
    scores = score(instrument("wai-sr"), answers).scores
    assert (scores["task"], scores["bond"], scores["goal"], scores["total"]) == (20, 4, 4, 28)
    assert instrument("wai-sr").reversed == ()


def test_wai_36_reverses_item_29_and_not_28() -> None:
    reverse = instrument("wai-36").reversed
    assert 29 in reverse and 28 not in reverse
    assert len(reverse) == 14


def test_oq_45_reverses_nine_items_not_24() -> None:
    assert instrument("oq-45").reversed == (1, 12, 13, 20, 21, 24, 31, 37, 43)


def test_core_om_does_not_reverse_item_30() -> None:
    assert instrument("core-om").reversed == (3, 4, 7, 12, 19, 21, 31, 32)


def test_who_5_is_the_raw_sum_times_four() -> None:
    assert score(instrument("who-5"), dict.fromkeys(range(1, 6), 2)).scores["total"] == 40


@pytest.mark.parametrize("instrument_id", [e.id for e in CATALOGUE if e.instrument and e.instrument.id.startswith("wai")])
def test_the_wai_has_no_bands(instrument_id: str) -> None:
    entry = CATALOGUE.entry(instrument_id)
    assert entry is not None and entry.instrument is not None
    assert entry.instrument.cut_offs == ()


def test_bands_for_an_alliance_measure_are_refused() -> None:
    band = {"score": "total", "comparison": "at_least", "value": 48, "mark": "V", "citation": "x", "meaning": "strong"}
    entry = judge("wai-sr", raw("wai-sr") | {"cut_offs": [band]})
    assert entry.disabled is not None and "no bands" in entry.disabled


def test_an_observer_starts_the_wai_o_at_four() -> None:
    entry = CATALOGUE.entry("wai-o")
    assert entry is not None and entry.instrument is not None
    assert entry.instrument.scale.initial == 4


def test_a_definition_that_fails_its_vectors_is_disabled_with_its_reason() -> None:
    wrong = raw("core-om")
    wrong["reversed"] = [30 if i == 31 else i for i in wrong["reversed"]]
    entry = judge("core-om", wrong)
    assert entry.disabled is not None and "vector 1" in entry.disabled


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"vectors": []}, "no self-test vector"),
        ({"id": "wai-x"}, "not its file's name"),
        ({"key_mark": "M?"}, "not confirmed"),
        ({"reversed": [13]}, "item count"),
        ({"reversed": [2, 2]}, "twice"),
        ({"scale": {"items": 12, "min": 5, "max": 5}}, "min is below its max"),
        ({"bands": []}, "cannot be read"),
        ({"vectors": [{"answers": [6] * 12, "scores": {"total": 72}}]}, "from 1 to 5"),
        ({"vectors": [{"answers": [1] * 12, "scores": {"alliance": 12}}]}, "alliance is None"),
    ],
)
def test_what_is_wrong_with_a_definition_is_said(change: dict[str, Any], reason: str) -> None:
    entry = judge("wai-sr", raw("wai-sr") | change)
    assert entry.disabled is not None and reason in entry.disabled


def test_text_is_carried_only_where_its_licence_lets_everybody_have_it() -> None:
    with_text = {e.id for e in CATALOGUE if e.instrument and e.instrument.text}
    assert with_text == {"phq-9", "gad-7", "pcl-5", "core-10", "gtbs"}
    for entry in CATALOGUE:
        assert entry.instrument is not None
        if entry.instrument.licence.state in ("licensed", "ask", "bring-your-own", "unconfirmed"):
            assert entry.instrument.text is None, entry.id


def test_our_own_form_says_what_it_is_not() -> None:
    ours = instrument("gtbs")
    assert ours.measures is Construct.ALLIANCE
    assert "unvalidated" in ours.name and "not the WAI" in ours.name
    assert ours.licence.state == "cc0"


@pytest.mark.parametrize("instrument_id", ["phq-9", "gad-7"])
def test_unconfirmed_prorating_is_not_applied(instrument_id: str) -> None:
    one = instrument(instrument_id)
    assert one.missing.mark is Mark.UNCONFIRMED
    scored = score(one, dict.fromkeys(list(one.items)[:-1], 1))
    assert scored.scores["total"] is None
    assert scored.missing == (one.scale.items,)


def test_critical_items_are_named() -> None:
    found = {e.id: e.instrument.critical for e in CATALOGUE if e.instrument and e.instrument.critical}
    assert found == {
        "phq-9": {9},
        "core-10": {6},
        "core-om": {6, 9, 16, 22, 24, 34},
        "oq-45": {8, 11, 26, 32, 44},
        "cssrs-screener": {1, 2, 3, 4, 5, 6, 7},
    }


def test_a_clinics_own_definition_takes_the_built_in_ones_place(tmp_path: Path) -> None:
    own = raw("who-5") | {"name": "WHO-5 with our licensed text"}
    (tmp_path / "who-5.json").write_bytes(orjson.dumps(own))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    catalogue = load([tmp_path])
    mine = catalogue.enabled("who-5")
    assert mine is not None and mine.name == "WHO-5 with our licensed text"
    reasons = [e.disabled for i in ("broken", "list") if (e := catalogue.entry(i)) is not None]
    assert reasons == ["the file is not JSON", "the file is not a JSON object"]
