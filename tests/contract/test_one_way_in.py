"""Every instant, day and code of every request body, found in the schemas: read in one way, refused in one way."""

import json
from typing import Any

import pytest

from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.session_notes.desk.domain.refusals import Unfit
from services.session_notes.notes.domain.note_decisions import progress_content
from services.session_notes.notes.domain.sections import NoteFormat
from shared.contracts.consent_policy import ConsentKind
from shared.http.body import parse
from shared.http.problems import Problem
from shared.values.time import A_DAY, AN_INSTANT, NO_ZONE, OUT_OF_RANGE
from tests.support.bodies import Field, bodies, fields, schema_of, with_value

FIELDS = fields()
INSTANTS = [f for f in FIELDS if f.schema.get("format") == "date-time"]
DAYS = [f for f in FIELDS if f.schema.get("format") == "date"]
CODES = [f for f in FIELDS if "enum" in f.schema]
CODED = {"action", "actions", "purpose", "purposes", "role", "roles", "labels", "resource_types", "record_type", "kind", "status"}
"""names of fields that hold codes, wherever they stand"""
NOT_CODED = {"GrantorBody/role", "ConsentBody/grantor/role"}
"""how the person who signs calls themselves"""


def faults(field: Field, value: Any) -> dict[str, str]:
    """What is said of the field: nothing where it is taken."""
    try:
        parse(field.body, json.dumps(with_value(schema_of(field.body), field.path, value)).encode())
    except Problem as problem:
        return {e.pointer: e.detail for e in problem.errors if e.pointer == field.pointer}
    return {}


def names(found: list[Field]) -> list[str]:
    return [f.name for f in found]


def test_there_are_bodies_and_each_kind_of_field() -> None:
    assert len(bodies()) > 30
    assert "SessionBody/started_at" in names(INSTANTS)
    assert "ClientBody/birth_date" in names(DAYS)
    assert "NewSettings/provisions/0/labels/0" in names(CODES)


NO_INSTANTS: dict[Any, str] = {
    20261110: AN_INSTANT,
    True: AN_INSTANT,
    "20261110": AN_INSTANT,
    "1772000000": AN_INSTANT,
    "2026-11-10": AN_INSTANT,
    "2026-11-10T09:00Z": AN_INSTANT,
    "2026-11-10T09:00:00": NO_ZONE,
    "2026-06-30T22:59:60Z": "a leap second is 23:59:60 in UTC",
    "1899-12-31T23:59:59Z": OUT_OF_RANGE,
    "2200-01-01T00:00:00Z": OUT_OF_RANGE,
    "0001-01-01T00:00:00+14:00": AN_INSTANT,
    "9999-12-31T23:59:59-14:00": AN_INSTANT,
}


@pytest.mark.parametrize("field", INSTANTS, ids=names(INSTANTS))
def test_instants(field: Field) -> None:
    for text, said in NO_INSTANTS.items():
        assert faults(field, text) == {field.pointer: said}, text
    for text in ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00.125-05:00", "2016-12-31T23:59:60Z"):
        assert faults(field, text) == {}, text


NO_DAYS: dict[Any, str] = {
    20261110: A_DAY,
    "20261110": A_DAY,
    "2026-02-30": A_DAY,
    "2026-03-01T00:00:00Z": A_DAY,
    "2026-W09-1": A_DAY,
    "1899-12-31": OUT_OF_RANGE,
    "9999-12-31": OUT_OF_RANGE,
}


@pytest.mark.parametrize("field", DAYS, ids=names(DAYS))
def test_days(field: Field) -> None:
    for text, said in NO_DAYS.items():
        assert faults(field, text) == {field.pointer: said}, text
    assert faults(field, "2024-02-29") == {}


LOOSER = {
    *(f"ConsentBody/policy/provisions/0/{name}/0" for name in ("resource_types", "labels")),
    *(f"{body}/labels/0" for body in ("ProgressNoteBody", "NoteChangeBody")),
}
"""checked with the whole form or note, which can say more about it: see `test_codes_that_a_form_checks`"""


@pytest.mark.parametrize("field", [f for f in CODES if f.name not in LOOSER], ids=lambda f: f.name)
def test_an_unknown_code_is_refused_with_the_list(field: Field) -> None:
    codes = [str(code) for code in field.schema["enum"]]
    for unknown in ("no-such-code", codes[0].swapcase(), f"{codes[0]} ", ""):
        said = faults(field, unknown)
        assert list(said) == [field.pointer], unknown
        assert any(code in said[field.pointer] for code in codes)
    assert faults(field, codes[0]) == {}


@pytest.mark.parametrize("field", [f for f in FIELDS if f.schema.get("type") == "string"], ids=lambda f: f.name)
def test_a_field_of_codes_has_a_list(field: Field) -> None:
    name = next(part for part in reversed(field.path) if isinstance(part, str))
    if name in CODED and field.name not in NOT_CODED:
        assert "enum" in field.schema or "const" in field.schema


def test_codes_that_a_form_checks() -> None:
    assert {f.name for f in CODES if f.name in LOOSER} == LOOSER
    for name, unknown in (("labels", "eth"), ("labels", "LOCAL_1"), ("resource_types", "ProgressNote")):
        within = GivenProvision.model_validate({"type": "deny", name: [unknown]})
        policy = GivenPolicy(base="permit", provisions=(GivenProvision(type="deny", provisions=(within,)),))
        (fault,) = policy.faults(ConsentKind.TREATMENT)
        assert fault.pointer == f"/policy/provisions/0/provisions/0/{name}/0"
        assert "progress_note" in fault.detail or "ETH" in fault.detail
    with pytest.raises(Unfit) as refusal:
        progress_content(NoteFormat.SOAP, {"plan": "Weekly."}, ("eth",))
    assert [flaw.pointer for flaw in refusal.value.flaws] == ["/labels/0"]
