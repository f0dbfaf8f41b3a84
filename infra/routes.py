"""Which service answers which path: one table for the embedded front and for nginx (a test compares them).

The first match wins; what matches nothing goes to ehr_gateway.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.records import ServiceName


@dataclass(frozen=True, slots=True)
class Route:
    pattern: str
    """regular expression matched from the start of the path"""
    service: ServiceName
    internal: bool = False
    """between services only: nginx does not pass it on"""
    slow: bool = False
    """waits for its turn and may take minutes: nginx waits as long"""


ROUTES: Final = (
    Route(r"/v1/(consents|relationships)(/|$)", ServiceName.CONSENT),
    Route(r"/v1/(representatives|capacities|restrictions|amendment-requests|persons|jurisdictions)(/|$)", ServiceName.CONSENT),
    Route(r"/fhir/R4/(Consent|Provenance)(/|$)", ServiceName.CONSENT),
    Route(r"/fhir/R4/Questionnaire(/|$)", ServiceName.ALLIANCE),
    Route(r"/v1/policy-feed$", ServiceName.CONSENT, internal=True),
    Route(r"/v1/clients/[^/]+/export$", ServiceName.EHR_GATEWAY),
    Route(r"/v1/clients/[^/]+/export/consents$", ServiceName.CONSENT, internal=True),
    Route(r"/v1/clients/[^/]+/export/measures$", ServiceName.ALLIANCE, internal=True),
    Route(r"/v1/clients/[^/]+/export/notes$", ServiceName.SESSION_NOTES, internal=True),
    Route(r"/v1/clients/[^/]+/export/access$", ServiceName.AUDIT_LOG, internal=True),
    Route(r"/v1/clients/[^/]+/(alliance|outcomes)(/|$)", ServiceName.ALLIANCE),
    Route(r"/v1/(instruments|administrations|outcomes|risk-alerts|risk-settings)(/|$)", ServiceName.ALLIANCE),
    Route(r"/answer(/|$)", ServiceName.ALLIANCE),
    Route(r"/v1/(me|worklist)$", ServiceName.SESSION_NOTES),
    Route(r"/v1/notes/[^/]+/holds(/|$)", ServiceName.AUDIT_LOG),
    Route(r"/v1/(clients|sessions|notes)(/|$)", ServiceName.SESSION_NOTES),
    Route(r"/v1/(moments|moment-codes|plans|goals|tasks)(/|$)", ServiceName.SESSION_NOTES),
    Route(r"/v1/(concerns|boundary-events|adverse-effects|risk-assessments|closed-topics)(/|$)", ServiceName.SESSION_NOTES),
    Route(r"/v1/(disclosures|policy-confirmations|releases|gate-key|late-writes)$", ServiceName.AUDIT_LOG, internal=True),
    Route(r"/v1/audit/(exports|verification)(/|$)", ServiceName.AUDIT_LOG, slow=True),
    Route(r"/review/reports(/|$)", ServiceName.AUDIT_LOG, slow=True),
    Route(r"/v1/(break-glass|audit|erasures|export-keys|ehr-systems|practice)(/|$)", ServiceName.AUDIT_LOG),
    Route(r"/fhir/R4/AuditEvent(/|$)", ServiceName.AUDIT_LOG),
    Route(r"/(log|review)(/|$)", ServiceName.AUDIT_LOG),
    *(Route(rf"/openapi/{name}\.json$", name) for name in ServiceName),
)

_COMPILED: Final = tuple((re.compile(r.pattern), r.service) for r in ROUTES)


def service_for(path: str) -> ServiceName:
    """The service that answers a path."""
    for pattern, service in _COMPILED:
        if pattern.match(path):
            return service
    return ServiceName.EHR_GATEWAY
