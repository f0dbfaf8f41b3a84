"""`receipt.risk-told`: what became of an answer to a critical item. The ledger keeps it as an alarm; its routes carry it on.

Ids, staff's `sub` and times alone: neither the client nor the instrument nor the answer stands in it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

RISK_TOLD: Final = "receipt.risk-told"


class RiskTold(StrEnum):
    """The reason of the alarm in the ledger. Routes choose by it: `"reasons": ["risk-*"]`."""

    RAISED = "risk-alert-raised"
    """to the first person who is told"""
    ESCALATED = "risk-alert-escalated"
    """nobody acknowledged in time: to the next person"""
    HANDED_OVER = "risk-alert-handed-over"
    UNACKNOWLEDGED = "risk-alert-unacknowledged"
    """nobody is left to tell: to the compliance officer"""


class RiskToldMessage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    alert_id: UUID
    what: RiskTold
    addressee: str | None
    """`sub` of who is alarmed; None: the compliance officer"""
    raised_at: datetime
    """when the critical item was answered"""
    at: datetime
    """when this person was to be told"""
