"""`receipt.harm-told`: a client may have been harmed, or raised a concern. The ledger keeps it as an alarm; routes carry it on.

Ids and times alone: neither the client nor a word of it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts.records import NamedRecordType

HARM_TOLD: Final = "receipt.harm-told"


class HarmTold(StrEnum):
    """The reason of the alarm in the ledger. Routes choose by it: `"reasons": ["harm-*"]`."""

    FATAL = "harm-fatal"
    URGENT = "harm-urgent"
    CONCERN = "harm-concern-raised"


class HarmToldMessage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    service: str
    record_id: UUID
    record_type: NamedRecordType
    what: HarmTold
    at: datetime
