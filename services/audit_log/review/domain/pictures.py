"""Pictures of access as SVG: shapes and text alone, coloured by classes of the pages' own sheet, so that light, dark and the
policy without inline styles hold. Each picture has a table beside it that says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import escape
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


def heat_map(counts: Mapping[tuple[int, int], int]) -> str:
    """Weekday (0 is Monday) × hour of the day (UTC) → uses."""
    cell, left, top = 30, 44, 26
    highest = max(counts.values(), default=0)
    parts = [_text(left + h * cell + cell / 2, 16, f"{h}", "middle") for h in range(0, 24, 2)]
    for weekday in range(7):
        y = top + weekday * cell
        parts.append(_text(left - 8, y + cell / 2 + 4, DAYS[weekday], "end"))
        for hour in range(24):
            times = counts.get((weekday, hour), 0)
            step = 0 if not times else 1 + min(HEAT_STEPS - 1, (times - 1) * HEAT_STEPS // max(1, highest))
            told = f"{DAYS[weekday]}, {hour}:00 to {hour + 1}:00: {times:,}"
            parts.append(_rect(left + hour * cell + 1, y + 1, cell - 2, cell - 2, f"heat{step}", told, radius=4))
    return _svg(left + 24 * cell + 4, top + 7 * cell + 4, "Uses of records by weekday and hour, UTC", parts)


def people_bars(rows: Sequence[tuple[str, Mapping[str, int]]], colours: Mapping[str, int]) -> str:
    """Person → purpose → uses, most first; `colours` gives each purpose its class."""
    row, left, width = 30, 190, 560
    highest = max((sum(of.values()) for _, of in rows), default=0) or 1
    parts = []
    for n, (name, of) in enumerate(rows):
        y, x = n * row + 4, float(left)
        parts.append(_text(left - 10, y + 17, _short(name, 24), "end"))
        for purpose, times in sorted(of.items(), key=lambda kv: colours.get(kv[0], COLOURS)):
            wide = times / highest * width
            told = f"{name}, {purpose or 'no purpose'}: {times:,}"
            parts.append(_rect(x, y, wide, row - 8, f"c{colours.get(purpose, COLOURS)}", told))
            x += wide
        parts.append(_text(x + 6, y + 17, f"{sum(of.values()):,}", "start"))
    return _svg(left + width + 70, max(1, len(rows)) * row + 4, "Uses of records by person and purpose", parts)


def day_bars(counts: Sequence[tuple[date, int]]) -> str:
    """Refusals by day, without gaps between the days."""
    width, height, left, bottom = 820, 190, 44, 24
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
    for n in range(0, len(counts), max(1, len(counts) // 6)):
        parts.append(_text(left + n * each, height + 17, f"{counts[n][0]:%d %b}", "start"))
    return _svg(width + 30, height + bottom, "Refused requests by day", parts)


def timeline(bars: Sequence[Bar], dots: Sequence[Dot], since: datetime, until: datetime) -> str:
    """Consents and relationships as bars, uses as dots, on one axis of time."""
    left, width, row = 210, 640, 26
    span = max(1.0, (until - since).total_seconds())

    def x(at: datetime) -> float:
        return left + min(1.0, max(0.0, (at - since).total_seconds() / span)) * width

    parts: list[str] = []
    people = list(dict.fromkeys(d.who for d in dots))
    rows = len(bars) + len(people)
    height = 26 + rows * row + 8
    for n in range(6):
        at = since + (until - since) * n / 5
        parts.append(f'<path class="grid" d="M{x(at):.1f} 22 V{height - 4}"/>')
        anchor = "start" if n == 0 else "end" if n == 5 else "middle"
        parts.append(_text(x(at), 14, f"{at:%d %b %Y}", anchor))
    for n, bar in enumerate(bars):
        y = 26.0 + n * row
        start, end = x(bar.start), x(bar.end or until)
        parts.append(_text(left - 10, y + 16, _short(bar.label, 28), "end"))
        told = f"{bar.label}: {bar.start:%d %b %Y} to {(bar.end and f'{bar.end:%d %b %Y}') or 'today'}"
        parts.append(_rect(start, y + 5, max(3.0, end - start), row - 12, bar.kind, told, radius=4))
    for n, who in enumerate(people):
        y = 26.0 + (len(bars) + n) * row + row / 2
        parts.append(_text(left - 10, y + 4, _short(who, 28), "end"))
        parts.append(f'<path class="lane" d="M{left} {y:.1f} H{left + width}"/>')
        for d in (d for d in dots if d.who == who):
            centre = x(datetime(d.day.year, d.day.month, d.day.day, 12, tzinfo=UTC))
            size = min(9.0, 3.5 + d.times**0.5)
            told = f"{who}, {d.day:%d %b %Y}: {d.times:,}" + (f", {d.refused:,} refused" if d.refused else "")
            kind = "refused" if d.refused else "use"
            parts.append(
                f'<circle class="{kind}" cx="{centre:.1f}" cy="{y:.1f}" r="{size:.1f}"><title>{escape(told)}</title></circle>'
            )
    return _svg(left + width + 20, height, "Consents, care relationships and uses on one axis of time", parts)


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


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
