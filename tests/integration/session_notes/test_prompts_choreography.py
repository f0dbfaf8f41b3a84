"""What alliance_measurement prepares waits for the client's next session, and shows only what the client's choice allows."""

from typing import Any
from uuid import uuid4

from services.session_notes.sessions.application.sessions import LATE
from shared.contracts.disclosure import ReleaseAudience
from shared.contracts.topics import ALLIANCE
from shared.service import clock
from tests.e2e.rest import Person
from tests.integration.session_notes.world import Clinic

STRAIN = {"kind": "strain", "text": "Score drop consistent with strain.", "instrument": "wai-sr", "onset": 7, "repaired_at": None}
NONE = {**STRAIN, "kind": "none", "text": "", "onset": None}
SHOWN = {"kind": "strain", "text": "Score drop consistent with strain."}


async def of_session(who: Person, session: str) -> list[Any]:
    return list((await who.get(f"/v1/sessions/{session}")).json["prompts"])


async def waiting(clinic: Clinic, who: Person) -> list[Any]:
    read = await who.get(f"/v1/clients/{clinic.client_id}/next-session")
    assert set(read.json) == {"prompts"}
    assert len(read.entries) == 1
    return list(read.json["prompts"])


async def test_a_prompt_waits_and_stands_on_the_next_session_only(clinic: Clinic) -> None:
    before = await clinic.session()
    await clinic.prompt(NONE)
    await clinic.prompt(STRAIN)
    assert await waiting(clinic, clinic.marsh) == [SHOWN]
    missed = await clinic.session(attendance="cancelled")
    following = await clinic.session()
    later = await clinic.session()
    assert await waiting(clinic, clinic.marsh) == []
    assert [await of_session(clinic.marsh, s) for s in (before, missed, following, later)] == [[], [], [SHOWN], []]


async def test_a_prompt_that_comes_late_stands_on_the_session_it_was_prepared_before(clinic: Clinic) -> None:
    prepared = clock.now()
    session = await clinic.session()
    await clinic.prompt(STRAIN, at=prepared)
    assert await of_session(clinic.marsh, session) == [SHOWN]
    assert await waiting(clinic, clinic.marsh) == []


async def test_a_prompt_prepared_just_after_the_newest_session_stands_there_until_the_next(clinic: Clinic) -> None:
    session = await clinic.session()
    await clinic.prompt(STRAIN)
    assert await of_session(clinic.marsh, session) == [SHOWN]
    following = await clinic.session()
    assert [await of_session(clinic.marsh, s) for s in (session, following)] == [[], [SHOWN]]


async def test_a_prompt_prepared_later_waits_for_the_next_session_alone(clinic: Clinic) -> None:
    session = await clinic.session()
    await clinic.prompt(STRAIN, at=clock.now() + 2 * LATE)
    assert await of_session(clinic.marsh, session) == []
    assert await waiting(clinic, clinic.marsh) == [SHOWN]


async def test_only_the_newest_of_an_instrument_counts(clinic: Clinic) -> None:
    await clinic.prompt(STRAIN)
    await clinic.prompt({**STRAIN, "instrument": "srs", "text": "Another instrument."})
    await clinic.prompt(NONE)
    assert await waiting(clinic, clinic.marsh) == [{"kind": "strain", "text": "Another instrument."}]


async def test_a_withheld_prompt_looks_like_none_at_all(clinic: Clinic) -> None:
    nothing = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/next-session")
    await clinic.prompt(STRAIN)
    await clinic.release(ReleaseAudience.WITHHELD)
    withheld = await clinic.marsh.get(f"/v1/clients/{clinic.client_id}/next-session")
    assert (withheld.status, withheld.text) == (nothing.status, nothing.text)
    assert set(withheld.headers) == set(nothing.headers)
    session = await clinic.session()
    assert await of_session(clinic.marsh, session) == []
    await clinic.release(ReleaseAudience.IMMEDIATE)
    assert await of_session(clinic.marsh, session) == [SHOWN]


async def test_who_may_not_know_the_client_learns_nothing(clinic: Clinic) -> None:
    path = f"/v1/clients/{clinic.client_id}/next-session"
    empty = await clinic.stranger.get(path, want=404)
    await clinic.prompt(STRAIN)
    full = await clinic.stranger.get(path, want=404)
    assert {**full.json, "request_id": ""} == {**empty.json, "request_id": ""}


async def test_one_question_for_session_and_prompts(clinic: Clinic) -> None:
    for _ in range(3):
        await clinic.prompt(STRAIN)
    session = await clinic.session()
    asked = len(clinic.asked())
    read = await clinic.marsh.get(f"/v1/sessions/{session}")
    assert [len(r.records) for r in clinic.asked()[asked:]] == [4]
    assert len(read.entries) == 1


async def test_the_same_prompt_delivered_twice_is_kept_once(clinic: Clinic) -> None:
    await clinic.prompt(STRAIN)
    (message,) = clinic.sent(ALLIANCE)
    await clinic.world.bus.publish([message])
    assert await waiting(clinic, clinic.marsh) == [SHOWN]


async def test_a_prompt_that_another_service_signed_is_refused(clinic: Clinic) -> None:
    await clinic.prompt(STRAIN)
    (message,) = clinic.sent(ALLIANCE)
    forged = clinic.world.officer.signer.sign(ALLIANCE, message.key, message.headers, message.payload)
    await clinic.world.bus.publish([type(message)(ALLIANCE, message.key, forged, message.payload)])
    assert await waiting(clinic, clinic.marsh) == [SHOWN]
    async with clinic.rest.session.get(f"{clinic.world.base_url}/metrics") as got:
        assert 'messages_refused_total{topic="alliance.v1",why="forged"}' in await got.text()


async def test_what_cannot_be_read_is_parked_and_counted_as_an_alarm(clinic: Clinic) -> None:
    """The client's later messages wait behind it; another client's flow on."""
    await clinic.prompt(STRAIN)
    (message,) = clinic.sent(ALLIANCE)
    headers = {**message.headers, "ce_id": str(uuid4())}
    unread = b'{"words": "that no prompt has"}'
    signed = clinic.world.alliance.signer.sign(ALLIANCE, message.key, headers, unread)
    await clinic.world.bus.publish([type(message)(ALLIANCE, message.key, signed, unread)])
    await clinic.prompt({**STRAIN, "text": "It waits behind."})
    assert await waiting(clinic, clinic.marsh) == [SHOWN]
    async with clinic.rest.session.get(f"{clinic.world.base_url}/metrics") as got:
        metrics = await got.text()
    assert 'messages_refused_total{topic="alliance.v1",why="parked"}' in metrics
    assert "no prompt has" not in metrics
    await clinic.opened()
    await clinic.prompt({**STRAIN, "text": "Another client's."})
    assert await waiting(clinic, clinic.marsh) == [{"kind": "strain", "text": "Another client's."}]
