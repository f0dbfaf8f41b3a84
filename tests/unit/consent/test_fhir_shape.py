"""Whatever stands in whatever element of a consent: it is read, or refused with the element's path; nothing else happens."""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.consent.domain.consent import Propose
from services.consent.domain.errors import InvalidForm
from services.consent.domain.fhir.criteria import Home
from services.consent.domain.fhir.narrative import NotXhtml, check
from services.consent.domain.fhir.reading import read_consent
from services.consent.domain.fhir.shape import in_fhir
from services.consent.domain.life import decide
from tests.unit.consent.test_fhir_dialects import R4, actor, purpose

OWN = Path(__file__).parent / "fhir_examples"
HOME = Home("riverside")
NOW = datetime(2026, 3, 2, tzinfo=UTC)
HOSTILE: dict[str, Any] = {
    "empty text": "",
    "blank": " ",
    "empty list": [],
    "empty object": {},
    "null": None,
    "list of null": [None],
    "list of nothing": [{}],
    "number": 7,
    "false": False,
    "long": "x" * 20_000,
    "many": [{"code": "x"}] * 300,
    "deep": [[[["x"]]]],
    "text": "x",
    "object": {"x": "y"},
    "far": "9999-12-31T23:59:59-14:00",
    "early": "0001-01-01T00:00:00+14:00",
}
EMPTY = ("empty text", "blank", "empty list", "empty object", "null", "list of nothing")
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def changed(resource: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    made = deepcopy(resource)
    held: Any = made
    for key in place[:-1]:
        held = held[key]
    held[place[-1]] = value
    return made


def path(place: Place) -> str:
    return "Consent" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)


def refused(resource: dict[str, Any], dialect: Any = None) -> list[str]:
    """Paths of what is refused; empty where it is read."""
    try:
        decide(None, Propose(UUID(int=7), read_consent(resource, HOME, dialect).form, "intake", NOW))
    except InvalidForm as error:
        return [f.pointer for f in in_fhir(error).faults]
    return []


@pytest.mark.parametrize("file", sorted(OWN.glob("*.json")), ids=lambda f: f.stem)
def test_every_element_takes_every_hostile_value_or_refuses_it(file: Path) -> None:
    resource = json.loads(file.read_text())
    tried = 0
    for place in places(resource):
        for name, value in HOSTILE.items():
            found = refused(changed(resource, place, value))
            tried += 1
            assert all(p.startswith("Consent") for p in found), (place, name, found)
            if name in EMPTY:
                assert any(p.startswith(path(place)) for p in found), (place, name, found)
    assert tried > 300


def test_the_elements_of_r5_are_looked_through_as_well() -> None:
    r5 = {
        "resourceType": "Consent",
        "status": "active",
        "subject": {"reference": R4["patient"]["reference"]},  # type: ignore[index]
        "date": "2026-01-02",
        "decision": "permit",
        "provision": [{"purpose": purpose("HRESCH")}],
    }
    assert not refused(r5, "r5")
    for place in places(r5):
        for name, value in HOSTILE.items():
            found = refused(changed(r5, place, value), "r5")
            assert name not in EMPTY or found, (place, name)


def test_a_gap_beside_an_extension_is_no_empty_thing() -> None:
    extended = {**R4, "_dateTime": {"extension": [{"url": "urn:x", "valueCode": "y"}]}}
    assert not refused(extended)
    names = {"family": "Haddad", "given": ["Noor", None], "_given": [None, {"extension": [{"url": "urn:x", "valueCode": "y"}]}]}
    contained = [{"resourceType": "Patient", "id": "p", "name": [names]}]
    assert not refused({**R4, "contained": contained})
    del names["_given"]
    assert refused({**R4, "contained": contained}) == ["Consent.contained[0].name[0].given[1]"]


def nested(levels: int) -> dict[str, Any]:
    return {"type": "deny", **({"provision": [nested(levels - 1)]} if levels > 1 else {})}


