"""Outcome scores from elsewhere: read back as they were written."""

from typing import Any

import pytest

from tests.integration.alliance_measurement.clinic import Clinic, today


async def test_outcomes_are_read_back_equal(rated_clinic: Clinic) -> None:
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    written: list[dict[str, Any]] = [
        {"measure": "bdi-ii", "session_id": await rated_clinic.session_bound(), "date": "2025-03-01", "score": 31},
        {"measure": "bdi-ii", "session_id": None, "date": "2025-03-08", "score": 28.5},
        {"measure": "phq-9", "session_id": None, "date": today(), "score": 12},
        {"measure": "k.own_scale-2", "session_id": None, "date": None, "score": -0.25},
    ]
    ids = [(await rated_clinic.done("POST", path, "therapist", w))["id"] for w in written]
    for who in ("therapist", "client"):
        read = await rated_clinic.done("GET", path, who)
        assert [{k: i[k] for k in written[0]} for i in read["items"]] == written
        assert [i["id"] for i in read["items"]] == ids
        assert read["next"] is None
    only = await rated_clinic.done("GET", f"{path}?measure=bdi-ii&limit=1", "therapist")
    assert [i["score"] for i in only["items"]] == [31]
    rest = await rated_clinic.done("GET", f"{path}?measure=bdi-ii&limit=1&cursor={only['next']}", "therapist")
    assert [i["score"] for i in rest["items"]] == [28.5] and rest["next"] is None
    assert (await rated_clinic.done("GET", f"{path}?measure=ors", "therapist"))["items"] == []


async def test_a_repeat_writes_one_outcome(rated_clinic: Clinic) -> None:
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    body = {"measure": "ors", "score": 21.5}
    first = await rated_clinic.call("POST", path, "therapist", body, headers={"Idempotency-Key": "o-1"})
    second = await rated_clinic.call("POST", path, "therapist", body, headers={"Idempotency-Key": "o-1"})
    assert (first.status, first.body) == (second.status, second.body)
    assert len((await rated_clinic.done("GET", path, "therapist"))["items"]) == 1


async def test_who_may_write_an_outcome(rated_clinic: Clinic) -> None:
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    body = {"measure": "ors", "score": 21.5}
    statuses = {who: (await rated_clinic.call("POST", path, who, body)).status for who in ("client", "intake", "stranger")}
    assert statuses == {"client": 403, "intake": 403, "stranger": 404}
    assert (await rated_clinic.call("GET", path, "supervisor")).status == 200


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"measure": "PHQ-9"}, "/measure"),
        ({"measure": ""}, "/measure"),
        ({"measure": "x" * 41}, "/measure"),
        ({"measure": "a b"}, "/measure"),
        ({"measure": 7}, "/measure"),
        ({"score": "12"}, "/score"),
        ({"score": True}, "/score"),
        ({"score": None}, "/score"),
        ({"score": 28}, "/score"),
        ({"score": -1}, "/score"),
        ({"score": 10**30, "measure": "own"}, "/score"),
        ({"date": "2025-02-30"}, "/date"),
        ({"date": "01.02.2025"}, "/date"),
        ({"date": "2199-01-01"}, "/date"),
        ({"date": "1066-10-14"}, "/date"),
        ({"session_id": "first"}, "/session_id"),
        ({"comment": "felt better"}, "/comment"),
    ],
)
async def test_bad_outcomes(rated_clinic: Clinic, change: dict[str, Any], pointer: str) -> None:
    body = {"measure": "phq-9", "score": 12} | change
    answer = await rated_clinic.call("POST", f"/v1/clients/{rated_clinic.client_id}/outcomes", "therapist", body)
    assert answer.status == 422, answer.body
    assert [e["pointer"] for e in answer.body["errors"]] == [pointer]
    assert "felt better" not in str(answer.body)


async def test_scores_that_are_no_number_and_queries_that_are_none(rated_clinic: Clinic) -> None:
    path = f"/v1/clients/{rated_clinic.client_id}/outcomes"
    for raw in (
        b'{"measure": "own", "score": NaN}',
        b'{"measure": "own", "score": Infinity}',
        b'{"measure": "own", "score": 1e999}',
    ):
        assert (await rated_clinic.call("POST", path, "therapist", raw=raw)).status == 422
    for query in ("?limit=0", "?limit=x", "?cursor=x", "?measure=A%20B"):
        assert (await rated_clinic.call("GET", path + query, "therapist")).status == 422


async def test_a_score_is_corrected_and_what_stood_there_stays_in_the_history(rated_clinic: Clinic) -> None:
    clinic, path = rated_clinic, f"/v1/clients/{rated_clinic.client_id}/outcomes"
    written = {"measure": "phq-9", "session_id": await clinic.session_bound(), "date": "2025-03-01", "score": 21}
    one = f"/v1/outcomes/{(await clinic.done('POST', path, 'therapist', written))['id']}"
    first = await clinic.call("GET", one, "therapist")
    assert {**first.body, **written} == first.body and (first.body["version"], first.headers["ETag"]) == (1, 'W/"1"')
    right = {"score": 12, "reason": "Two digits were exchanged."}
    corrected = await clinic.call("PUT", one, "therapist", right, headers={"If-Match": 'W/"1"'})
    assert (corrected.status, corrected.headers["ETag"]) == (200, 'W/"2"'), corrected.body
    for who in ("therapist", "client"):
        (listed,) = (await clinic.done("GET", path, who))["items"]
        assert {**listed, **written, "score": 12} == listed == await clinic.done("GET", one, who)
        assert listed["version"] == 2 and listed["corrected_at"] > listed["recorded_at"]
        before, after = (await clinic.done("GET", f"{one}/history", who))["items"]
        assert (before["what"], before["version"], before["score"], before["reason"]) == ("recorded", 1, 21, None)
        assert (after["what"], after["score"], after["by"]) == ("corrected", 12, f"therapist.{clinic.tenant}")
        assert after["reason"] == right["reason"]


async def test_a_correction_is_refused_whole(rated_clinic: Clinic) -> None:
    clinic, path = rated_clinic, f"/v1/clients/{rated_clinic.client_id}/outcomes"
    written = {"measure": "phq-9", "session_id": await clinic.session_bound(), "date": "2025-03-01", "score": 21}
    one = f"/v1/outcomes/{(await clinic.done('POST', path, 'therapist', written))['id']}"

    async def put(who: str, body: dict[str, Any], version: str | None = 'W/"1"') -> tuple[int, list[str]]:
        answer = await clinic.call("PUT", one, who, body, headers={"If-Match": version} if version else {})
        return answer.status, [e["pointer"] for e in answer.body.get("errors", ())]

    assert await put("therapist", {"score": 12}, None) == (428, [])
    assert await put("therapist", {"score": 12}, 'W/"2"') == (412, [])
    assert await put("therapist", {"score": 28}) == (422, ["/score"])
    moved = {"measure": "gad-7", "session_id": clinic.client_id, "date": "2025-03-02", "score": 12}
    assert await put("therapist", moved) == (422, ["/measure", "/session_id", "/date"])
    assert [await put(who, {"score": 12}) for who in ("client", "supervisor", "stranger", "intake")] == [
        (403, []), (403, []), (404, []), (404, []),
    ]  # fmt: skip
    assert (await clinic.done("GET", one, "therapist"))["version"] == 1
    assert await put("therapist", {**written, "score": 12}) == (200, [])
