"""Safe repeats: `Idempotency-Key` on POST. The record is written in the transaction of the events it stands for.

A record holds an HMAC of the request under a secret of the service (never a plain hash: bodies can be guessed), the answer's
status and a *non-clinical* answer (ids, status, version); an answer with clinical content is rebuilt through the gate. It is
dropped when its client's data is erased.
"""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import quote
from uuid import UUID

import orjson

from shared.eventstore.model import Statement, UniqueViolation
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.problems import Problem, conflict
from shared.one_at_a_time import OneAtATime

SCHEMA = """
CREATE TABLE IF NOT EXISTS idempotency (
  tenant_id text NOT NULL,
  subject text NOT NULL,
  key text NOT NULL,
  request bytea NOT NULL,
  status int NOT NULL,
  answer jsonb NOT NULL,
  client_id uuid,
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, subject, key)
)
"""
_INSERT = "INSERT INTO idempotency (tenant_id, subject, key, request, status, answer, client_id) VALUES ($1,$2,$3,$4,$5,$6,$7)"
_SETTLED = "UPDATE idempotency SET answer = $4 WHERE tenant_id = $1 AND subject = $2 AND key = $3"
_SELECT = "SELECT request, status, answer FROM idempotency WHERE tenant_id = $1 AND subject = $2 AND key = $3"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and non-clinical JSON body of a POST."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Handed to the work of one POST: gives the statement to write with its events."""

    call: Call
    digest: bytes

    def statements(self, answer: Answer, client_id: UUID | str | None) -> tuple[Statement, ...]:
        """Nothing where the call has no Idempotency-Key."""
        call = self.call
        if call.idempotency_key is None:
            return ()
        client = UUID(str(client_id)) if client_id is not None else None
        body = orjson.dumps(answer.body).decode()
        return (
            Statement(
                _INSERT,
                (call.tenant, _subject(call), call.idempotency_key, self.digest, answer.status, body, client),
            ),
        )


def _subject(call: Call) -> str:
    """Whose key it is: the person in this role, for this client. In another role they may not see what they did in this one."""
    who = call.principal
    return f"{who.role}/{quote(who.client_id or '', safe='')}/{who.sub}"


def settled(call: Call, answer: Answer) -> Statement:
    """Rewrites the answer that is kept under the call's key."""
    body = orjson.dumps(answer.body).decode()
    return Statement(_SETTLED, (call.tenant, _subject(call), call.idempotency_key, body))


class Idempotency:
    def __init__(self, store: EventStore, secret: bytes) -> None:
        self._store, self._secret = store, secret
        self._turns = OneAtATime()

    async def run(self, call: Call, route: str, raw: bytes, work: Callable[[Repeat], Awaitable[Answer]]) -> tuple[Answer, bool]:
        """The answer of `work`, or of its first run under the same key (then True). 422 for a key with another body.

        `route` is method and path with its ids. `work` passes `repeat.statements(answer, client)` to its append.
        """
        digest = hmac.digest(self._secret, b"idempotency\x00" + route.encode() + b"\x00" + raw, sha256)
        repeat = Repeat(call, digest)
        if call.idempotency_key is None:
            return await work(repeat), False
        # the others wait for its answer, and only it asks the gate
        async with self._turns.of((call.tenant, _subject(call), call.idempotency_key)):
            known = await self._known(call, digest)
            if known is not None:
                return known, True
            try:
                return await work(repeat), False
            except UniqueViolation as error:
                if error.constraint != "idempotency_pkey":
                    raise
            known = await self._known(call, digest)
            if known is None:
                raise conflict("The same Idempotency-Key is being worked on: ask again in a moment.")
            return known, True

    async def _known(self, call: Call, digest: bytes) -> Answer | None:
        rows = await self._store.fetch(call.tenant, _SELECT, call.tenant, _subject(call), call.idempotency_key)
        if not rows:
            return None
        row = rows[0]
        if not hmac.compare_digest(bytes(row["request"]), digest):
            raise Problem(
                422,
                "idempotency-key-reused",
                "This Idempotency-Key stands for another request",
                "Use a new key for a new request; repeat the same body to have the same answer.",
            )
        return Answer(int(row["status"]), orjson.loads(row["answer"]))
