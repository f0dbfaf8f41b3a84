"""Pictures of access as SVG: shapes and text alone, coloured by classes of the pages' own sheet, so that light, dark and the
policy without inline styles hold. Each picture has a table beside it that says the same, and is drawn twice: for a wide window,
and `narrow`, 300 wide, for a telephone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import escape
from itertools import product
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEAT_STEPS: Final = 5
COLOURS: Final = 7
"""classes c1 … c7; the last stands for all that have no colour of their own"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on the timeline: a consent or a relationship."""

    label: str
    kind: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Dot:
    """Uses of the client's records on one day."""

    day: date
    who: str
    times: int
    refused: int


def heat_map(counts: Mapping[tuple[int, int], int], *, narrow: bool = False) -> str:
    """Weekday (0 is Monday) × hour of the day (UTC) → uses. Narrow: the hours go down."""
    highest = max(counts.values(), default=0)
    across, down, left, top = (37, 19, 40, 22) if narrow else (30, 30, 44, 26)

    def place(weekday: int, hour: int) -> tuple[int, int]:
        column, row = (weekday, hour) if narrow else (hour, weekday)
        return left + column * across, top + row * down

    def beside(row: int) -> float:
        return top + row * down + down / 2 + 4

    def above(column: int) -> float:
        return left + column * across + across / 2

    hours = range(0, 24, 2)
    if narrow:
        parts = [_text(above(w), top - 8, DAYS[w], "middle") for w in range(7)]
        parts += [_text(left - 6, beside(h), f"{h}:00", "end") for h in hours]
    else:
        parts = [_text(above(h), top - 10, f"{h}", "middle") for h in hours]
        parts += [_text(left - 8, beside(w), DAYS[w], "end") for w in range(7)]
    for weekday, hour in product(range(7), range(24)):
        times = counts.get((weekday, hour), 0)
        step = 0 if not times else 1 + min(HEAT_STEPS - 1, (times - 1) * HEAT_STEPS // max(1, highest))
        told = f"{DAYS[weekday]}, {hour}:00 to {hour + 1}:00: {times:,}"
        x, y = place(weekday, hour)
        parts.append(_rect(x + 1, y + 1, across - 2, down - 2, f"heat{step}", told, radius=4))
    right, bottom = place(6, 23)
    return _svg(right + across + (1 if narrow else 4), bottom + down + 4, "Uses of records by weekday and hour, UTC", parts)


def people_bars(rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, int], *, narrow: bool = False) -> str:
    """Person → purpose → uses, most first; `colours` gives each purpose its class. Narrow: names stand above their bars."""
    row, left, width, right = (44, 0, 240, 60) if narrow else (30, 190, 560, 70)
    highest = max((sum(of.values()) for _, of in rows), default=0) or 1
    parts = []
    for n, (name, of) in enumerate(rows):
        x, y = float(left), n * row + (18 if narrow else 4)
        parts.append(_label(n * row + 13 if narrow else y + 17, name, left, 24, narrow=narrow))
        for purpose, times in sorted(of.items(), key=lambda kv: colours.get(kv[0], COLOURS)):
            wide = max(3.0, times / highest * width)
            told = f"{name}, {purpose or 'no purpose'}: {times:,}"
            parts.append(_rect(x, y, wide, 22, f"c{colours.get(purpose, COLOURS)}", told))
            x += wide
        parts.append(_text(x + 6, y + 17, f"{sum(of.values()):,}", "start"))
    return _svg(left + width + right, max(1, len(rows)) * row + 4, "Uses of records by person and purpose", parts)


