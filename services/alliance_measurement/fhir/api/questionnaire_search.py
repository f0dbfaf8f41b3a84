"""What a search for Questionnaires asks for (HL7 FHIR R4, Search). It looks into what is shown, and into nothing else."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from services.alliance_measurement.fhir.domain.questionnaire import PUBLICATION_STATUS, STATUSES
from shared.http.fhir_search import Pairs, codes_of, parts_of, plain, tokens_of

SEARCH: Final = {"_id": "token", "code": "token", "name": "string", "status": "token", "title": "string", "url": "uri"}
"""parameter → its type, as the CapabilityStatement lists them"""


def holds(resource: Mapping[str, Any], pairs: Pairs) -> bool:
    """Whether the resource is what every one of the pairs asks for; the values of one pair are alternatives. 400."""
    return all(_holds(resource, name, value) for name, value in pairs if name in SEARCH)


def _holds(resource: Mapping[str, Any], name: str, value: str) -> bool:
    if name == "status":
        return resource["status"] in codes_of(name, value, PUBLICATION_STATUS, STATUSES)
    if name == "code":
        return any(t.matches(c["system"], c["code"]) for t in tokens_of(name, value) for c in resource["code"])
    wanted = [plain(part) for part in parts_of(value, ",")]
    if SEARCH[name] == "string":
        return any(_folded(resource[name]).startswith(_folded(each)) for each in wanted)
    return resource[name.removeprefix("_")] in wanted


def _folded(text: str) -> str:
    """Without case and accents, as R4 compares strings."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))
