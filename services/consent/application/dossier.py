"""Records around a client that are kept alike: the gate first, then the decider, then one transaction, then confirmation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from services.consent.application.policy_stream import PolicyStream
from services.consent.application.ports import Deadlines, Place, RecordIndex
from services.consent.application.reading import Shown, ShownPage, places_of
from services.consent.application.streams import decided_anew, typed
from services.consent.application.views import erased_view, history_view
from shared.contracts.consent_policy import POLICY_STREAM, PolicyChange
from shared.contracts.disclosure import Action, RecordKey, RecordRef, Reference
from shared.contracts.records import RecordType
from shared.contracts.topics import CONSENT
from shared.eventstore.model import NewEvent, Publication, StreamAppend
from shared.eventstore.store import EventStore
from shared.gate.ask import Opened, missed, open_one
from shared.gate.listing import listed
from shared.gate.port import Gate
from shared.http.call import Call
from shared.http.idempotency import Answer, Repeat
from shared.http.problems import conflict
from shared.http.showing import loaded, not_shown, shown
from shared.sealing.event import Event, sealed_fields
from shared.service.parts import Parts
from shared.service.record import client_key, record_event, write_meta

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """One kind of record, as far as keeping it goes."""

    record_type: RecordType
    evolve: Callable[[S | None, Event], S | None]
    version: Callable[[S], int]
    view: Callable[[S, datetime, RecordKey | None], dict[str, Any]]
    """with its words where a key is given"""
    policy: Callable[[S | None, S, datetime], PolicyChange | None] = lambda before, after, at: None
    next_time: Callable[[S], datetime | None] = lambda state: None

    def stream(self, record_id: UUID) -> str:
        return f"{self.record_type}/{record_id}"


class Dossier(Generic[S]):
    def __init__(
        self,
        kind: Kind[S],
        parts: Parts,
        store: EventStore,
        gate: Gate,
        *,
        index: RecordIndex,
        policy: PolicyStream,
        deadlines: Deadlines,
    ) -> None:
        self._kind, self._parts, self._store, self._gate = kind, parts, store, gate
        self._index, self._policy, self._deadlines = index, policy, deadlines

    async def load(self, tenant: str, record_id: UUID) -> S:
        """LookupError where there is none."""
        state: S | None = None
        for stored in await self._store.read_stream(tenant, self._kind.stream(record_id)):
            state = self._kind.evolve(state, typed(stored))
        if state is None:
            raise LookupError("no such record")
        return state

    async def create(
        self,
        call: Call,
        record_id: UUID,
        client_id: UUID,
        events: list[Event],
        repeat: Repeat,
        *,
        refers_to: tuple[Reference, ...] = (),
        refers_at: str = "",
    ) -> Answer:
        """201 once the gate decides by it, where it counts for decisions. `refers_to`: records of the client that it speaks of;
        `refers_at`: where they stand in the body."""
        now, kind = self._parts.now(), self._kind
        ref = RecordRef(
            record_id=str(record_id),
            client_id=str(client_id),
            record_type=kind.record_type,
            author=call.principal.sub,
            refers_to=refers_to,
        )
        opened = await open_one(self._gate, call, Action.CREATE, ref, refers_at=refers_at)
        answer, sequence = await self._append(call, opened, record_id, client_id, None, events, now, repeat, 201)
        await self._confirmed(call, sequence)
        return answer

    async def change(
        self,
        call: Call,
        record_id: UUID,
        action: Action,
        decide: Callable[[S, datetime], list[Event]],
        repeat: Repeat,
        status: int = 200,
    ) -> Answer:
        """Decided anew where somebody else wrote first; answered once the gate decides by it."""
        client_id = await self._client_of(call, record_id, action)
        opened = await open_one(self._gate, call, action, self._ref(record_id, client_id))

        async def attempt() -> tuple[Answer, int | None]:
            now = self._parts.now()
            state = await self.load(call.tenant, record_id)
            events = decide(state, now)
            if opened.erased(record_id) and any(sealed_fields(type(event)) for event in events):
                raise conflict("Its words were erased: it can still be ended, and no new words are kept.")
            return await self._append(call, opened, record_id, client_id, state, events, now, repeat, status)

        answer, sequence = await decided_anew(attempt)
        await self._confirmed(call, sequence)
        return answer

    async def repeated(self, call: Call, answer: Answer) -> Answer:
        """The answer of a command that is repeated: confirmed again."""
        await self._policy.confirm(call.tenant)
        return answer

    async def show(self, call: Call, record_id: UUID) -> Shown:
        client_id = await self._client_of(call, record_id, Action.READ)
        opened = await open_one(self._gate, call, Action.READ, self._ref(record_id, client_id))
        state = await self.load(call.tenant, record_id)
        return Shown(self._view(state, record_id, opened), opened.headers)

    async def history(self, call: Call, record_id: UUID) -> Shown:
        """Every event, oldest first, each with what it says; none of its words."""
        client_id = await self._client_of(call, record_id, Action.READ)
        opened = await open_one(self._gate, call, Action.READ, self._ref(record_id, client_id))
        stored = await self._store.read_stream(call.tenant, self._kind.stream(record_id))
        return Shown({"items": [history_view(e, typed(e)) for e in stored], "next": None}, opened.headers)

    async def page(self, call: Call, client_id: UUID, before: Place | None, limit: int) -> ShownPage:
        """A client's records of this kind that the caller may read, newest first."""
        rows = places_of(self._index, call.tenant, self._kind.record_type, client_id)
        page = await listed(self._gate, call, client_id, rows, start=before, limit=limit)
        items = [await self._item(call, p.record_id, page.opened) for p in page.rows]
        return ShownPage(items, page.rows[-1] if page.more else None, page.opened.headers)

    async def _item(self, call: Call, record_id: UUID, opened: Opened) -> dict[str, Any]:
        """Of a list; `not_shown` where this one cannot be."""
        state = await loaded(record_id, self.load(call.tenant, record_id))
        return not_shown(record_id) if state is None else shown(record_id, lambda: self._view(state, record_id, opened))

    def _view(self, state: S, record_id: UUID, opened: Opened) -> dict[str, Any]:
        view = self._kind.view(state, self._parts.now(), opened.keys.get(str(record_id)))
        return erased_view(view) if opened.erased(record_id) else view

    async def _client_of(self, call: Call, record_id: UUID, action: Action) -> UUID:
        client_id = await self._index.client_of(call.tenant, self._kind.record_type, record_id)
        if client_id is None:
            raise await missed(self._gate, call, action)
        return client_id

    def _ref(self, record_id: UUID, client_id: UUID) -> RecordRef:
        return RecordRef(record_id=str(record_id), client_id=str(client_id), record_type=self._kind.record_type)

    async def _append(
        self,
        call: Call,
        opened: Opened,
        record_id: UUID,
        client_id: UUID,
        state: S | None,
        events: list[Event],
        now: datetime,
        repeat: Repeat,
        status: int,
    ) -> tuple[Answer, int | None]:
        kind, after = self._kind, state
        for event in events:
            after = kind.evolve(after, event)
        assert after is not None
        meta = write_meta(call, opened)
        change = kind.policy(state, after, now)
        written = self._policy.write(change, meta) if change is not None else None
        answer = Answer(status, {k: v for k, v in kind.view(after, now, None).items() if k != "withheld"})
        new: list[NewEvent] = [
            record_event(
                event,
                parts=self._parts,
                call_meta=meta,
                key=opened.keys.get(str(record_id)),
                publish=(Publication(CONSENT, client_key(call.tenant, client_id)),),
            )
            for event in events
        ]
        versions = await self._store.append(
            call.tenant,
            [
                StreamAppend(kind.stream(record_id), kind.version(state) if state is not None else 0, new),
                *([written.append] if written else []),
            ],
            statements=(
                *(row for event in events for row in self._index.rows_of(call.tenant, event)),
                *((written.statement,) if written else ()),
                *self._deadlines.set(call.tenant, kind.record_type, record_id, client_id, kind.next_time(after)),
                *repeat.statements(answer, client_id),
            ),
        )
        return answer, versions[POLICY_STREAM] if written else None

    async def _confirmed(self, call: Call, sequence: int | None) -> None:
        if sequence is not None:
            await self._policy.confirm(call.tenant, sequence)
