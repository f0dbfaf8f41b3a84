"""Pictures are well-formed SVG whatever people are called, say what they count, and carry no style and no script."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as Xml

import pytest

from services.audit_log.officers.domain.pictures import Bar, Dot, day_bars, days_between, heat_map, people_bars, timeline

HOSTILE = "\"><script>alert(1)</script><i a='"
SVG = "{http://www.w3.org/2000/svg}"
START = datetime(2026, 3, 1, tzinfo=UTC)
BARS = [Bar(HOSTILE, "agreed", START - timedelta(days=9), None), Bar("therapist: t", "related", START, START + timedelta(days=2))]
DOTS = [Dot(date(2026, 3, 2), HOSTILE, 4, 0), Dot(date(2026, 3, 3), HOSTILE, 2, 1), Dot(date(2026, 3, 3), "desk", 1, 0)]
PICTURES = {
    "heat": heat_map({(0, 9): 40, (0, 10): 1, (6, 23): 20}),
    "heat of nothing": heat_map({}),
    "people": people_bars([(HOSTILE, {"TREAT": 3, "<b>": 1}), ("desk", {"HOPERAT": 2})], {"TREAT": 1, "HOPERAT": 2}),
    "nobody": people_bars([], {}),
    "days": day_bars([(d, n) for n, d in enumerate(days_between(date(2026, 3, 1), date(2026, 3, 9)))]),
    "no day": day_bars([(date(2026, 3, 1), 0)]),
    "timeline": timeline(BARS, DOTS, START, START + timedelta(days=10)),
    "empty timeline": timeline([], [], START, START),
}
NARROW = {
    "narrow heat": heat_map({(0, 9): 40, (6, 23): 20}, narrow=True),
    "narrow people": people_bars([(HOSTILE, {"TREAT": 3, "<b>": 1})], {"TREAT": 1}, narrow=True),
    "narrow days": day_bars([(d, n) for n, d in enumerate(days_between(date(2026, 3, 1), date(2026, 3, 9)))], narrow=True),
    "narrow timeline": timeline(BARS, DOTS, START, START + timedelta(days=10), narrow=True),
}


def parsed(svg: str) -> Xml.Element:
    return Xml.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314  # made here


@pytest.mark.parametrize("name", PICTURES | NARROW)
def test_a_picture_is_plain_svg(name: str) -> None:
    root = parsed((PICTURES | NARROW)[name])
    assert root.get("role") == "img" and root.get("aria-label")
    allowed = {SVG + tag for tag in ("svg", "title", "text", "rect", "path", "circle")}
    assert {e.tag for e in root.iter()} <= allowed
    assert not {a for e in root.iter() for a in e.attrib if a == "style" or a.startswith("on")}


def classes(name: str, tag: str) -> list[str | None]:
    return [e.get("class") for e in parsed(PICTURES[name]).iter(SVG + tag)]


def test_the_heat_map_shades_by_share_of_the_highest() -> None:
    cells = classes("heat", "rect")
    assert len(cells) == 7 * 24
    assert (cells[9], cells[10], cells[6 * 24 + 23], cells[0]) == ("heat5", "heat1", "heat3", "heat0")


def test_bars_and_dots_stand_in_their_time() -> None:
    root = parsed(PICTURES["timeline"])
    bars = [(float(e.get("x", "")), float(e.get("width", ""))) for e in root.iter(SVG + "rect")]
    assert bars == [(210.0, 640.0), (210.0, 128.0)]
    assert classes("timeline", "circle") == ["use", "refused", "use"]


@pytest.mark.parametrize("name", ["heat", "days", "timeline"])
def test_a_narrow_picture_shows_the_same(name: str) -> None:
    wide, narrow = parsed(PICTURES[name]), parsed(NARROW[f"narrow {name}"])
    marks = [[len(list(root.iter(SVG + tag))) for tag in ("rect", "circle")] for root in (wide, narrow)]
    assert marks[0] == marks[1]


def test_a_narrow_picture_is_300_wide() -> None:
    assert {parsed(svg).get("width") for svg in NARROW.values()} == {"300"}


def test_a_day_without_refusals_has_no_bar() -> None:
    assert len(classes("days", "rect")) == 8 and classes("no day", "rect") == []
