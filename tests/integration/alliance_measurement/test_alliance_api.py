"""Administrations and the course they make, through HTTP and the real gate."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.alliance_measurement.clinic import STRAINED_AND_REPAIRED, Clinic, World, answers_of


async def test_instruments_are_listed_with_their_licence_and_reason(rated_clinic: Clinic) -> None:
    listed = await rated_clinic.done("GET", "/v1/instruments", "client")
    by_id = {i["id"]: i for i in listed["items"]}
    assert {"wai-sr", "wai-36", "wai-s", "phq-9", "gad-7", "pcl-5", "core-10", "core-om", "oq-45", "srs", "ors"} <= set(by_id)
    assert by_id["wai-sr"]["licence"]["state"] == "licensed" and by_id["wai-sr"]["enabled"]
    assert not by_id["wai-o"]["enabled"] and "M?" in by_id["wai-o"]["disabled_reason"]
    whole = await rated_clinic.done("GET", "/v1/instruments/wai-sr", "therapist")
    assert whole["construct"] == "alliance" and whole["strain"]["reliable_change"] == 7.056
    assert "illustrative" in whole["strain"]["citation"]
    assert (await rated_clinic.call("GET", "/v1/instruments/moca", "therapist")).status == 404
    assert (await rated_clinic.call("GET", "/v1/instruments", None)).status == 401


async def test_a_deep_fall_is_one_episode_of_strain_for_the_therapist_and_the_client(rated_clinic: Clinic) -> None:
    ids = await rated_clinic.rate(STRAINED_AND_REPAIRED)
    for who in ("therapist", "client"):
        answer = await rated_clinic.alliance(who)
        assert answer.status == 200 and answer.headers["Audit-Entry"].isdigit()
        course = answer.body
        assert course["released"] is True
        assert [p["administration"] for p in course["series"]] == ids
        assert [p["scores"]["total"] for p in course["series"]] == list(STRAINED_AND_REPAIRED)
        assert all(p["session"] and p["at"] for p in course["series"])
        (episode,) = course["episodes"]
        assert (episode["kind"], episode["onset"], episode["low"], episode["repaired_at"]) == ("strain", 7, 33, 9)
        assert "reliable-change" in episode["rules"] and "x-mr" in episode["rules"]


async def test_an_open_episode_has_no_repair(rated_clinic: Clinic) -> None:
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:8])
    (episode,) = (await rated_clinic.alliance("therapist")).body["episodes"]
    assert "repaired_at" not in episode


NOTHING: dict[str, Any] = {"released": False, "series": [], "episodes": []}


async def test_withheld_shows_nothing_and_tells_no_count(rated_clinic: Clinic) -> None:
    before = (await rated_clinic.alliance("therapist")).body
    assert (before["released"], before["series"], before["episodes"]) == (True, [], [])
    assert await rated_clinic.release(therapist="withheld") == {
        "therapist": "withheld",
        "supervisor": "withheld",
        "enforced": True,
    }
    empty = (await rated_clinic.alliance("therapist")).body
    ids = await rated_clinic.rate(STRAINED_AND_REPAIRED)
    full = (await rated_clinic.alliance("therapist")).body
    assert empty == full == NOTHING
    assert (await rated_clinic.alliance("supervisor")).body == NOTHING
    listed = await rated_clinic.done("GET", f"/v1/administrations?client_id={rated_clinic.client_id}", "therapist")
    assert listed == {"items": [], "next": None}
    assert (await rated_clinic.call("GET", f"/v1/administrations/{ids[0]}", "therapist")).status == 403
    own = (await rated_clinic.alliance("client")).body
    assert own["released"] is True and len(own["series"]) == 12 and len(own["episodes"]) == 1


async def test_release_opens_and_shuts_at_once(rated_clinic: Clinic) -> None:
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:2])
    assert (await rated_clinic.alliance("supervisor")).body == NOTHING
    await rated_clinic.release(therapist="withheld", supervisor="immediate")
    assert (await rated_clinic.alliance("therapist")).body == NOTHING
    assert len((await rated_clinic.alliance("supervisor")).body["series"]) == 2
    await rated_clinic.release(therapist="immediate")
    assert len((await rated_clinic.alliance("therapist")).body["series"]) == 2
    assert len((await rated_clinic.alliance("supervisor")).body["series"]) == 2


async def test_delayed_looks_alike_with_and_without_ratings(rated_clinic: Clinic) -> None:
    await rated_clinic.release(therapist="delayed")
    assert (await rated_clinic.alliance("therapist")).body == NOTHING
    await rated_clinic.rate(STRAINED_AND_REPAIRED[:1])
    assert (await rated_clinic.alliance("therapist")).body == NOTHING


async def test_only_the_client_makes_and_reads_the_choice(rated_clinic: Clinic) -> None:
    path = f"/v1/clients/{rated_clinic.client_id}/alliance/release"
    assert await rated_clinic.done("GET", path, "client") == {"therapist": "immediate", "supervisor": "withheld"}
    for who in ("therapist", "supervisor", "intake"):
        assert (await rated_clinic.call("PUT", path, who, {"therapist": "immediate"})).status == 403
        assert (await rated_clinic.call("GET", path, who)).status == 403
    assert (await rated_clinic.call("GET", path, "stranger")).status == 404
    await rated_clinic.release(supervisor="delayed")
    assert await rated_clinic.done("GET", path, "client") == {"therapist": "immediate", "supervisor": "delayed"}
    for wrong in ({}, {"therapist": "maybe"}, {"therapist": "withheld", "friend": "immediate"}, {"therapist": 1}):
        assert (await rated_clinic.call("PUT", path, "client", wrong)).status == 422


async def test_without_consent_to_measurement_the_therapist_sees_no_score(alliance_world: World) -> None:
    clinic = await alliance_world.clinic().opened("treatment")
    await clinic.rate(STRAINED_AND_REPAIRED[:1])
    assert (await clinic.alliance("therapist")).status == 403
    assert len((await clinic.alliance("client")).body["series"]) == 1


async def test_a_stranger_learns_nothing(rated_clinic: Clinic) -> None:
    (administration,) = await rated_clinic.rate(STRAINED_AND_REPAIRED[:1])
    client = rated_clinic.client_id
    for path in (
        f"/v1/clients/{client}/alliance",
        f"/v1/clients/{client}/outcomes",
        f"/v1/administrations/{administration}",
        f"/v1/administrations?client_id={client}",
        f"/v1/administrations/{uuid4()}",
    ):
        assert (await rated_clinic.call("GET", path, "stranger")).status == 404, path
    body = {"client_id": client, "instrument": "wai-sr", "rater": "client"}
    assert (await rated_clinic.call("POST", "/v1/administrations", "stranger", body)).status == 404
    answers = {"answers": answers_of(44)}
    assert (await rated_clinic.call("POST", f"/v1/administrations/{administration}/responses", "stranger", answers)).status == 404


async def test_the_client_answers_once(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask()
    path = f"/v1/administrations/{asked['id']}/responses"
    refused = await rated_clinic.call("POST", path, "therapist", {"answers": answers_of(44)})
    assert refused.status == 403
    answer = await rated_clinic.call("POST", path, "client", {"answers": dict(zip(["1", "2", "10", "12"], [5] * 4, strict=True))})
    assert answer.status == 201 and answer.headers["Audit-Entry"].isdigit()
    assert answer.body["scores"] == {"goal": None, "task": 20, "bond": None, "total": None}
    assert answer.body["missing"] == [3, 4, 5, 6, 7, 8, 9, 11]
    again = await rated_clinic.call("POST", path, "client", {"answers": answers_of(44)})
    assert again.status == 409
    read = await rated_clinic.done("GET", f"/v1/administrations/{asked['id']}", "therapist")
    assert (read["status"], read["answers"], read["scores"]["task"]) == ("answered", {"1": 5, "2": 5, "10": 5, "12": 5}, 20)


async def test_the_block_vector_through_http(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask()
    answers = {str(i): a for i, a in enumerate([5, 5, 1, 1, 1, 1, 1, 1, 1, 5, 1, 5], 1)}
    scored = await rated_clinic.done("POST", f"/v1/administrations/{asked['id']}/responses", "client", {"answers": answers})
    assert scored["scores"] == {"task": 20, "bond": 4, "goal": 4, "total": 28}


@pytest.mark.parametrize(("instrument", "rater"), [("wai-36", "therapist"), ("gtbs", "observer"), ("wai-sr", "therapist")])
async def test_a_practitioners_own_rating_is_answered_by_its_author(rated_clinic: Clinic, instrument: str, rater: str) -> None:
    asked = await rated_clinic.ask(instrument, rater)
    path = f"/v1/administrations/{asked['id']}/responses"
    assert (await rated_clinic.call("POST", path, "client", {"answers": {"1": 3}})).status in (403, 404)
    await rated_clinic.done("POST", path, "therapist", {"answers": {"1": 3}})
    await rated_clinic.release(therapist="withheld")
    assert (await rated_clinic.done("GET", f"/v1/administrations/{asked['id']}", "therapist"))["status"] == "answered"


async def test_a_link_answers_its_administration_once_and_nothing_else(rated_clinic: Clinic) -> None:
    asked, other = await rated_clinic.ask("phq-9"), await rated_clinic.ask("phq-9")
    address, secret = asked["link"].split("#")
    assert address == f"http://127.0.0.1:8100/answer/{asked['id']}"
    answers = {"answers": {str(i): 1 for i in range(1, 10)}}
    by_link = {"Authorization": f"Link {secret}"}
    path = "/v1/administrations/{}/responses"
    assert (await rated_clinic.call("POST", path.format(other["id"]), None, answers, headers=by_link)).status == 404
    wrong = {"Authorization": f"Link {secret[:-3]}AAA"}
    assert (await rated_clinic.call("POST", path.format(asked["id"]), None, answers, headers=wrong)).status == 404
    for nonsense in ("Link x", "Link ", f"Link {secret} {secret}"):
        assert (
            await rated_clinic.call("POST", path.format(asked["id"]), None, answers, headers={"Authorization": nonsense})
        ).status == 401
    impossible = await rated_clinic.call("POST", path.format(asked["id"]), None, {"answers": {"1": 7}}, headers=by_link)
    assert impossible.status == 422
    done = await rated_clinic.call("POST", path.format(asked["id"]), None, answers, headers=by_link)
    assert (done.status, done.body["scores"]) == (201, {"total": 9})
    assert (await rated_clinic.call("POST", path.format(asked["id"]), None, answers, headers=by_link)).status == 409
    assert (await rated_clinic.call("GET", f"/v1/administrations/{asked['id']}", None, headers=by_link)).status == 401


async def test_a_made_up_link_learns_nothing_of_what_was_sent_under_a_key(rated_clinic: Clinic) -> None:
    """A key that is looked up before the link is proved would tell a guess of the answers from another: 422 or not."""
    asked = await rated_clinic.ask("phq-9")
    path, secret = f"/v1/administrations/{asked['id']}/responses", asked["link"].split("#")[1]
    answers = {"answers": {str(i): 1 for i in range(1, 10)}}

    async def sent(link: str, body: Any) -> Any:
        headers = {"Authorization": f"Link {link}", "Idempotency-Key": "k-1"}
        return await rated_clinic.call("POST", path, None, body, headers=headers)

    done = await sent(secret, answers)
    assert (done.status, done.body["scores"]) == (201, {"total": 9})
    again = await sent(secret, answers)
    assert (again.status, again.body) == (201, done.body)
    other = {"answers": {str(i): 2 for i in range(1, 10)}}
    assert (await sent(secret, other)).status == 422
    told = [await sent(f"{secret[:-3]}AAA", body) for body in (answers, other)]
    assert [(t.status, t.body["type"]) for t in told] == [(404, "/problems/not-found")] * 2


async def test_a_symptom_measure_is_not_governed_by_release(rated_clinic: Clinic) -> None:
    await rated_clinic.release(therapist="withheld")
    asked = await rated_clinic.ask("phq-9")
    answers = {"answers": {str(i): 1 for i in range(1, 10)}}
    await rated_clinic.done("POST", f"/v1/administrations/{asked['id']}/responses", "client", answers)
    read = await rated_clinic.done("GET", f"/v1/administrations/{asked['id']}", "therapist")
    assert read["scores"] == {"total": 9}


async def test_every_post_makes_a_new_administration_and_burden_only_warns(rated_clinic: Clinic) -> None:
    asked = [await rated_clinic.ask("wai-36") for _ in range(3)]
    assert len({a["id"] for a in asked}) == 3
    assert not any("items within a day" in w for w in asked[0]["warnings"])
    assert any("items within a day" in w for w in asked[-1]["warnings"])
    assert any("licensed" in w for w in asked[0]["warnings"])


async def test_a_repeat_with_the_same_key_is_the_same_answer(rated_clinic: Clinic) -> None:
    body = {"client_id": rated_clinic.client_id, "instrument": "wai-sr", "rater": "client"}
    first = await rated_clinic.call("POST", "/v1/administrations", "therapist", body, headers={"Idempotency-Key": "a-1"})
    second = await rated_clinic.call("POST", "/v1/administrations", "therapist", body, headers={"Idempotency-Key": "a-1"})
    assert first.status == second.status == 201 and first.body == second.body
    path, answers = f"/v1/administrations/{first.body['id']}/responses", {"answers": answers_of(44)}
    once = await rated_clinic.call("POST", path, "client", answers, headers={"Idempotency-Key": "r-1"})
    twice = await rated_clinic.call("POST", path, "client", answers, headers={"Idempotency-Key": "r-1"})
    assert once.status == twice.status == 201 and once.body == twice.body
    assert once.headers["Audit-Entry"] != twice.headers["Audit-Entry"]
    other = await rated_clinic.call("POST", path, "client", {"answers": answers_of(40)}, headers={"Idempotency-Key": "r-1"})
    assert other.status == 422
    asked = await rated_clinic.ask()
    link = {"Authorization": f"Link {asked['link'].split('#')[1]}", "Idempotency-Key": "l-1"}
    path = f"/v1/administrations/{asked['id']}/responses"
    once = await rated_clinic.call("POST", path, None, answers, headers=link)
    twice = await rated_clinic.call("POST", path, None, answers, headers=link)
    assert (once.status, once.body) == (twice.status, twice.body) == (201, once.body)


async def test_administrations_are_listed_newest_first_in_pages(rated_clinic: Clinic) -> None:
    made = [(await rated_clinic.ask("who-5"))["id"] for _ in range(5)]
    path = f"/v1/administrations?client_id={rated_clinic.client_id}&limit=2"
    seen: list[str] = []
    cursor = ""
    while True:
        page = await rated_clinic.done("GET", path + cursor, "client")
        seen += [i["id"] for i in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == made[::-1]
    assert (await rated_clinic.call("GET", path + cursor, "therapist")).status == 422


BAD_ADMINISTRATIONS = [
    ({"instrument": "wai-sr", "rater": "client"}, "/client_id"),
    ({"client_id": "tova", "instrument": "wai-sr", "rater": "client"}, "/client_id"),
    ({"instrument": "moca", "rater": "client", "client_id": None}, "/instrument"),
    ({"instrument": "wai-o", "rater": "observer", "client_id": None}, "/instrument"),
    ({"instrument": "wai-sr", "rater": "friend", "client_id": None}, "/rater"),
    ({"instrument": "wai-sr", "rater": "client", "client_id": None, "session_id": "7"}, "/session_id"),
    ({"instrument": "wai-sr", "rater": "client", "client_id": None, "due": "now"}, "/due"),
    ({"instrument": 7, "rater": "client", "client_id": None}, "/instrument"),
]


@pytest.mark.parametrize(("body", "pointer"), BAD_ADMINISTRATIONS)
async def test_bad_requests_for_an_administration(rated_clinic: Clinic, body: dict[str, Any], pointer: str) -> None:
    if "client_id" in body and body["client_id"] is None:
        body = body | {"client_id": rated_clinic.client_id}
    answer = await rated_clinic.call("POST", "/v1/administrations", "therapist", body)
    assert answer.status == 422
    assert [e["pointer"] for e in answer.body["errors"]] == [pointer]


async def test_bad_answers_are_all_listed_and_nothing_is_written(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask()
    path = f"/v1/administrations/{asked['id']}/responses"
    bad = {"answers": {"1": 6, "2": 0, "3": 2.5, "4": "5", "5": True, "6": None, "13": 1, "goal": 3, "7": 4}}
    answer = await rated_clinic.call("POST", path, "client", bad)
    assert answer.status == 422
    assert {e["pointer"] for e in answer.body["errors"]} == {f"/answers/{i}" for i in (1, 2, 3, 4, 5, 6, 13, "goal")}
    shapeless: list[Any] = [{"answers": {}}, {"answers": [5] * 12}, {"answers": None}, {}, {"answers": {"1": 5}, "note": "x"}, []]
    for body in shapeless:
        assert (await rated_clinic.call("POST", path, "client", body)).status == 422, body
    for raw in (b"{", b'{"answers": {"1": NaN}}', b"\xff", b""):
        assert (await rated_clinic.call("POST", path, "client", raw=raw)).status == 422, raw
    large = b'{"answers": {"1": 5}, "x": "' + b"x" * 300_000 + b'"}'
    assert (await rated_clinic.call("POST", path, "client", raw=large)).status == 413
    read = await rated_clinic.done("GET", f"/v1/administrations/{asked['id']}", "client")
    assert read["status"] == "open" and "answers" not in read
    assert (await rated_clinic.call("POST", "/v1/administrations/7/responses", "client", {"answers": {}})).status == 422
    assert (await rated_clinic.call("GET", "/v1/administrations", "client")).status == 422
    for instrument in ("moca", "phq-9"):
        assert (await rated_clinic.alliance("client", instrument)).status == 422


async def test_of_answers_at_the_same_time_one_counts(rated_clinic: Clinic) -> None:
    asked = await rated_clinic.ask()
    path = f"/v1/administrations/{asked['id']}/responses"
    both = await asyncio.gather(
        *(rated_clinic.call("POST", path, "client", {"answers": answers_of(total)}) for total in (40, 41, 42, 43))
    )
    assert sorted(a.status for a in both) == [201, 409, 409, 409]
    (first,) = [a.body["scores"]["total"] for a in both if a.status == 201]
    assert [p["scores"]["total"] for p in (await rated_clinic.alliance("client")).body["series"]] == [first]


async def test_every_route_is_described(alliance_world: World) -> None:
    async with alliance_world.http.get(f"{alliance_world.url}/openapi/alliance_measurement.json") as answer:
        described = await answer.json()
    assert set(described["paths"]) == {
        "/fhir/R4/Questionnaire",
        "/fhir/R4/Questionnaire/_search",
        "/fhir/R4/Questionnaire/{questionnaire_id}",
        "/v1/instruments",
        "/v1/instruments/{instrument_id}",
        "/v1/administrations",
        "/v1/administrations/{administration_id}",
        "/v1/administrations/{administration_id}/responses",
        "/v1/clients/{client_id}/outcomes",
        "/v1/outcomes/{outcome_id}",
        "/v1/outcomes/{outcome_id}/history",
        "/v1/clients/{client_id}/alliance",
        "/v1/clients/{client_id}/alliance/release",
        "/v1/clients/{client_id}/export/measures",
        "/v1/risk-alerts",
        "/v1/risk-alerts/{alert_id}/acknowledgements",
        "/v1/risk-alerts/{alert_id}/handovers",
        "/v1/risk-settings",
    }
