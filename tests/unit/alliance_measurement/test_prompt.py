"""A prompt tells nothing by its size, and nothing of anybody's fault by its words."""

from typing import Any

import orjson
import pytest

from services.alliance_measurement.courses.domain.prompt import prompt_body
from services.alliance_measurement.courses.domain.strain import StrainRules, assess
from services.alliance_measurement.instruments.adapters.definitions import load
from shared.sealing.padding import bucket

RULES = StrainRules(sd=9, reliability=0.92, citation="illustrative")
STRAINED_AND_REPAIRED = (44, 45, 46, 45, 47, 46, 33, 34, 46, 47, 48, 48)


@pytest.mark.parametrize(("sessions", "kind"), [(0, "none"), (6, "none"), (7, "strain"), (9, "repaired"), (10, "none")])
def test_kind_is_of_the_newest_session(sessions: int, kind: str) -> None:
    body = prompt_body("wai-sr", assess(STRAINED_AND_REPAIRED[:sessions], RULES))
    assert body["kind"] == kind
    assert (body["onset"] is None) is (kind == "none")
    assert body["repaired_at"] == (9 if kind == "repaired" else None)


def test_every_body_fills_the_same_bucket() -> None:
    long_ago = (*(45,) * 400, 20, 45)
    bodies: list[dict[str, Any]] = []
    for instrument in [e.id for e in load()] + ["x" * 40]:
        bodies += [prompt_body(instrument, None)]
        bodies += [prompt_body(instrument, assess(long_ago[:n], RULES)) for n in (1, 401, 402)]
    assert {b["kind"] for b in bodies} == {"none", "strain", "repaired"}
    assert {bucket(len(orjson.dumps(b))) for b in bodies} == {256}


def test_words_are_careful() -> None:
    text = prompt_body("wai-sr", assess(STRAINED_AND_REPAIRED[:7], RULES))["text"]
    assert "consistent with strain" in text
    assert "rupture" not in text and "therapist" not in text
