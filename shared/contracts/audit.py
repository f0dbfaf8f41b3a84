"""`audit.v1`: what the gate tells the services that derive data from sealed fields."""

from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

KEY_SHREDDED: Final = "audit.key-shredded"


class KeyShredded(BaseModel):
    """Keys of these classes of this client are destroyed: drop what was derived, then acknowledge on `receipts.v1`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    erasure_id: UUID
    client_id: UUID
    key_classes: tuple[str, ...]
    at: datetime
