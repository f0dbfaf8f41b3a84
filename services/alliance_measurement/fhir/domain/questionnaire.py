"""An instrument as a FHIR R4 Questionnaire (HL7 FHIR 4.0.1). Pure.

Item text stands in it only where the definition has it, which it has only where the licence lets everybody read it. Other items
are named by their number: a key is a fact, its wording is not ours to give. Answers that have labels are choices whose
`ordinalValue` is the value that is scored; the others are numbers between the scale's two ends.
"""

from collections.abc import Iterator
from typing import Any, Final

from services.alliance_measurement.fhir.domain.codes import INSTRUMENTS, ITEMS, LOINC, PANELS, answer_system
from services.alliance_measurement.instruments.domain.catalogue import Entry
from services.alliance_measurement.instruments.domain.instrument import Instrument

_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/"
STATUSES: Final = ("draft", "active", "retired", "unknown")
"""http://hl7.org/fhir/publication-status"""
PUBLICATION_STATUS: Final = "http://hl7.org/fhir/publication-status"


def questionnaire(entry: Entry, base: str) -> dict[str, Any] | None:
    """The Questionnaire of an instrument; None where its definition cannot be read. `base` is `https://host/fhir/R4`.

    `active` where the instrument is used here, `draft` where it is disabled.
    """
    instrument = entry.instrument
    if instrument is None:
        return None
    code = [{"system": INSTRUMENTS, "code": entry.id}]
    if entry.id in PANELS:
        code.append({"system": LOINC, "code": PANELS[entry.id]})
    shown: dict[str, Any] = {
        "resourceType": "Questionnaire",
        "id": entry.id,
        "url": f"{base}/Questionnaire/{entry.id}",
        "version": str(instrument.version),
        "name": name_of(entry.id),
        "title": instrument.name,
        "status": "active" if entry.disabled is None else "draft",
        "subjectType": ["Patient"],
        "copyright": _copyright(instrument),
        "code": code,
        "item": list(_items(instrument)),
    }
    if instrument.text is not None:
        shown["description"] = instrument.text.stem
    return shown


def name_of(instrument_id: str) -> str:
    """A name for programs: letters, digits and underscores, a capital first (R4, invariant que-0)."""
    plain = "".join(c if c.isalnum() else "_" for c in instrument_id).upper()
    return plain if plain[0].isalpha() else f"Q_{plain}"


def _copyright(instrument: Instrument) -> str:
    licence = instrument.licence
    said = f"{licence.holder}. Licence: {instrument.text.licence if instrument.text else licence.state}"
    return f"{said}. {licence.note}" if licence.note else said


def _items(instrument: Instrument) -> Iterator[dict[str, Any]]:
    codes = ITEMS.get(instrument.id, ())
    for number in instrument.items:
        item: dict[str, Any] = {"linkId": str(number)}
        if codes:
            item["code"] = [{"system": LOINC, "code": codes[number - 1]}]
        item["text"] = instrument.text.items[number] if instrument.text else f"Item {number}"
        item |= _answers(instrument)
        if before := instrument.asked_if.get(number):
            item |= _asked_if(instrument, before)
        yield item


def _answers(instrument: Instrument) -> dict[str, Any]:
    scale = instrument.scale
    if instrument.text is not None:
        options = [
            {"valueCoding": {"extension": [{"url": f"{_EXTENSION}ordinalValue", "valueDecimal": value}], **coding}}
            for value, coding in _choices(instrument)
        ]
        return {"type": "choice", "answerOption": options}
    kind, value = ("integer", "valueInteger") if scale.integer else ("decimal", "valueDecimal")
    ends = [(name, int(at) if scale.integer else at) for name, at in (("minValue", scale.min), ("maxValue", scale.max))]
    return {"type": kind, "extension": [{"url": f"{_EXTENSION}{name}", value: at} for name, at in ends]}


def _choices(instrument: Instrument) -> Iterator[tuple[int, dict[str, Any]]]:
    """Value and coding of each answer that has a label."""
    assert instrument.text is not None
    for value, label in enumerate(instrument.text.options, int(instrument.scale.min)):
        yield value, {"system": answer_system(instrument.id), "code": str(value), "display": label}


def _asked_if(instrument: Instrument, before: int) -> dict[str, Any]:
    """Asked where the item `before` is answered above the scale's min."""
    scale, question = instrument.scale, {"question": str(before)}
    if instrument.text is not None:
        above = [coding for value, coding in _choices(instrument) if value > scale.min]
        return {"enableWhen": [{**question, "operator": "=", "answerCoding": c} for c in above], "enableBehavior": "any"}
    answer = {"answerInteger": int(scale.min)} if scale.integer else {"answerDecimal": scale.min}
    return {"enableWhen": [{**question, "operator": ">", **answer}]}
