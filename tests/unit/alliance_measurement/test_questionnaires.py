"""Instruments as FHIR Questionnaires: nothing that is not ours to give, and what is answered there scores as it does here."""

from typing import Any

import pytest

from services.alliance_measurement.fhir.api.questionnaire_search import holds
from services.alliance_measurement.fhir.domain.questionnaire import questionnaire
from services.alliance_measurement.instruments.adapters.definitions import load
from services.alliance_measurement.instruments.domain.catalogue import Catalogue, Entry, judge
from services.alliance_measurement.instruments.domain.instrument import Instrument
from services.alliance_measurement.instruments.domain.scoring import score
from shared.http.problems import Problem

BASE = "https://r.example/fhir/R4"
CATALOGUE: Catalogue = load(())
ENTRIES = [pytest.param(entry, id=entry.id) for entry in CATALOGUE]


def shown(instrument_id: str) -> dict[str, Any]:
    entry = CATALOGUE.entry(instrument_id)
    assert entry is not None
    found = questionnaire(entry, BASE)
    assert found is not None
    return found


def instrument_of(entry: Entry) -> Instrument:
    assert entry.instrument is not None
    return entry.instrument


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_item_once_and_text_only_where_the_licence_lets_everybody_read_it(entry: Entry) -> None:
    instrument, items = instrument_of(entry), shown(entry.id)["item"]
    assert [item["linkId"] for item in items] == [str(n) for n in instrument.items]
    if instrument.text is None:
        assert [item["text"] for item in items] == [f"Item {n}" for n in instrument.items]
        assert "description" not in shown(entry.id)
    else:
        assert [item["text"] for item in items] == [instrument.text.items[n] for n in instrument.items]
    assert (shown(entry.id)["status"] == "active") == (entry.disabled is None)


def admitted(item: dict[str, Any]) -> list[float]:
    """The values that an item takes: the ordinal of each choice, or the two ends."""
    if item["type"] == "choice":
        return [option["valueCoding"]["extension"][0]["valueDecimal"] for option in item["answerOption"]]
    return [next(v for k, v in end.items() if k != "url") for end in item["extension"]]


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e.disabled is None], ids=lambda e: e.id)
def test_the_lowest_and_highest_answers_score_as_they_do_here(entry: Entry) -> None:
    instrument = instrument_of(entry)
    for end, at in ((0, instrument.scale.min), (-1, instrument.scale.max)):
        there = {int(item["linkId"]): admitted(item)[end] for item in shown(entry.id)["item"]}
        assert score(instrument, there) == score(instrument, dict.fromkeys(instrument.items, at))


def test_codes_of_loinc_where_there_are_any() -> None:
    phq = shown("phq-9")
    assert {"system": "http://loinc.org", "code": "44249-1"} in phq["code"]
    assert phq["item"][8]["code"] == [{"system": "http://loinc.org", "code": "44260-8"}]
    assert {c["system"] for c in shown("wai-sr")["code"]} == {"urn:alliance-record:instrument"}


def test_an_item_that_follows_another_is_asked_where_that_one_is_answered_above_the_least() -> None:
    follows = {i["linkId"]: i["enableWhen"] for i in shown("cssrs-screener")["item"] if "enableWhen" in i}
    entry = CATALOGUE.entry("cssrs-screener")
    assert entry is not None
    assert {k: v[0]["question"] for k, v in follows.items()} == {str(k): str(v) for k, v in instrument_of(entry).asked_if.items()}
    assert all(v == [{"question": v[0]["question"], "operator": ">", "answerInteger": 0}] for v in follows.values())
    raw = instrument_of(entry).model_dump(mode="json", by_alias=True)
    raw["text"] = {
        "licence": "the clinic's own", "source": "-", "stem": "-", "options": ["no", "yes"],
        "items": {str(n): f"q{n}" for n in range(1, 8)},
    }  # fmt: skip
    own = questionnaire(judge("cssrs-screener", raw), BASE)
    assert own is not None
    first = next(i for i in own["item"] if "enableWhen" in i)
    assert [w["answerCoding"]["code"] for w in first["enableWhen"]] == ["1"] and first["enableBehavior"] == "any"


def test_a_definition_that_cannot_be_read_is_not_there() -> None:
    assert questionnaire(judge("broken", {"id": "broken"}), BASE) is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ([("_id", "phq-9,gad-7")], {"phq-9", "gad-7"}),
        ([("_id", "phq-9"), ("_id", "gad-7")], set()),
        ([("code", "http://loinc.org|44249-1")], {"phq-9"}),
        ([("code", "urn:alliance-record:instrument|44249-1")], set()),
        ([("title", "pátient HEALTH")], {"phq-9"}),
        ([("title", "health")], set()),
        ([("name", "wai_s")], {"wai-s", "wai-sr", "wai-sr-t"}),
        ([("url", f"{BASE}/Questionnaire/ors")], {"ors"}),
        ([("status", "draft"), ("_id", "wai-o,phq-9")], {"wai-o"}),
    ],
)
def test_a_search_finds(query: list[tuple[str, str]], found: set[str]) -> None:
    assert {entry.id for entry in CATALOGUE if holds(shown(entry.id), query)} == found


def test_a_status_that_there_is_not_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        holds(shown("phq-9"), [("status", "enabled")])
    assert refused.value.status == 400
