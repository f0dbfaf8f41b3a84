"""One service's part of an export: it asks the gate, then opens, writes and seals page after page (ADR 0054).

The gate is asked before the first byte, so a refusal is an answer like any other. Whatever fails later ends the part without its
end, and whoever reads it takes it for broken. Nothing is written to a disk; the keys live as long as the answer.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from starlette.responses import Response, StreamingResponse

from shared.contracts.disclosure import Exclusion, Reach, RecordRef
from shared.contracts.records import RECORD_TYPES, RecordType, ServiceName
from shared.export.pages import PART_TYPE, PartWriter
from shared.export.recipient import Recipient, UnfitKey, recipient_of
from shared.gate.ask import Opened, open_export
from shared.gate.port import Gate
from shared.http.body import Body
from shared.http.call import Call
from shared.http.problems import Fault, invalid

AT_ONCE: Final = 20
"""records that are read from the store and opened together"""
RECORDS_HEADER: Final = "Export-Records"
"""how many records there are to come"""
T = TypeVar("T")
Records = AsyncIterator[tuple[str, Mapping[str, Any]]]
"""what each record is called, and the record as JSON"""
_REACH: Final = {
    Reach.ALL: "every record of this type is left out",
    Reach.SOME: "records that this concerns are left out; whether there are any is not said",
    Reach.FIELDS: "these fields are left out of each record",
}


class PublicKeyBody(Body):
    """Whom a part is sealed for."""

    public_key: dict[str, Any]
    """JWK: EC (P-256, P-384, P-521), OKP (X25519) or RSA (2048 to 4096 bits); the public part alone"""

    def recipient(self) -> Recipient:
        """422 where no export is sealed for such a key."""
        try:
            return recipient_of(self.public_key)
        except UnfitKey as unfit:
            raise invalid([Fault("/public_key", str(unfit))]) from None


class Source(Protocol):
    """Records of one type."""

    @property
    def record_type(self) -> RecordType: ...

    async def refs(self, tenant: str, client_id: UUID) -> Sequence[RecordRef]:
        """All of the client's, the oldest first."""

    def records(self, tenant: str, client_id: UUID, refs: Sequence[RecordRef], opened: Opened) -> Records:
        """An erased one as shown elsewhere. `refs`: those that were permitted."""


@dataclass(frozen=True, slots=True)
class Exporter:
    service: ServiceName
    gate: Gate
    sources: Sequence[Source]
    """those of one key class stand together"""
    now: Callable[[], datetime]

    async def answer(self, call: Call, client_id: UUID, body: PublicKeyBody) -> Response:
        """403 or 404 where the caller may not have an export of this client, 422 for a key that does not do."""
        recipient = body.recipient()
        wanted: list[tuple[Source, Sequence[RecordRef]]] = []

        async def records(exclusions: Sequence[Exclusion]) -> Sequence[RecordRef]:
            closed = {e.record_type for e in exclusions if e.reach is Reach.ALL}
            for source in self.sources:
                if source.record_type not in closed:
                    wanted.append((source, await source.refs(call.tenant, client_id)))
            return [ref for _, refs in wanted for ref in refs]

        opened, exclusions = await open_export(self.gate, call, str(client_id), recipient.thumbprint, records)
        about = about_part(call, client_id, self.now(), opened.entries, exclusions)
        permitted = sum(map(opened.permitted, opened.outcomes))
        return StreamingResponse(
            self._lines(call.tenant, client_id, recipient, wanted, opened, exclusions, about),
            media_type=PART_TYPE,
            headers={**opened.headers, RECORDS_HEADER: str(permitted), "Cache-Control": "no-store"},
        )

    async def _lines(
        self,
        tenant: str,
        client_id: UUID,
        recipient: Recipient,
        wanted: Sequence[tuple[Source, Sequence[RecordRef]]],
        opened: Opened,
        exclusions: Sequence[Exclusion],
        about: Mapping[str, Any],
    ) -> AsyncIterator[bytes]:
        writer = PartWriter(self.service, recipient)
        for source, refs in wanted:
            key_class = RECORD_TYPES[source.record_type].key_class
            permitted = [ref for ref in refs if opened.permitted(ref.record_id)]
            without = {f for e in exclusions if e.record_type is source.record_type for f in e.fields}
            async for kind, record in source.records(tenant, client_id, permitted, opened):
                async for line in writer.add(key_class, kind, _without(record, without)):
                    yield line
        async for line in writer.end(about):
            yield line


def about_part(
    call: Call, client_id: UUID | str, at: datetime, entries: Iterable[int], exclusions: Iterable[Exclusion]
) -> dict[str, Any]:
    """For whom, when, by which entries of the ledger, and what is left out with its ground."""
    return {
        "client_id": str(client_id),
        "made_at": at.isoformat(),
        "made_for": {"sub": call.principal.sub, "role": call.principal.role},
        "request_id": call.request_id,
        "entries": list(entries),
        "excluded": [
            {
                "type": e.record_type,
                "what": _REACH[e.reach],
                **({"fields": list(e.fields)} if e.fields else {}),
                "ground": e.citation,
                "text": e.text,
                "rule": e.rule,
            }
            for e in exclusions
        ],
    }


def together(items: Sequence[T], most: int = AT_ONCE) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), most):
        yield items[first : first + most]


def _without(record: Mapping[str, Any], fields: set[str]) -> Mapping[str, Any]:
    left_out = sorted(fields & set(record))
    return {**{k: v for k, v in record.items() if k not in fields}, "left_out": left_out} if left_out else record
