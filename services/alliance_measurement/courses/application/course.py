"""The alliance as it went: series and episodes, of what the client's choice lets the caller see."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.alliance_measurement.administrations.application.ports import AnsweredRow
from services.alliance_measurement.administrations.domain.administration import AdministrationAnswered, Result
from services.alliance_measurement.courses.application.ports import CourseDesk
from services.alliance_measurement.courses.domain.strain import Episode, Level, StrainRules, assess, no_room_to_rise
from services.alliance_measurement.instruments.application.finding import enabled_instrument
from services.alliance_measurement.instruments.domain.instrument import Construct, Instrument
from shared.contracts.disclosure import MAX_RECORDS, Ratings
from shared.gate.ask import Opened, open_many
from shared.http.call import Call
from shared.http.problems import Fault, forbidden, invalid


@dataclass(frozen=True, slots=True)
class _Rated:
    row: AnsweredRow
    result: Result | None
    """None where it was erased"""

    @property
    def total(self) -> float | None:
        return None if self.result is None else self.result.total


async def read_course(
    desk: CourseDesk, call: Call, client_id: UUID, instrument_id: str
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The body, and the ledger entries. 404 and 403 as the gate decides.

    Withheld looks the same with a hundred ratings as with none. Where some are released and a later one is not yet
    (`delayed`), the course ends before it: what is said of its beginning does not depend on its end.
    """
    instrument = enabled_instrument(desk.catalogue, instrument_id, "?instrument")
    if instrument.measures is not Construct.ALLIANCE:
        raise invalid([Fault("?instrument", "an alliance measure: see GET /v1/instruments")])
    rows = await desk.index.answered(call.tenant, client_id, instrument.id)
    opened = await _ask(desk, call, client_id, rows)
    if not any(opened.permitted(row.id) for row in rows):
        # decided by a rating that does not exist, so that none, some and many look alike
        if opened.ratings is Ratings.REFUSED:
            problem = forbidden()
            problem.headers.update(opened.headers)
            raise problem
        if opened.outcomes or opened.ratings is not Ratings.SHOWN:
            return {"released": False, "series": [], "episodes": []}, opened.entries
    return {"released": True, **await course_of(desk, call.tenant, instrument, rows, opened)}, opened.entries


async def course_of(
    desk: CourseDesk, tenant: str, instrument: Instrument, rows: Sequence[AnsweredRow], opened: Opened
) -> dict[str, Any]:
    """`series`, `episodes`, `rules` and `notes` of what was released of these rows, all of which the gate was asked about.

    What was erased keeps its place in the series, emptied, so that sessions keep their numbers.
    """
    shown = [row for row in _released(rows, opened) if opened.permitted(row.id)]
    events = await desk.index.answers(tenant, [row.id for row in shown if not opened.erased(row.id)])
    rated = [_Rated(row, _result(events.get(row.id), opened)) for row in shown]
    return _course(instrument, rated, desk.strain.get(instrument.id))


async def _ask(desk: CourseDesk, call: Call, client_id: UUID, rows: Sequence[AnsweredRow]) -> Opened:
    """One search. Of a course longer than a question, in parts, what the caller may know of."""
    parts = [rows[first : first + MAX_RECORDS] for first in range(0, len(rows), MAX_RECORDS)]
    if len(parts) > 1:
        seen = [await open_many(desk.gate, call, [r.ref for r in part], client_id=str(client_id), most=0) for part in parts]
        told = [row for part, one in zip(parts, seen, strict=True) for row in part if str(row.id) in one.outcomes]
        parts = [told[first : first + MAX_RECORDS] for first in range(0, len(told), MAX_RECORDS)]
    known = Opened((), {}, {})
    for part in parts or [()]:
        answered = await open_many(desk.gate, call, [row.ref for row in part], client_id=str(client_id))
        known = replace(
            answered,
            entries=(*known.entries, *answered.entries),
            keys=known.keys | answered.keys,
            outcomes=known.outcomes | answered.outcomes,
        )
    return known


def _released(rows: Sequence[AnsweredRow], opened: Opened) -> list[AnsweredRow]:
    """Up to the first that the client's choice keeps back: of which the gate says nothing."""
    end = next((n for n, row in enumerate(rows) if str(row.id) not in opened.outcomes), len(rows))
    return list(rows[:end])


def _result(event: AdministrationAnswered | None, opened: Opened) -> Result | None:
    return None if event is None else event.result.open(opened.key(event.administration_id))


def _course(instrument: Instrument, rated: Sequence[_Rated], rules: StrainRules | None) -> dict[str, Any]:
    totals = [one.total for one in rated]
    body: dict[str, Any] = {"series": [_point(one) for one in rated], "episodes": [], "notes": []}
    if rules is None:
        return body | {"notes": ["no constants are set for this instrument: no episode is looked for"]}
    course = assess(totals, rules)
    for point, level in zip(body["series"], course.levels, strict=True):
        if level is not Level.NONE:
            point["level"] = str(level)
    body["level"] = str(course.level)
    body["episodes"] = [_episode(e) for e in course.episodes]
    body["rules"] = {
        "opens": str(rules.opens),
        "within_sd": rules.within_sd,
        "phi": rules.phi,
        "watch": rules.watch,
        "strain": rules.strain,
        "sd": rules.sd,
        "reliability": rules.reliability,
        "reliable_change": round(rules.reliable_change, 3),
        "citation": rules.citation,
    }
    newest = next((t for t in reversed(totals) if t is not None), None)
    total = instrument.score("total")
    if newest is not None and total is not None and no_room_to_rise(newest, rules, scale_max=total.max):
        body["notes"].append("no room to rise: a reliable rise could not show at this height")
    return body


def _point(one: _Rated) -> dict[str, Any]:
    point: dict[str, Any] = {
        "administration": str(one.row.id),
        "scores": {} if one.result is None else one.result.scores,
        "at": one.row.answered_at.isoformat(),
    }
    if one.row.session_id is not None:
        point["session"] = str(one.row.session_id)
    return point if one.result is not None else point | {"status": "erased", "erased": True}


def _episode(episode: Episode) -> dict[str, Any]:
    low = int(episode.low) if episode.low == int(episode.low) else episode.low
    shown: dict[str, Any] = {
        "kind": "strain",
        "level": str(Level.STRAIN),
        "onset": episode.onset,
        "raised_at": episode.raised_at,
        "low": low,
        "rules": list(episode.rules),
    }
    if episode.repaired_at is not None:
        shown["repaired_at"] = episode.repaired_at
    return shown
