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
