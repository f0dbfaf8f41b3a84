"""What the surface says of instruments, administrations, outcomes and the client's release."""

import asyncio
from time import perf_counter
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.embedded import EmbeddedProcess
from tests.e2e.rest import Person, Rest, choose_law, until
from tests.e2e.surface import Clinic, pointers, problem

NAMED = ("wai-sr", "wai-36", "wai-s", "phq-9", "gad-7", "pcl-5", "core-10", "core-om", "oq-45", "srs", "ors")
EMPTY: dict[str, Any] = {"released": False, "series": [], "episodes": []}


@pytest.fixture
async def there(clinic: Rest) -> Clinic:
    return await Clinic(clinic).open()


async def test_instruments(there: Clinic) -> None:
    listed = (await there.marsh.get("/v1/instruments")).json
    assert listed["next"] is None
    assert set(NAMED) <= {i["id"] for i in listed["items"]}


@pytest.mark.parametrize("instrument", NAMED)
async def test_each_instrument(there: Clinic, instrument: str) -> None:
    assert (await there.marsh.get(f"/v1/instruments/{instrument}")).json["id"] == instrument
    made = (await there.asked(instrument)).json
    assert made["id"]
    assert made["link"]
    problem(await there.marsh.call("GET", "/v1/instruments/horoscope"), 404)


@pytest.mark.parametrize("rater", ["client", "therapist", "observer"])
async def test_each_rater(there: Clinic, rater: str) -> None:
    made = await there.asked("wai-sr", rater)
    person = there.client if rater == "client" else there.marsh
    scored = await person.post(f"/v1/administrations/{made.id}/responses", {"answers": {str(i): 5 for i in range(1, 13)}})
    assert scored.json["scores"]["total"] == 60
    if rater != "client":
        own = await there.asked("wai-sr", rater)
        assert (await there.client.call("POST", f"/v1/administrations/{own.id}/responses", {"answers": {"1": 5}})).status in (
            403,
            404,
        )


async def test_wai_sr_scores(there: Clinic) -> None:
    """Hatcher & Gillaspy 2006: goal 4, 6, 8, 11; task 1, 2, 10, 12; bond 3, 5, 7, 9."""
    made = await there.asked()
    goal, bond = {4, 6, 8, 11}, {3, 5, 7, 9}
    answers = {str(i): 5 if i in goal else 3 if i in bond else 2 for i in range(1, 13)}
    scored = await there.client.post(f"/v1/administrations/{made.id}/responses", {"answers": answers})
    scores = scored.json["scores"]
    assert (scores["goal"], scores["task"], scores["bond"], scores["total"]) == (20, 8, 12, 40)
    assert len(scored.entries) == 1
    problem(await there.client.call("POST", f"/v1/administrations/{made.id}/responses", {"answers": answers}), 409)


async def test_every_post_makes_a_new_one(there: Clinic) -> None:
    made = {(await there.asked()).id for _ in range(5)}
    assert len(made) == 5
    assert (await there.asked("wai-sr", "client")).json["link"]
    session = await there.held()
    body = {"client_id": there.client_id, "instrument": "wai-sr", "session_id": session, "rater": "client"}
    with_session = await there.marsh.post("/v1/administrations", body)
    answers = {"answers": {str(i): 4 for i in range(1, 13)}}
    await there.client.post(f"/v1/administrations/{with_session.id}/responses", answers)
    series = (await there.alliance(there.client))["series"]
    assert (series[0]["administration"], series[0]["session"]) == (with_session.id, session)


async def test_who_asks_and_who_answers(there: Clinic) -> None:
    body = {"client_id": there.client_id, "instrument": "wai-sr", "rater": "client"}
    assert (await there.stranger.call("POST", "/v1/administrations", body)).status in (403, 404)
    problem(await there.client.call("POST", "/v1/administrations", body), 403)
    path = f"/v1/administrations/{(await there.asked()).id}/responses"
    answers = {"answers": {str(i): 4 for i in range(1, 13)}}
    other = there.rest.as_("another", "client", client_id=str(uuid4()))
    problem(await other.call("POST", path, answers), 404)
    assert (await there.marsh.call("POST", path, answers)).status == 403
    pointers(await there.client.call("POST", path, {"answers": {"1": 99}}))
    problem(await there.client.call("POST", f"/v1/administrations/{uuid4()}/responses", answers), 404)


