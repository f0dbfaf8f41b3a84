"""Registered jobs asking the gate: background work without a person, under a principal of its own."""

from collections.abc import Sequence
from typing import Final

from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef
from shared.gate.ask import Opened, opened, refusal_problem
from shared.gate.port import Gate
from shared.service.record import WriteMeta

STRAIN_DETECTION: Final = "strain_detection"
CHOREOGRAPHY: Final = "choreography"
RISK_ALARM: Final = "risk_alarm"


async def ask_as_job(
    gate: Gate, job: str, action: Action, records: Sequence[RecordRef], *, tenant: str, request_id: str
) -> Opened:
    """The gate's decisions for a job. Problem 503 where it cannot decide just now: try again."""
    answer = await gate.disclose(
        DisclosureRequest(tenant=tenant, action=action, caller=Caller(job=job), request_id=request_id, records=tuple(records))
    )
    problem = refusal_problem(answer)
    if problem is not None:
        raise problem
    return opened(answer)


def job_meta(job: str, tenant: str, released: Opened, request_id: str) -> WriteMeta:
    (entry,) = released.entries
    return WriteMeta(tenant, f"job:{job}", "job", entry, request_id)
