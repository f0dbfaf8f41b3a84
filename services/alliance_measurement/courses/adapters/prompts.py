"""Prompts for the next session, from their streams."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from services.alliance_measurement.courses.application.ports import prompt_stream
from services.alliance_measurement.desk.adapters.events import events_of
from shared.contracts.alliance import PromptPrepared
from shared.eventstore.store import EventStore
from shared.sealing.event import EventTypes

_TYPES: Final = EventTypes(PromptPrepared)


class StoredPrompts:
    """`Prompts` over the service's own event store."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def after(self, tenant: str, administrations: Sequence[UUID]) -> list[PromptPrepared]:
        return await events_of(self._store, _TYPES, tenant, [prompt_stream(i) for i in administrations], PromptPrepared)
