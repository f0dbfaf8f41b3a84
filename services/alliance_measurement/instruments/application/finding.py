"""An instrument by its id, for a caller who named it."""

from services.alliance_measurement.instruments.domain.catalogue import Catalogue
from services.alliance_measurement.instruments.domain.instrument import Instrument
from shared.http.problems import Fault, invalid


def enabled_instrument(catalogue: Catalogue, instrument_id: str, pointer: str) -> Instrument:
    """The enabled instrument. 422 where there is none, with the reason."""
    entry = catalogue.entry(instrument_id)
    if entry is None:
        raise invalid([Fault(pointer, "an instrument's id: see GET /v1/instruments")])
    if entry.disabled is not None or entry.instrument is None:
        raise invalid([Fault(pointer, f"this instrument is disabled: {entry.disabled}")])
    return entry.instrument
