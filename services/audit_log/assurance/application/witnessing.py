"""Checkpoints go to witnesses, cosignatures come back (C2SP tlog-witness v1.0.0).

A witness answers 200 with its cosignatures, or 409 with the size it cosigned last: then the proof is made from that size. One
that saw more of the log than the log has, or whose proof of consistency does not hold, means that the database was set back or
the log forked: that is an alarm, and nothing here can heal it (ADR 0021).
"""

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from services.audit_log.ledger.application.ledger_view import CosignedCheckpoint
from services.audit_log.ledger.application.ports import LedgerUnavailable
from services.audit_log.ledger.domain.checkpoint import parse_text
from services.audit_log.ledger.domain.cosignature import Cosigner, Standing, verified
from services.audit_log.ledger.domain.entry import Entry, EntryKind
from services.audit_log.ledger.domain.signed_note import NoteInvalid, signature_lines, split_note
from services.audit_log.ledger.domain.tiles import NoSuchTile
from shared.contracts.records import ServiceName

SIZE_TYPE: Final = "text/x.tlog.size"
FIRST_WAIT: Final = timedelta(seconds=1)
LONGEST_WAIT: Final = timedelta(minutes=1)
TRIES: Final = 3
WITNESS_SAW_MORE: Final = "witness-saw-more"
WITNESS_SAW_ANOTHER: Final = "witness-saw-another-log"
_SIZE: Final = re.compile(rb"(0|[1-9]\d{0,18})\n")
_log = logging.getLogger("witnesses")


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    """as this deployment calls it"""
    url: str
    """its submission prefix"""
    cosigners: tuple[Cosigner, ...]
    """its keys, one or more"""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    status: int
    media_type: str
    body: bytes


class WitnessPort(Protocol):
    async def add_checkpoint(self, url: str, body: bytes) -> WitnessAnswer:
        """Raises OSError or TimeoutError where it does not answer."""


class WitnessedLogs(Protocol):
    def published_logs(self) -> dict[str, bytes]:
        """Tenants of this leading process and their newest checkpoint."""

    async def consistency(self, tenant: str, old: int, new: int) -> list[bytes]: ...

    async def cosigned(self, tenant: str) -> list[CosignedCheckpoint]: ...

    async def keep_cosigned(self, tenant: str, cosigned: CosignedCheckpoint) -> None: ...

    async def append(self, tenant: str, entries: Sequence[Entry]) -> list[int]: ...


@dataclass(slots=True)
class _State:
    old: int = 0
    """size that the witness cosigned last, as far as known"""
    note: bytes | None = None
    """the checkpoint that it cosigned last"""
    fault: str | None = None
    behind_since: datetime | None = None
    not_before: datetime | None = None
    wait: timedelta = FIRST_WAIT


class WitnessFault(Exception):
    """No cosignature this time; says why, in words."""