async def test_the_link_answers_its_administration_alone(
    there: Clinic, embedded: EmbeddedProcess, session: aiohttp.ClientSession
) -> None:
    """`Authorization: Link <what stands behind the # of the link>`, on the responses of that administration."""
    made, other = await there.asked(), await there.asked()
    address, _, secret = made.json["link"].partition("#")
    assert made.id in address
    headers, answers = {"Authorization": f"Link {secret}"}, {"answers": {str(i): 3 for i in range(1, 13)}}
    wrong = f"{embedded.url}/v1/administrations/{other.id}/responses"
    async with session.post(wrong, json=answers, headers=headers) as refused:
        assert refused.status == 404
    async with session.post(wrong, json=answers, headers={"Authorization": "Link nonsense"}) as refused:
        assert refused.status == 401
    async with session.get(f"{embedded.url}/v1/administrations/{made.id}", headers=headers) as refused:
        assert refused.status == 401
    async with session.post(f"{embedded.url}/v1/administrations/{made.id}/responses", json=answers, headers=headers) as scored:
        assert scored.status == 201
        assert (await scored.json())["scores"]["total"] == 36
    async with session.get(f"{embedded.url}/openapi/alliance_measurement.json") as page:
        described = (await page.json())["paths"]["/v1/administrations/{administration_id}/responses"]["post"]["description"]
    assert "Authorization: Link" in described
    assert "#" in described


async def visible(there: Clinic, person: Person, count: int) -> None:
    end = perf_counter() + 1.0
    while len((await there.alliance(person))["series"]) != count:
        assert perf_counter() < end
        await asyncio.sleep(0.05)


async def test_withheld_delayed_immediate(there: Clinic) -> None:
    supervisor = there.newcomer("supervisor")
    await there.relate(supervisor, "supervisor")
    await there.rated()
    path = f"/v1/clients/{there.client_id}/alliance/release"
    # until the client chooses
    await visible(there, there.marsh, 1)
    assert (await there.alliance(there.marsh))["released"] is True
    assert await there.alliance(supervisor) == EMPTY
    for therapist, count in (("withheld", 0), ("immediate", 1), ("delayed", 0), ("immediate", 1)):
        await there.client.put(path, {"therapist": therapist})
        seen = await there.alliance(there.marsh)
        assert len(seen["series"]) == count
        if therapist == "withheld":
            assert seen == EMPTY
    await there.client.put(path, {"therapist": "withheld", "supervisor": "immediate"})
    assert len((await there.alliance(supervisor))["series"]) == 1
    assert await there.alliance(there.marsh) == EMPTY
    own = await there.alliance(there.client)
    assert (own["released"], len(own["series"])) == (True, 1)
    for person in (there.marsh, supervisor, there.intake):
        problem(await person.call("PUT", path, {"therapist": "immediate"}), 403)
    assert "/therapist" in pointers(await there.client.call("PUT", path, {"therapist": "perhaps"}))


async def test_the_shape_of_the_alliance(there: Clinic) -> None:
    for answer in (4, 4, 4, 4, 4, 2):
        await there.rated(answer)
    await visible(there, there.marsh, 6)
    for path in (f"/v1/clients/{there.client_id}/alliance?instrument=wai-sr", f"/v1/clients/{there.client_id}/alliance"):
        seen = await there.marsh.get(path)
        assert set(seen.json) >= {"released", "series", "episodes"}
        assert set(seen.json["series"][0]) >= {"administration", "scores"}
        (episode,) = seen.json["episodes"]
        assert (episode["kind"], episode["onset"], episode["low"]) == ("strain", 6, 24)
        assert isinstance(episode["rules"], list)
        assert episode.get("repaired_at") is None
        assert len(seen.entries) == 1
    problem(await there.stranger.call("GET", f"/v1/clients/{there.client_id}/alliance?instrument=wai-sr"), 404)


