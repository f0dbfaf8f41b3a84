"""Receipts as they arrived, numbered, each with what was found wrong with it."""

from datetime import datetime
from typing import Final

from shared.contracts.receipts import Receipt
from shared.eventstore.model import Statement

_INSERT: Final = """INSERT INTO receipt
(tenant_id, event_id, service, sequence, event_type, record_id, client_id, entry, digest, fault, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


def received(tenant: str, receipt: Receipt, sequence: int, fault: str | None, at: datetime) -> Statement:
    """A second receipt of the same event violates `receipt_pkey`."""
    return Statement(
        _INSERT,
        (
            tenant,
            receipt.event_id,
            receipt.service,
            sequence,
            receipt.event_type,
            receipt.record_id,
            receipt.client_id,
            receipt.entry,
            receipt.digest,
            fault,
            at,
        ),
    )
