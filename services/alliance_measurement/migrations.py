"""The schema of `alliance_measurement`, and the steps by which older databases reach it. Its tables, beside the event store, hold
ids, instruments, states and times; no answer and no score.

How to add one: docs/operations/migrations.md.
"""

from typing import Final

from services.alliance_measurement.administrations.adapters import schema as administrations
from services.alliance_measurement.answering.adapters import device_table as devices
from services.alliance_measurement.desk.adapters import tenants
from services.alliance_measurement.outcomes.adapters import table as outcomes
from services.alliance_measurement.release.adapters import table as release
from services.alliance_measurement.risk.adapters import table as risk
from shared.eventstore.migrate import Step, event_store_schema, taken_over
from shared.eventstore.schema import tenant_table
from shared.http.idempotency import SCHEMA as IDEMPOTENCY
from shared.messaging import parked
from shared.service import amendments

_TABLES: Final = {
    **administrations.TABLES,
    **outcomes.TABLES,
    **release.TABLES,
    **tenants.TABLES,
    **risk.TABLES,
    **devices.TABLES,
    "amendment": amendments.TABLE,
    "idempotency": IDEMPOTENCY,
    "parked": parked.SCHEMA,
}

DDL: Final[tuple[str, ...]] = (
    *_TABLES.values(),
    *administrations.INDEXES,
    *outcomes.INDEXES,
    *risk.INDEXES,
    amendments.INDEX,
    *(statement for name in _TABLES for statement in tenant_table(name)),
    *parked.OPERATED,
    *tenants.READ_ACROSS,
)

STEPS: Final[tuple[Step, ...]] = (taken_over(*parked.TAKEN_OVER),)
SCHEMA: Final = event_store_schema("alliance_measurement", DDL, STEPS)
