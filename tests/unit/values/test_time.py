"""One reading of instants and days, one rule for what has come."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.values.time import (
    ANYWHERE,
    CLOCKS_DIFFER,
    NO_ZONE,
    OUT_OF_RANGE,
    Place,
    begin_of,
    end_of,
    parse_day,
    parse_instant,
    place_of,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SAID = "zone|exists|years|leap"
NO_INSTANTS = [
    "20261110",
    "1772000000",
    "2026-11-10",
    "2026-11-10T09:00Z",
    "2026-11-10 09:00:00Z",
    "2026-W46-2T09:00:00Z",
    "2026-314T09:00:00Z",
    "2026-02-30T09:00:00Z",
    "2026-11-10T24:00:00Z",
    "2026-11-10T25:00:00Z",
    "2026-11-10T09:61:00Z",
    "2026-11-10T09:00:00+25:00",
    "2026-11-10T09:00:00.Z",
    "2026-11-10T09:00:00.0000000001Z",
    "٢٠٢٦-11-10T09:00:00Z",
    "2026-11-10T09:00:00Z ",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "now",
    "",
]


@pytest.mark.parametrize("text", NO_INSTANTS)
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=SAID):
        parse_instant(text)


@pytest.mark.parametrize("text", ["2026-11-10T09:00:00", "2026-11-10T09:00:00.5"])
def test_a_time_without_a_zone_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=SAID) as refusal:
        parse_instant(text)
    assert str(refusal.value) == NO_ZONE


@pytest.mark.parametrize(
    "text", ["1899-12-31T23:59:59Z", "1900-01-01T00:00:00+01:00", "2199-12-31T23:30:00-01:00", "9999-12-31T00:00:00Z"]
)
def test_years_are_counted_in_utc(text: str) -> None:
    with pytest.raises(ValueError, match=SAID) as refusal:
        parse_instant(text)
    assert str(refusal.value) == OUT_OF_RANGE


def test_an_instant_keeps_its_offset_and_its_microseconds() -> None:
    at = parse_instant("2026-11-10t09:00:00.123456789-05:00")
    assert (at, at.utcoffset()) == (datetime(2026, 11, 10, 14, 0, 0, 123456, tzinfo=UTC), timedelta(hours=-5))


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2016-12-31T18:59:60-05:00", "2017-01-01T05:29:60.75+05:30"])
def test_a_leap_second_is_the_first_moment_of_the_next_day(text: str) -> None:
    assert parse_instant(text) == datetime(2017, 1, 1, tzinfo=UTC)


def test_no_other_second_sixty_exists() -> None:
    with pytest.raises(ValueError, match="23:59:60 in UTC"):
        parse_instant("2016-12-31T22:59:60Z")


@pytest.mark.parametrize(
    "text", ["20261110", "2026-1-1", "2026-02-30", "1899-12-31", "2200-01-01", "2026-11-10T00:00:00Z", " 2026-11-10", ""]
)
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(ValueError, match=SAID):
        parse_day(text)


def test_a_day_is_included_whole() -> None:
    assert (begin_of("2026-11-10"), end_of("2026-11-10")) == (
        datetime(2026, 11, 10, tzinfo=UTC),
        datetime(2026, 11, 11, tzinfo=UTC),
    )
    assert end_of("2026-11-10T09:00:00+01:00") == datetime(2026, 11, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize("place", [ANYWHERE, Place(ZoneInfo("Asia/Tokyo"))])
def test_one_tolerance_for_clocks(place: Place) -> None:
    assert place.has_come(NOW + CLOCKS_DIFFER, NOW)
    assert not place.has_come(NOW + CLOCKS_DIFFER + timedelta(microseconds=1), NOW)


@pytest.mark.parametrize(
    ("zone", "now", "newest"),
    [
        ("Pacific/Auckland", datetime(2026, 11, 30, 12, tzinfo=UTC), date(2026, 12, 1)),
        ("UTC", datetime(2026, 11, 30, 23, 54, tzinfo=UTC), date(2026, 11, 30)),
        ("UTC", datetime(2026, 11, 30, 23, 55, tzinfo=UTC), date(2026, 12, 1)),
        ("America/New_York", datetime(2026, 12, 1, 4, 0, tzinfo=UTC), date(2026, 11, 30)),
        ("", datetime(2026, 11, 30, 9, 54, tzinfo=UTC), date(2026, 11, 30)),
        ("", datetime(2026, 11, 30, 10, 0, tzinfo=UTC), date(2026, 12, 1)),
    ],
)
def test_a_day_has_come_at_the_place(zone: str, now: datetime, newest: date) -> None:
    place = place_of(zone)
    assert place.has_come(newest, now)
    assert not place.has_come(newest + timedelta(days=1), now)


@pytest.mark.parametrize("zone", ["Vienna", "Europe/Nowhere", "../etc/passwd", "UTC+1", "/etc"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        place_of(zone)