MANY: list[tuple[dict[str, Any], str]] = [
    ({"provision": [{"type": "deny", "purpose": purpose("TREAT")}] * 101}, "Consent.provision.provision"),
    ({"provision": [{"type": "deny", "actor": [actor("IRCP", "Practitioner/a")] * 200}]}, "Consent.provision.provision[0].actor"),
    ({"provision": [{"type": "deny", "purpose": purpose("TREAT") * 101}]}, "Consent.provision.provision[0].purpose"),
    ({"provision": [{"type": "deny", "provision": [{"type": "permit"}] * 99}] * 3}, "Consent.provision"),
    ({"provision": [nested(6)]}, "Consent.provision" + ".provision[0]" * 6),
    ({"period": {"start": "2026-05-01", "end": "2026-04-30"}}, "Consent.provision.period.end"),
    ({"provision": [{"type": "deny", "dataPeriod": {"start": "2026", "end": "2025"}}]},
     "Consent.provision.provision[0].dataPeriod.end"),
    ({"period": {"end": "9999-12-31T23:59:59-14:00"}}, "Consent.provision.period.end"),
]  # fmt: skip


@pytest.mark.parametrize(("provision", "where"), MANY, ids=[w for _, w in MANY])
def test_too_much_is_refused_with_the_element_s_path(provision: dict[str, Any], where: str) -> None:
    assert where in refused({**R4, "provision": provision})


def test_names_that_are_too_long_together_are_refused_with_a_path() -> None:
    actors = [[actor("IRCP", f"Practitioner/{'p' * 58}{i}-{n}") for i in range(100)] for n in range(9)]
    provisions = [{"type": "permit", "actor": few} for few in actors]
    found = refused({**R4, "organization": [{"display": "x" * 30_000}], "provision": {"provision": provisions}})
    assert found == ["Consent.organization", "Consent.provision"] or found == ["Consent.provision"], found


def test_as_much_as_is_taken_is_taken() -> None:
    purposes = [{"type": "deny", "purpose": purpose("TREAT")}] * 100
    assert not refused({**R4, "provision": {"provision": purposes}})
    actors = [actor("IRCP", f"Practitioner/p{i}") for i in range(100)]
    assert not refused({**R4, "provision": {"provision": [{"type": "deny", "actor": actors}]}})


def div(inner: str) -> str:
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'


SHOWN = [
    div("A <b>consent</b> &amp; its <a href='https://example.org/x'>policy</a>&#160;<br/>"),
    div('<table border="1"><tr><td style="color: red">x</td></tr></table>'),
    div('<img src="form.png" alt="the form"/>'),
    div('<img src="data:image/png;base64,AAAA" alt="seal"/>'),
    div('<p xml:lang="de">Einwilligung</p><a href="#top">up</a><a href="mailto:a@example.org">write</a>'),
    "<!-- from a form -->" + div("x"),
]
REFUSED = [
    div("<script>alert(1)</script>"),
    div('<p onclick="alert(1)">x</p>'),
    div('<a href="javascript:alert(1)">x</a>'),
    div('<a href="jav&#x09;ascript:alert(1)">x</a>'),
    div('<a href=" data:text/html,x">x</a>'),
    div('<img src="https://example.org/pixel.png"/>'),
    div('<img src="//example.org/pixel.png"/>'),
    div('<p style="background: url(https://example.org/x)">x</p>'),
    div('<iframe src="#x"/>') + "",
    div("<form><input/></form>x"),
    div('<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>x'),
    div("<p>not closed"),
    div("&nbsp;x"),
    div(" "),
    div("<p>" * 200 + "x" + "</p>" * 200),
    "<p>x</p>",
    "<div>x</div>",
    "x",
    '<!DOCTYPE div><div xmlns="http://www.w3.org/1999/xhtml">x</div>',
    '<!DOCTYPE div [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + div("&b;"),
    "<?xml version='1.0'?>" + div("x"),
    div("<?php x ?>x"),
    div("x") + div("y"),
]


@pytest.mark.parametrize("text", SHOWN)
def test_a_narrative_may_hold_formatting(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", REFUSED)
def test_a_narrative_holds_nothing_that_acts(text: str) -> None:
    with pytest.raises(NotXhtml) as refused:
        check(text)
    assert "alert" not in str(refused.value) and "example.org" not in str(refused.value)


def test_narratives_are_found_where_they_stand() -> None:
    bad = {"status": "generated", "div": div("<script/>x")}
    assert refused({**R4, "text": bad}) == ["Consent.text.div"]
    patient = {"resourceType": "Patient", "id": "p", "text": bad}
    assert refused({**R4, "contained": [patient]}) == ["Consent.contained[0].text.div"]
    assert refused({**R4, "text": {**bad, "status": "mine", "div": div("x")}}) == ["Consent.text.status"]
