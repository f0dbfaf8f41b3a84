"""A process that does one thing of an erasure, and kills itself (-9) at a chosen call.

`python -m tests.integration.erasures.dying`, by test_killed_at_each_step.py.
Reads one JSON object from standard input: databases, folder, tenant, client, erasure, the deed and the point.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from services.audit_log.erasure.application.erasures import Erasures
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.adapters.kms.file import FileKms
from shared.contracts.records import KeyClass
from shared.eventstore.databases import DatabaseUrls
from shared.eventstore.postgres import PostgresEventStore
from shared.eventstore.store import EventStore
from shared.http.call import Call
from shared.http.idempotency import Repeat
from shared.identity.principal import Principal
from shared.identity.roles import Role
from shared.service import clock
from tests.integration.erasures.world import NOTES, acknowledge, make_erasures
from tests.support.clients import registered
from tests.support.ledger import ledger_on


class Dying:
    """The real part; at the `nth` call of `method` the process ends, before the call or after it was done."""

    def __init__(self, part: Any, method: str, nth: int, when: str) -> None:
        self._part, self._method, self._nth, self._when = part, method, nth, when

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._part, name)
        if name != self._method:
            return real

        async def call(*args: Any, **more: Any) -> Any:
            self._nth -= 1
            if self._nth == 0 and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = await real(*args, **more)
            if self._nth == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


async def main(given: dict[str, Any]) -> None:
    folder, audit = Path(given["folder"]), DatabaseUrls(**given["audit"])
    store = PostgresEventStore(audit, now=clock.now)
    ledger = ledger_on(audit, folder / "anchors")
    kms = FileKms(folder / "kms.json", environment="test", random=os.urandom)
    keyring = PostgresKeyring(DatabaseUrls(**given["keys"]), kms, now=clock.now, random=os.urandom, new_id=clock.new_id)
    for part in (store, ledger, keyring):
        await part.open()
    await ledger.lead()
    parts: dict[str, Any] = {"store": store, "ledger": ledger, "keyring": keyring}
    where, *point = given["point"]
    await registered(store, given["tenant"], [given["client"]])
    parts[where] = Dying(parts[where], *point)
    erasures = make_erasures(parts["store"], parts["ledger"], parts["keyring"])
    await deed(given, erasures, parts["store"])


async def deed(given: dict[str, Any], erasures: Erasures, store: EventStore) -> None:
    tenant, erasure, client = given["tenant"], given["erasure"], UUID(given["client"])
    call = Call(Principal(given["officer"], tenant, Role.COMPLIANCE_OFFICER), "token", None, "request", None)
    once = Repeat(call, b"")
    match given["deed"]:
        case "request":
            await erasures.request(call, client, [KeyClass.IDENTITY, NOTES], "GDPR 17(1)(b)", once)
        case "approve":
            await erasures.approve(call, UUID(erasure), once)
        case "carry out":
            await erasures._advance(tenant, UUID(erasure))
        case "acknowledge":
            await acknowledge(erasures, store, tenant, erasure, client)
            await erasures._advance(tenant, UUID(erasure))
        case "show":
            await erasures.show(call, UUID(erasure))
            await erasures._advance(tenant, UUID(erasure))


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
