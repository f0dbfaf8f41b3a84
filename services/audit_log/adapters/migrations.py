"""The schemas of `audit_log` and of the keyring, and the steps by which older databases reach them.

How to add a step: docs/operations/migrations.md.
"""

from typing import Final

from services.audit_log.adapters import (
    completeness_table,
    gate_schema,
    keyring_schema,
    late_write_table,
    ledger_schema,
    retention_table,
    route_places,
)
from services.audit_log.application import erasure_stream
from services.audit_log.review.adapters import review_schema
from shared.eventstore.migrate import Schema, Step, event_store_schema, taken_over
from shared.messaging import parked

STEPS: Final[tuple[Step, ...]] = (taken_over(*parked.TAKEN_OVER, *ledger_schema.TAKEN_OVER),)
SCHEMA: Final = event_store_schema(
    "audit_log",
    (
        *gate_schema.schema(),
        *erasure_stream.SCHEMA,
        *completeness_table.SCHEMA,
        *retention_table.SCHEMA,
        *route_places.SCHEMA,
        *late_write_table.SCHEMA,
        *review_schema.schema(),
        *ledger_schema.schema(),
    ),
    STEPS,
)

KEYRING_STEPS: Final[tuple[Step, ...]] = (taken_over(*keyring_schema.TAKEN_OVER),)
KEYRING_SCHEMA: Final = Schema("keyring", keyring_schema.SCHEMA, KEYRING_STEPS)
