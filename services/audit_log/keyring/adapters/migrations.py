"""The schema of the keyring's database, and the steps by which older databases reach it.

How to add a step: docs/operations/migrations.md.
"""

from typing import Final

from services.audit_log.keyring.adapters import schema
from shared.eventstore.migrate import Schema, Step, taken_over

STEPS: Final[tuple[Step, ...]] = (taken_over(*schema.TAKEN_OVER),)
KEYRING_SCHEMA: Final = Schema("keyring", schema.SCHEMA, STEPS)
