"""The instruments at hand. A definition that does not hold is kept and shown as disabled, with its reason. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from services.alliance_measurement.instruments.domain.instrument import Instrument
from services.alliance_measurement.instruments.domain.scoring import vector_faults


@dataclass(frozen=True, slots=True)
class Entry:
    id: str
    instrument: Instrument | None
    """None where the file could not be read as a definition"""
    disabled: str | None
    """why it is not used; None where it is"""


class Catalogue:
    """Definitions by id. A later one of the same id takes the place of an earlier one: a clinic's own licensed text."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = dict(sorted({e.id: e for e in entries}.items()))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def entry(self, instrument_id: str) -> Entry | None:
        return self._entries.get(instrument_id)

    def enabled(self, instrument_id: str) -> Instrument | None:
        """The definition, where it may be used."""
        entry = self._entries.get(instrument_id)
        return entry.instrument if entry is not None and entry.disabled is None else None


def judge(name: str, raw: Mapping[str, Any]) -> Entry:
    """The entry of one definition as read from its file `name` (without suffix)."""
    try:
        instrument = Instrument.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        return Entry(name, None, f"the definition cannot be read: {where}: {first['msg']}")
    if instrument.id != name:
        return Entry(name, None, "the definition's id is not its file's name")
    if not instrument.key_mark.applies:
        return Entry(name, instrument, "the key is not confirmed (M?): check it against its source first")
    faults = vector_faults(instrument)
    return Entry(name, instrument, f"its self-test fails: {'; '.join(faults)}" if faults else None)
