"""The schema of `audit_log`'s own database, and the steps by which older databases reach it. The keyring has its own
(`keyring/adapters/migrations.py`).

How to add a step: docs/operations/migrations.md.
"""

from typing import Final

from services.audit_log.accounting.adapters import asked_table
from services.audit_log.assurance.adapters import completeness_table, retention_table
from services.audit_log.downtime.adapters import late_write_table
from services.audit_log.erasure.application import stream as erasure_stream
from services.audit_log.gate.adapters import schema as gate_schema
from services.audit_log.ledger.adapters import schema as ledger_schema
from services.audit_log.officers.adapters import review_schema
from services.audit_log.open_notes.adapters import note_table
from services.audit_log.routes_out.adapters import places as route_places
from shared.eventstore.migrate import Step, event_store_schema, taken_over
from shared.messaging import parked

STEPS: Final[tuple[Step, ...]] = (taken_over(*parked.TAKEN_OVER, *ledger_schema.TAKEN_OVER),)
SCHEMA: Final = event_store_schema(
    "audit_log",
    (
        *gate_schema.schema(),
        *erasure_stream.SCHEMA,
        *asked_table.SCHEMA,
        *note_table.SCHEMA,
        *completeness_table.SCHEMA,
        *retention_table.SCHEMA,
        *route_places.SCHEMA,
        *late_write_table.SCHEMA,
        *review_schema.schema(),
        *ledger_schema.schema(),
    ),
    STEPS,
)
