"""What a disclosure request must look like, and which service may ask what, before anything is looked up."""

import re
from typing import Final

from services.audit_log.decision.application.refused import Refused
from services.audit_log.decision.domain.rules.tables import READING
from shared.contracts.disclosure import MAX_RECORDS, Action, DisclosureRequest, Refusal
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.http.problems import Fault, invalid

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TENANT: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{0,64}")
MAX_LABELS: Final = 32
MAX_AUTHOR: Final = 200


def check_form(request: DisclosureRequest) -> None:
    """Problem 422 with every fault."""
    faults = [*_of_request(request), *_of_records(request)]
    if faults:
        raise invalid(faults)


def check_service(service: ServiceName, request: DisclosureRequest) -> None:
    """Owners may ask anything of their types, other readers only to read. Refused."""
    if not any(row.owner is service for row in RECORD_TYPES.values()):
        raise Refused(Refusal.SERVICE, "service-owns-nothing")
    if request.action is Action.LOOKUP and RECORD_TYPES[RecordType.CLIENT].owner is not service:
        raise Refused(Refusal.SERVICE, "service-not-of-class")
    for record in request.records:
        row = RECORD_TYPES[record.record_type]
        if row.owner is not service and not (service in row.readers and request.action in READING):
            raise Refused(Refusal.SERVICE, "service-not-of-class")


def _of_request(request: DisclosureRequest) -> list[Fault]:
    faults: list[Fault] = []
    if not _TENANT.fullmatch(request.tenant):
        faults.append(Fault("/tenant", "a-z, 0-9, '.', '_', '-', at most 63"))
    if not _REQUEST_ID.fullmatch(request.request_id):
        faults.append(Fault("/request_id", "at most 64 of A-Z, a-z, 0-9, '.', '_', '-'"))
    fewest = 0 if request.action is Action.LOOKUP else 1
    if not fewest <= len(request.records) + len(request.subjects) <= (MAX_RECORDS if fewest else 0):
        faults.append(Fault("/records", f"1 to {MAX_RECORDS} records or subjects in one request"))
    if request.subjects and request.action not in (Action.SEARCH, Action.EXPORT):
        faults.append(Fault("/subjects", "only a search or an export has subjects"))
    faults += [*_of_export(request), *_of_index(request)]
    if not all(map(_UUID.fullmatch, request.subjects)):
        faults.append(Fault("/subjects", "UUIDs in lower case"))
    return faults


def _of_export(request: DisclosureRequest) -> list[Fault]:
    if request.action is not Action.EXPORT:
        return [] if request.sealed_for is None else [Fault("/sealed_for", "only an export is sealed for a key")]
    faults: list[Fault] = []
    if request.sealed_for is None or not _THUMBPRINT.fullmatch(request.sealed_for):
        faults.append(Fault("/sealed_for", "the key's thumbprint: RFC 7638, SHA-256, base64url"))
    if len({*request.subjects, *(r.client_id for r in request.records)}) > 1:
        faults.append(Fault("/records", "an export is of one client"))
    return faults


def _of_index(request: DisclosureRequest) -> list[Fault]:
    """A lookup wants keys of the index; so may what writes it, and nothing else."""
    if request.action is Action.LOOKUP:
        return [] if request.index_fields else [Fault("/index_fields", "a lookup says by which fields")]
    writing = request.action in (Action.CREATE, Action.COMPUTE) and all(
        r.record_type is RecordType.CLIENT for r in request.records
    )
    return [] if writing or not request.index_fields else [Fault("/index_fields", "of a lookup, or of writing clients alone")]


def _of_records(request: DisclosureRequest) -> list[Fault]:
    faults: list[Fault] = []
    if len({r.record_id for r in request.records}) < len(request.records):
        faults.append(Fault("/records", "each record once"))
    for place, record in enumerate(request.records):
        at = f"/records/{place}"
        if not _UUID.fullmatch(record.record_id) or not _UUID.fullmatch(record.client_id):
            faults.append(Fault(at, "record_id and client_id are UUIDs in lower case"))
        if record.record_type is RecordType.CLIENT and record.record_id != record.client_id:
            faults.append(Fault(f"{at}/record_id", "a client's record is named by the client's own id"))
        if len(record.labels) > MAX_LABELS or any(not 0 < len(label) <= 64 for label in record.labels):
            faults.append(Fault(f"{at}/labels", f"at most {MAX_LABELS}, 1 to 64 characters each"))
        if record.author is not None and not 0 < len(record.author) <= MAX_AUTHOR:
            faults.append(Fault(f"{at}/author", f"1 to {MAX_AUTHOR} characters"))
        if record.link_digest is not None and (
            record.record_type is not RecordType.ADMINISTRATION or not _SHA256.fullmatch(record.link_digest)
        ):
            faults.append(Fault(f"{at}/link_digest", "SHA-256 in hex, of an administration only"))
    return faults
