"""The schema of `consent`, and the steps by which older databases reach it.

How to add one: docs/operations/migrations.md.
"""

from typing import Final

from services.consent.adapters.conditional_creates import DDL as CONDITIONAL_CREATES
from services.consent.adapters.schema import DDL
from shared.eventstore.migrate import Step, event_store_schema, taken_over
from shared.messaging import parked

STEPS: Final[tuple[Step, ...]] = (taken_over(*parked.TAKEN_OVER),)
SCHEMA: Final = event_store_schema("consent", (*DDL, *CONDITIONAL_CREATES), STEPS)
