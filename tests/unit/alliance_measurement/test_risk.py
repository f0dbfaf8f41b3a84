"""Who is told of an answer to a critical item, in which order, and what the client is promised."""

from datetime import UTC, datetime, timedelta

import pytest

from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.domain.instrument import Instrument, OnCall
from services.alliance_measurement.risk.domain.risk import (
    CareTeam,
    RiskSettings,
    chain,
    following,
    late_by,
    promise,
    reached,
    skipped,
    what_now,
)

CRITICAL = [e.instrument for e in load() if e.instrument is not None and e.instrument.critical_items]
TEAM = CareTeam(("therapist", "second"), ("supervisor",))


@pytest.mark.parametrize("instrument", CRITICAL, ids=lambda i: i.id)
def test_an_item_alarms_from_its_threshold_on_and_no_other_item_does(instrument: Instrument) -> None:
    least = dict.fromkeys(instrument.items, instrument.scale.min)
    assert reached(instrument, least) == ()
    most = {i: instrument.scale.max for i in instrument.items if i not in instrument.critical}
    assert reached(instrument, most) == ()
    for critical in instrument.critical_items:
        assert reached(instrument, {critical.item: critical.at_least}) == (critical,)
        assert reached(instrument, {critical.item: critical.at_least - 1}) == ()
    assert skipped(instrument, list(instrument.items)) == sorted(instrument.critical)


@pytest.mark.parametrize("instrument", CRITICAL, ids=lambda i: i.id)
def test_each_critical_item_has_a_source_and_somebody_to_tell(instrument: Instrument) -> None:
    assert all(c.citation and c.mark.applies and c.told for c in instrument.critical_items)


def test_the_order_is_on_call_then_therapist_then_supervisor_each_once() -> None:
    items = CRITICAL[0].critical_items
    settings = RiskSettings(on_call=("duty", "therapist"))
    order = chain(items, settings, TEAM)
    assert order == ("duty", "therapist", "second", "supervisor")
    assert [following(order, order[:n]) for n in range(5)] == [*order, None]
    assert chain(items, RiskSettings(), CareTeam()) == () and following((), ()) is None
    only = [items[0].model_copy(update={"told": (OnCall.SUPERVISOR,)})]
    assert chain(only, settings, TEAM) == ("supervisor",)


def test_the_products_own_words_name_no_number() -> None:
    (said,) = what_now(RiskSettings())
    assert not any(c.isdigit() for c in said["text"]) and said["source"]


def test_the_promise_is_there_where_critical_items_are() -> None:
    settings = RiskSettings(on_call=("duty",), escalate_after_minutes=20)
    for entry in load():
        if entry.instrument is not None:
            assert (promise(entry.instrument, settings) is not None) is bool(entry.instrument.critical_items)
    told = promise(CRITICAL[0], settings)
    assert told is not None and told["told_in_this_order"][0] == "a clinician on call" and "20 minutes" in told["when"]
    without = promise(CRITICAL[0], RiskSettings())
    assert without is not None and without["told_in_this_order"][0] == "your therapist"


def test_lateness_is_whole_seconds_and_never_below_none() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert late_by(at, at + timedelta(seconds=61.9)) == 61 and late_by(at, at - timedelta(seconds=3)) == 0
