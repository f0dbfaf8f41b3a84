"""Snapshots: an aggregate's state beside its stream, so that a long stream is not folded from its beginning each time (ADR 0076).

A snapshot holds what the fold of stored events holds: sealed fields closed, as they were sealed. It is written in the transaction
of the events it stands behind, and thrown away where the state's form or its fold is another one now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from shared.eventstore.model import NewEvent, Statement, StoredEvent
from shared.eventstore.snapshot_table import TAKE
from shared.eventstore.store import EventStore
from shared.sealing.errors import SealingError
from shared.sealing.event import EventTypes
from shared.sealing.state import dump_closed, load_closed

State = TypeVar("State")

EVERY: Final = 25
"""events behind the newest snapshot from which the next is due"""
_NOT_YET: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[State]):
    state: State
    version: int
    behind: int
    """events that had to be folded: those behind the snapshot, or all"""


class Snapshots(Generic[State]):
    """Of one kind of aggregate. Looking back (`History`) goes by events alone, and never comes here."""

    def __init__(
        self,
        form: Any,
        fold: Callable[[Sequence[StoredEvent], State | None], State],
        *,
        fold_version: int,
        types: EventTypes,
        every: int = EVERY,
    ) -> None:
        """`form`: the state's type; `fold`: (events as stored, the state before them) → the state; it goes by what an event says,
        its id and its version, never by where or when it was recorded.

        `fold_version` is raised whenever `fold` makes another state of the same events, the form being the same.
        """
        self._form: TypeAdapter[State] = TypeAdapter(form)
        self._fold, self.fold_version, self._every = fold, fold_version, every
        self.form: Final = _named(self._form, types)
        """names the state's form and the versions of the events it is folded from: derived, so that no change is forgotten"""

    async def load(self, store: EventStore, tenant: str, streams: Mapping[str, UUID]) -> dict[str, Loaded[State]]:
        """`streams`: names, each with the client whose record it is. What has no events is absent."""
        read = await store.read_from_snapshots(tenant, list(streams), form=self.form, fold=self.fold_version)
        found: dict[str, Loaded[State]] = {}
        for stream, (snapshot, events) in read.items():
            if snapshot is not None:
                try:
                    before = load_closed(self._form, snapshot.data, tenant=tenant, client_id=streams[stream])
                except (ValueError, SealingError):  # damaged: the events are what holds
                    events = await store.read_stream(tenant, stream)
                else:
                    state = self._fold(events, before) if events else before
                    found[stream] = Loaded(state, snapshot.version + len(events), len(events))
                    continue
            if events:
                found[stream] = Loaded(self._fold(events, None), len(events), len(events))
        return found

    def taken(
        self, tenant: str, stream: str, client_id: UUID, before: Loaded[State], new: Sequence[NewEvent]
    ) -> tuple[Statement, ...]:
        """What to write with `new`, the events that follow what was loaded: a snapshot where one is due, else nothing.

        The append must expect `before.version`, so that the snapshot stands behind exactly these events.
        """
        if before.behind + len(new) < self._every:
            return ()
        events = [
            StoredEvent(tenant, stream, version, 0, e.event_id, e.type, e.schema_version, e.data, e.meta, _NOT_YET)
            for version, e in enumerate(new, start=before.version + 1)
        ]
        state = dump_closed(self._fold(events, before.state), tenant=tenant, client_id=client_id)
        return (Statement(TAKE, (tenant, stream, client_id, events[-1].version, self.form, self.fold_version, state)),)


def _named(form: TypeAdapter[Any], types: EventTypes) -> str:
    versions = sorted((model.TYPE, model.SCHEMA_VERSION) for model in types.models)
    return sha256(orjson.dumps([form.json_schema(), versions], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
