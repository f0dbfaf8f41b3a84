"""Any aggregate at a version or a moment: the record's own folds over what was known then."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import uuid4

import pytest

from infra.contracts.catalogue import EVENTS, written_today
from infra.contracts.golden import file_of
from services.alliance_measurement.administrations.domain.administration import evolve as administration
from services.audit_log.erasure.domain import erasure, holds
from services.consent.application.fhir_versions import folded as fhir_versions
from services.consent.domain import amendment, capacity, relationship, representative, restriction
from services.consent.domain.consent import fold as consent
from services.session_notes.notes.application.notes import fold as note
from shared.contracts.records import ServiceName
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.model import NewEvent, StoredEvent, StreamAppend
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.time_travel import History
from shared.sealing.event import Event, EventTypes

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def golden(kind: str) -> NewEvent:
    (written,) = [w for w in written_today() if w.type == kind and w.event is not None]
    kept = json.loads(file_of(written).read_text())
    return NewEvent(uuid4(), kind, kept["schema_version"], json.dumps(kept["data"]).encode())


def typed(types: EventTypes, stored: Sequence[StoredEvent]) -> list[Event]:
    return [
        types.load(tenant=s.tenant, event_type=s.type, schema_version=s.schema_version, event_id=s.event_id, data=s.data)
        for s in stored
    ]


@pytest.fixture
async def clock() -> list[datetime]:
    return [START]


@pytest.fixture
async def dated(urls: DatabaseUrls, clock: list[datetime]) -> Any:
    store = PostgresEventStore(urls, now=lambda: clock[0])
    await store.open()
    yield store
    await store.close()


AGGREGATES: dict[str, tuple[Callable[[Sequence[StoredEvent]], Any], list[str], Callable[[Any], str]]] = {
    "note": (
        lambda s: note(list(s)),
        [
            "session-notes.progress-note-drafted",
            "session-notes.progress-note-revised",
            "session-notes.progress-note-signed",
        ],
        lambda state: str(state.status),
    ),
    "consent": (
        lambda s: consent(None, typed(EVENTS[ServiceName.CONSENT], s)),
        ["consent.consent-proposed", "consent.consent-signed", "consent.consent-activated", "consent.consent-revoked"],
        lambda state: str(state.phase),
    ),
    "administration": (
        lambda s: administration(typed(EVENTS[ServiceName.ALLIANCE], s)),
        ["alliance.administration-requested", "alliance.administration-answered"],
        lambda state: "answered" if state.answered is not None else "requested",
    ),
}
STATES = {
    "note": ["draft", "draft", "signed"],
    "consent": ["proposed", "proposed", "active", "revoked"],
    "administration": ["requested", "answered"],
}


@pytest.mark.parametrize("aggregate", sorted(AGGREGATES))
async def test_an_aggregate_is_what_it_was(dated: PostgresEventStore, clock: list[datetime], aggregate: str) -> None:
    fold, kinds, shown = AGGREGATES[aggregate]
    history, stream = History(dated, fold), f"{aggregate}/1"
    for day, kind in enumerate(kinds):
        clock[0] = START + timedelta(days=day)
        await dated.append("haven", [StreamAppend(stream, day, [golden(kind)])])
    for day, wanted in enumerate(STATES[aggregate]):
        moment = START + timedelta(days=day)
        by_version = await history.at_version("haven", stream, day + 1)
        assert (shown(by_version.state), by_version.version, by_version.recorded_at) == (wanted, day + 1, moment)
        for later in (timedelta(0), timedelta(hours=23)):
            by_moment = await history.at("haven", stream, moment + later)
            assert (shown(by_moment.state), by_moment.version) == (wanted, day + 1)
    assert (await history.now("haven", stream)).version == (await history.at_version("haven", stream, 99)).version == len(kinds)
    before = await history.at("haven", stream, START - timedelta(microseconds=1))
    assert (before.state, before.version, before.recorded_at) == (None, 0, None)
    assert (await history.now("harbour", stream)).state is None, "another tenant's history is not there"


def stepped(types: EventTypes, evolve: Callable[[Any, Event], Any], first: Any = None) -> Callable[[Sequence[StoredEvent]], Any]:
    return lambda s: reduce(evolve, typed(types, s), first)


def listed(types: EventTypes) -> Callable[[Sequence[StoredEvent]], Any]:
    return lambda s: [repr(e) for e in typed(types, s)]


CONSENT, NOTES = EVENTS[ServiceName.CONSENT], EVENTS[ServiceName.SESSION_NOTES]
ALLIANCE, AUDIT_LOG = EVENTS[ServiceName.ALLIANCE], EVENTS[ServiceName.AUDIT_LOG]
STREAMS: dict[str, tuple[Callable[[Sequence[StoredEvent]], Any], str, list[str]]] = {
    "relationship": (stepped(CONSENT, relationship.evolve), "consent.relationship-", ["started", "ended"]),
    "representative": (
        stepped(CONSENT, representative.evolve),
        "consent.representative-",
        ["appointed", "took-effect", "rested", "ended"],
    ),
    "capacity": (stepped(CONSENT, capacity.evolve), "consent.capacity-", ["determined", "determined"]),
    "amendment": (stepped(CONSENT, amendment.evolve), "consent.amendment-", ["requested", "extended", "accepted"]),
    "restriction": (stepped(CONSENT, restriction.evolve), "consent.restriction-", ["requested", "decided", "ended"]),
    "consent as FHIR": (fhir_versions, "consent.consent-", ["proposed", "signed", "activated", "explained", "revoked"]),
    "psychotherapy note": (
        lambda s: note(list(s)),
        "session-notes.psychotherapy-note-",
        ["drafted", "revised", "signed", "addendum"],
    ),
    "client": (listed(NOTES), "session-notes.client-", ["registered"]),
    "session": (listed(NOTES), "session-notes.session-", ["held"]),
    "outcome": (listed(ALLIANCE), "alliance.outcome-", ["recorded"]),
    "release": (listed(ALLIANCE), "alliance.release-", ["chosen", "chosen"]),
    "erasure": (
        stepped(AUDIT_LOG, erasure.evolve, erasure.Erasure()),
        "erasure.",
        ["requested", "approved", "fenced", "keys-destroyed", "acknowledged", "completed"],
    ),
    "holds": (lambda s: holds.standing(typed(AUDIT_LOG, s)), "hold.", ["placed", "released"]),
}


@pytest.mark.parametrize("aggregate", sorted(STREAMS))
async def test_any_aggregate_is_what_its_events_until_then_make_it(
    dated: PostgresEventStore, clock: list[datetime], aggregate: str
) -> None:
    fold, prefix, steps = STREAMS[aggregate]
    stream = f"{aggregate}/1"
    for day, step in enumerate(steps):
        clock[0] = START + timedelta(days=day)
        await dated.append("haven", [StreamAppend(stream, day, [golden(prefix + step)])])
    events = await dated.read_stream("haven", stream)
    history = History(dated, fold)
    assert len(events) == len(steps)
    for version in range(1, len(steps) + 1):
        wanted = repr(fold(events[:version]))
        assert repr((await history.at_version("haven", stream, version)).state) == wanted
        moment = START + timedelta(days=version - 1, hours=5)
        assert repr((await history.at("haven", stream, moment)).state) == wanted
    if len(set(steps)) > 1:
        assert repr(fold(events[:1])) != repr(fold(events)), "the control: the events change it"


async def test_a_clock_that_was_set_back_leaves_no_hole(dated: PostgresEventStore, clock: list[datetime]) -> None:
    for hours in (0, 5, 2):
        clock[0] = START + timedelta(hours=hours)
        await dated.append("haven", [StreamAppend("word/1", None, [NewEvent(uuid4(), "test.said", 1, b"{}")])])
    history = History(dated, lambda events: [e.version for e in events])
    assert (await history.at("haven", "word/1", START + timedelta(hours=1))).state == [1]
    assert (await history.at("haven", "word/1", START + timedelta(hours=3))).state == [1, 2, 3]


async def test_what_is_no_version_and_no_moment_is_refused(dated: PostgresEventStore) -> None:
    history = History(dated, list)
    with pytest.raises(ValueError, match="count from 1"):
        await history.at_version("haven", "word/1", 0)
    with pytest.raises(ValueError, match="offset"):
        await history.at("haven", "word/1", datetime(2026, 3, 2))  # noqa: DTZ001