class Witnessing:
    def __init__(
        self,
        witnesses: Sequence[Witness],
        logs: WitnessedLogs,
        port: WitnessPort,
        *,
        now: Callable[[], datetime],
        every: timedelta,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._witnesses, self._logs, self._port = tuple(witnesses), logs, port
        self._now, self._every, self._sleep = now, every, sleep
        self._states: dict[tuple[str, str], _State] = {}
        self._alarmed: set[tuple[str, str, str]] = set()

    async def run(self) -> None:
        """Until cancelled. Without witnesses there is nothing to do."""
        while True:
            if self._witnesses:
                await asyncio.gather(*(self._serve(witness) for witness in self._witnesses))
            await self._sleep(self._every.total_seconds())

    def standings(self, tenant: str, cosigned: Sequence[CosignedCheckpoint], size: int) -> list[Standing]:
        """`size`: entries of the newest checkpoint."""
        kept = {c.witness: c for c in cosigned}
        found = []
        for witness in self._witnesses:
            state, last = self._states.get((tenant, witness.name)), kept.get(witness.name)
            behind = size - (last.size if last else 0)
            since = state.behind_since if state is not None else None
            lag = timedelta() if not behind else (self._now() - since if since else None)
            at, fault = (last.cosigned_at if last else None), (state.fault if state else None)
            found.append(Standing(witness.name, witness.url, last.size if last else None, behind, at, lag, fault))
        return found

    async def _serve(self, witness: Witness) -> None:
        for tenant, note in self._logs.published_logs().items():
            state = await self._state(tenant, witness)
            if state is None or state.note == note:
                continue
            now = self._now()
            state.behind_since = state.behind_since or now
            if state.not_before is not None and now < state.not_before:
                continue
            try:
                await self._submit(tenant, witness, state, note)
            except (OSError, TimeoutError) as error:
                self._failed(state, f"it does not answer: {type(error).__name__}")
            except (WitnessFault, NoteInvalid) as error:
                self._failed(state, str(error))
            except (LedgerUnavailable, NoSuchTile) as error:
                self._failed(state, f"this log could not be read: {type(error).__name__}")
            else:
                state.fault, state.behind_since, state.wait = None, None, FIRST_WAIT

    async def _state(self, tenant: str, witness: Witness) -> _State | None:
        key = (tenant, witness.name)
        if key not in self._states:
            try:
                cosigned = await self._logs.cosigned(tenant)
            except LedgerUnavailable:
                return None
            last = next((c for c in cosigned if c.witness == witness.name), None)
            self._states[key] = _State(last.size, last.note) if last else _State()
        return self._states[key]

    def _failed(self, state: _State, why: str) -> None:
        if state.fault != why:
            _log.warning("a witness did not cosign: %s", why)
        state.fault, state.not_before = why, self._now() + state.wait
        state.wait = min(state.wait * 2, LONGEST_WAIT)

    async def _submit(self, tenant: str, witness: Witness, state: _State, note: bytes) -> None:
        text, _ = split_note(note)
        size = parse_text(text).size
        for _ in range(TRIES):
            if state.old > size:
                await self._alarm(tenant, witness, WITNESS_SAW_MORE, {"cosigned": state.old, "size": size})
                raise WitnessFault(f"it cosigned {state.old} entries, this log has {size}: its database was set back")
            proof = await self._logs.consistency(tenant, state.old, size) if 0 < state.old < size else []
            answer = await self._port.add_checkpoint(witness.url, request_body(state.old, proof, note))
            match answer.status:
                case 200:
                    await self._keep(tenant, witness, note, text, size, answer.body)
                    state.old, state.note = size, note
                    return
                case 409 if (match := _SIZE.fullmatch(answer.body)) and answer.media_type == SIZE_TYPE:
                    state.old = int(match[1])
                case 422:
                    await self._alarm(tenant, witness, WITNESS_SAW_ANOTHER, {"cosigned": state.old, "size": size})
                    raise WitnessFault(f"what it cosigned at {state.old} entries is no part of this log: the log forked")
                case _:
                    raise WitnessFault(_REFUSALS.get(answer.status, f"it answered {answer.status}"))
        raise WitnessFault("it answers with another size each time: somebody else submits for this log")

    async def _keep(self, tenant: str, witness: Witness, note: bytes, text: str, size: int, body: bytes) -> None:
        try:
            found = verified(text, signature_lines(body.decode()), witness.cosigners)
        except UnicodeDecodeError:
            raise WitnessFault("its answer is no signature line") from None
        if not found:
            raise WitnessFault("its answer carries no signature of its configured keys")
        at = datetime.fromtimestamp(min(c.at for c in found), UTC)
        lines = "".join(c.line for c in found)
        await self._logs.keep_cosigned(tenant, CosignedCheckpoint(witness.name, size, note, lines, at, self._now()))

    async def _alarm(self, tenant: str, witness: Witness, reason: str, detail: Mapping[str, int]) -> None:
        """Once for each log, witness and reason while this process runs."""
        if (tenant, witness.name, reason) in self._alarmed:
            return
        entry = Entry(
            kind=EntryKind.ALARM,
            at=self._now(),
            action="cosign-checkpoint",
            outcome="deny",
            reason=reason,
            agent=f"service:{ServiceName.AUDIT_LOG}",
            agent_role="service",
            service=str(ServiceName.AUDIT_LOG),
            request_id="",
            detail={"witness": witness.name, **detail},
        )
        await self._logs.append(tenant, [entry])
        self._alarmed.add((tenant, witness.name, reason))


_REFUSALS: Final = {
    400: "it holds the request to be malformed",
    403: "it does not know the key that signs this log: give it the log's vkey",
    404: "it does not know this log: give it the log's vkey",
    429: "it asks for fewer requests",
}


def request_body(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Body of `add-checkpoint`."""
    lines = [f"old {old}", *(b64encode(h).decode() for h in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note
