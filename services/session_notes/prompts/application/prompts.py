"""Repair prompts: kept sealed as they come, shown on the client's next session where the gate releases their key.

Every answered rating brings one, of equal size whether there is strain or not. One that is withheld, erased or says `none`
is not in the list at all, so the list never tells that something was held back.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from services.session_notes.desk.application.ports import Desk, PromptRow
from shared.contracts.alliance import PROMPT_PREPARED, PromptPrepared
from shared.gate.ask import Opened
from shared.messaging.port import Effect, Handler, Message
from shared.sealing.event import EventTypes
from shared.service.erasure import HOLD_ERASURES
from shared.service.record import client_key

PROMPTS: Final = EventTypes(PromptPrepared)


class MisplacedPrompt(Exception):
    """A prompt that came under another client's key: it is parked."""


def keep_prompts(desk: Desk) -> Handler:
    """Handles `alliance.prompt-prepared`. One that comes after its client's measures were erased is not kept."""

    async def handle(message: Message) -> Effect:
        row = PromptRow(UUID(int=0), UUID(int=0), message.message_id, message.schema_version, message.payload)
        prompt = _load(message.tenant, row)
        if message.key != client_key(message.tenant, prompt.client_id):
            raise MisplacedPrompt("a prompt is published under its own client's key")
        kept = PromptRow(prompt.prompt_id, prompt.client_id, row.event_id, row.schema_version, row.data)
        return Effect((HOLD_ERASURES,), (desk.index.prompt_row(message.tenant, kept, prompt.at),))

    return handle


def shown(tenant: str, rows: Sequence[PromptRow], opened: Opened) -> list[dict[str, str]]:
    """`{kind, text}` of the newest prompt of each instrument, of those that were opened. `rows` stand oldest first."""
    bodies = (_load(tenant, row).body.open(opened.key(row.prompt_id)) for row in rows if _released(row, opened))
    return _newest(bodies)


def is_shown(tenant: str, row: PromptRow, opened: Opened) -> bool:
    """Whether it was opened, and says something."""
    return _released(row, opened) and _load(tenant, row).body.open(opened.key(row.prompt_id))["kind"] != "none"


def _released(row: PromptRow, opened: Opened) -> bool:
    return opened.permitted(row.prompt_id) and not opened.erased(row.prompt_id)


def _newest(bodies: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    newest = {str(body["instrument"]): body for body in bodies}
    return [
        {"kind": str(body["kind"]), "text": str(body["text"])} for _, body in sorted(newest.items()) if body["kind"] != "none"
    ]


def _load(tenant: str, row: PromptRow) -> PromptPrepared:
    event = PROMPTS.load(
        tenant=tenant,
        event_type=PROMPT_PREPARED,
        schema_version=row.schema_version,
        event_id=row.event_id,
        data=row.data,
    )
    assert isinstance(event, PromptPrepared)
    return event