async def test_nothing_rated_yet(there: Clinic) -> None:
    for person in (there.marsh, there.client):
        seen = await there.alliance(person)
        assert (seen["released"], seen["series"], seen["episodes"]) == (True, [], [])


@pytest.mark.parametrize(
    "body",
    [
        {"measure": "phq-9", "score": 12},
        {"measure": "phq-9", "score": 12, "date": "2026-03-01"},
        {"measure": "core-10", "score": 12.5},
        {"measure": "our_own.scale", "score": -3},
        {"measure": "phq-9", "score": 0, "session_id": None, "date": None},
    ],
)
async def test_outcomes_are_read_back(there: Clinic, body: dict[str, Any]) -> None:
    path = f"/v1/clients/{there.client_id}/outcomes"
    session = await there.held()
    made = await there.marsh.post(path, {"session_id": session, **body})
    for person in (there.marsh, there.client):
        (item,) = (await person.get(path)).json["items"]
        assert (item["id"], item["measure"], item["score"]) == (made.id, body["measure"], body["score"])
    problem(await there.stranger.call("GET", path), 404)
    assert (await there.stranger.call("POST", path, body)).status in (403, 404)


async def test_reading_administrations(there: Clinic) -> None:
    scored = await there.rated()
    read = (await there.client.get(f"/v1/administrations/{scored.id}")).json
    assert read["scores"]["total"] == 48
    await there.client.put(f"/v1/clients/{there.client_id}/alliance/release", {"therapist": "withheld"})
    problem(await there.marsh.call("GET", f"/v1/administrations/{scored.id}"), 403)
    listed = await there.marsh.get(f"/v1/administrations?client_id={there.client_id}")
    assert "total" not in listed.text


async def test_164_526_an_amendment_goes_along_with_the_measure_until_its_evidence_is_erased(there: Clinic) -> None:
    """From the client's request at consent to the measure, by way of the messages between them."""
    asked = await there.asked()
    outcomes = f"/v1/clients/{there.client_id}/outcomes"
    outcome = await there.marsh.post(outcomes, {"measure": "ors", "score": 20})
    about = {"what": "I meant the week before.", "why": "The date is wrong."}
    bodies = [
        {"client_id": there.client_id, "record_id": record, "record_type": kind, **about}
        for record, kind in ((asked.id, "administration"), (outcome.id, "outcome"))
    ]
    first, second = [(await there.client.post("/v1/amendment-requests", body)).id for body in bodies]
    await there.marsh.post(f"/v1/amendment-requests/{first}/acceptances", {"text": "Answered for the week before."})
    await there.marsh.post(f"/v1/amendment-requests/{second}/denials", {"basis": "accurate", "reason": "The diary says so."})
    await there.client.post(f"/v1/amendment-requests/{second}/disagreements", {"text": "I still think it is wrong."})

    async def along() -> list[Any]:
        read = (await there.marsh.get(f"/v1/administrations/{asked.id}")).json["amendments"]
        listed = (await there.marsh.get(f"/v1/administrations?client_id={there.client_id}")).json["items"]
        assert [i["amendments"] for i in listed] == [read]
        scored = (await there.marsh.get(outcomes)).json["items"]
        return [(a["id"], a["kind"]) for a in (*read, *scored[0]["amendments"])]

    async def shown() -> bool:
        return await along() == [(first, "accepted"), (second, "disagreement")]

    await until("the measures show what goes along with them", shown, 15)
    one, two = (there.rest.as_(f"officer-{n}", "compliance_officer") for n in (1, 2))
    await choose_law("eu", one, two)
    erasure = {"client_id": there.client_id, "key_classes": ["consent_evidence"], "basis": "GDPR 17(1)(b)"}
    await two.post(f"/v1/erasures/{(await one.post('/v1/erasures', erasure, want=202)).id}/approvals", want=(200, 201, 202))

    async def dropped() -> bool:
        return await along() == []

    await until("the amendments went with the evidence of consent", dropped, 15)
