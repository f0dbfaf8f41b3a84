"""Tokens of clients made anew under a new index key, or by a new rule for names.

A registered job does it, a hundred clients at a time, and goes on after a crash.

While it lasts both keys find. An erasure that comes in between comes before or after each step, never within: a step holds the
stream that erasures are written to.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

from services.session_notes.clients.application.client_index import FIELDS, ClientIndex, Work, tokens_for
from services.session_notes.clients.application.clients import client_of
from services.session_notes.clients.domain.lookup import SPELLING
from services.session_notes.desk.application.ports import Desk, client_stream
from shared.contracts.disclosure import Action, Caller, DisclosureRequest, RecordRef
from shared.contracts.records import RecordType
from shared.gate.ask import opened, refusal_problem
from shared.service.erasure import HOLD_ERASURES

JOB: Final = "client_index"
BATCH: Final = 100
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
_log = logging.getLogger(__name__)


class Reindexing:
    def __init__(self, desk: Desk, index: ClientIndex) -> None:
        self._desk, self._index = desk, index
        self._woken = asyncio.Event()
        self._tenants: set[str] = set()

    async def follow(self, tenant: str, kid: str) -> None:
        """The tenant's index key in use, as a permit named it: another one than before sets the work going."""
        work = await self._index.work(tenant)
        if work is None or work.kid != kid:
            await self._desk.store.append(tenant, (), statements=self._index.under(tenant, kid))
        if work is None or work.kid != kid or not work.finished:
            self.wake(tenant)

    def wake(self, tenant: str) -> None:
        self._tenants.add(tenant)
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What fails is tried again, and goes on where it was."""
        wait, looked = FIRST_WAIT_SECONDS, False
        while True:
            self._woken.clear()
            looked = looked or await self._tried(self._look_everywhere())
            tenants, self._tenants = self._tenants, set()
            self._tenants |= {tenant for tenant in sorted(tenants) if not await self._tried(self._work_off(tenant))}
            if looked and not self._tenants:
                wait = FIRST_WAIT_SECONDS
                await self._woken.wait()
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _tried(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            await work
        except Exception as error:
            # the type alone: a message might quote what was opened
            _log.warning("index of clients: %s, tried again", type(error).__name__)
            return False
        return True

    async def _look_everywhere(self) -> None:
        self._tenants |= set(await self._index.tenants())

    async def _work_off(self, tenant: str) -> None:
        while await self._step(tenant):
            """one batch after another"""

    async def _step(self, tenant: str) -> bool:
        """Whether there is more to do."""
        work = await self._index.work(tenant)
        if work is None or work.finished:
            return False
        if work.spelling != SPELLING:  # an earlier release folded names by another rule: begin anew
            await self._desk.store.append(tenant, (), statements=self._index.under(tenant, work.kid))
            return True
        clients = await self._index.clients_after(tenant, work.after, BATCH)
        if not clients:
            await self._desk.store.append(tenant, (), statements=(self._index.finished(tenant, work),))
            return False
        refs = [RecordRef(record_id=str(c), client_id=str(c), record_type=RecordType.CLIENT) for c in clients]
        request = DisclosureRequest(
            tenant=tenant,
            action=Action.COMPUTE,
            caller=Caller(job=JOB),
            request_id=f"index-{clients[0]}",
            records=tuple(refs),
            index_fields=FIELDS,
        )
        answer = await self._desk.gate.disclose(request)
        if (problem := refusal_problem(answer)) is not None:
            raise problem
        released = opened(answer)
        kid = released.index_keys[0].kid
        if kid != work.kid:  # another one came in between: begin anew under that
            await self._desk.store.append(tenant, (), statements=self._index.under(tenant, kid))
            return True
        readable = [c for c in clients if released.permitted(c) and not released.erased(c)]
        streams = await self._desk.index.streams(tenant, [client_stream(c) for c in readable])
        tokens = []
        for client_id in readable:
            identity = client_of(streams[client_stream(client_id)], released).identity
            assert identity is not None
            tokens += tokens_for(client_id, identity, released.index_keys)
        statements = self._index.made_anew(tenant, Work(kid, work.after, done=False), clients, tokens)
        await self._desk.store.append(tenant, [HOLD_ERASURES], statements=statements)
        return True