def day_bars(counts: Sequence[tuple[date, int]], *, narrow: bool = False) -> str:
    """Refusals by day, without gaps between the days."""
    width, height, left, right, days = (262, 150, 34, 38, 3) if narrow else (820, 190, 44, 30, 6)
    highest = max((n for _, n in counts), default=0)
    top = _round_up(highest)
    each = (width - left) / max(1, len(counts))
    parts = []
    for share in (0, 0.5, 1):
        y = 10 + (height - 10) * (1 - share)
        parts.append(f'<path class="grid" d="M{left} {y:.1f} H{width}"/>')
        parts.append(_text(left - 8, y + 4, f"{top * share:g}", "end"))
    for n, (day, times) in enumerate(counts):
        if times:
            tall = (height - 10) * times / top
            parts.append(
                _rect(left + n * each + each * 0.1, height - tall, each * 0.8, tall, "refused", f"{day:%d %b %Y}: {times:,}")
            )
    for n in range(0, len(counts), max(1, -(-len(counts) // days))):
        parts.append(_text(left + n * each, height + 17, f"{counts[n][0]:%d %b}", "start"))
    return _svg(width + right, height + 24, "Refused requests by day", parts)


def timeline(bars: Sequence[Bar], dots: Sequence[Dot], since: datetime, until: datetime, *, narrow: bool = False) -> str:
    """Consents and relationships as bars, uses as dots, on one axis of time. Narrow: labels stand above their rows."""
    left, width, right, row, steps = (10, 280, 10, 42, 2) if narrow else (210, 640, 20, 26, 4)
    span = max(1.0, (until - since).total_seconds())

    def x(at: datetime) -> float:
        return left + min(1.0, max(0.0, (at - since).total_seconds() / span)) * width

    def middle(n: int) -> float:
        """Of what is drawn in the row: under its label, or beside it."""
        return 26.0 + n * row + (29 if narrow else 12)

    def named(n: int, text: str) -> str:
        return _label(26 + n * row + 16 if narrow else middle(n) + 4, text, left, 40 if narrow else 28, narrow=narrow)

    parts: list[str] = []
    people = list(dict.fromkeys(d.who for d in dots))
    height = 26 + (len(bars) + len(people)) * row + 8
    for n in range(steps + 1):
        at = since + (until - since) * n / steps
        parts.append(f'<path class="grid" d="M{x(at):.1f} 22 V{height - 4}"/>')
        anchor = "start" if n == 0 else "end" if n == steps else "middle"
        parts.append(_text(x(at), 14, f"{at:%d %b %Y}", anchor))
    for n, bar in enumerate(bars):
        start, end = x(bar.start), x(bar.end or until)
        told = f"{bar.label}: {bar.start:%d %b %Y} to {(bar.end and f'{bar.end:%d %b %Y}') or 'today'}"
        parts.append(_rect(start, middle(n) - 7, max(3.0, end - start), 14, bar.kind, told, radius=4))
        parts.append(named(n, bar.label))
    for n, who in enumerate(people, len(bars)):
        y = middle(n)
        parts.append(f'<path class="lane" d="M{left} {y:.1f} H{left + width}"/>')
        for d in (d for d in dots if d.who == who):
            centre = x(datetime(d.day.year, d.day.month, d.day.day, 12, tzinfo=UTC))
            size = min(9.0, 3.5 + d.times**0.5)
            told = f"{who}, {d.day:%d %b %Y}: {d.times:,}" + (f", {d.refused:,} refused" if d.refused else "")
            kind = "refused" if d.refused else "use"
            parts.append(
                f'<circle class="{kind}" cx="{centre:.1f}" cy="{y:.1f}" r="{size:.1f}"><title>{escape(told)}</title></circle>'
            )
        parts.append(named(n, who))
    return _svg(left + width + right, height, "Consents, care relationships and uses on one axis of time", parts)


def days_between(since: date, until: date) -> list[date]:
    return [since + timedelta(days=n) for n in range((until - since).days + 1)]


def _round_up(highest: int) -> int:
    """A number that divides well for the axis, at least 4."""
    step = 4
    while step < highest:
        step = step * 5 // 2 if str(step)[0] == "4" else step * 2
    return step


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _rect(x: float, y: float, width: float, height: float, kind: str, told: str, *, radius: int = 2) -> str:
    return (
        f'<rect class="{escape(kind)}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height:.1f}" '
        f'rx="{radius}"><title>{escape(told)}</title></rect>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _label(y: float, text: str, left: float, most: int, *, narrow: bool) -> str:
    """Above what it names, or before it."""
    return _text(left if narrow else left - 10, y, _short(text, most), "start" if narrow else "end")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
