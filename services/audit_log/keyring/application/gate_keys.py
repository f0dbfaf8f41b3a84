"""The public key to which services seal while the gate is away: published signed, rotated weekly, destroyed when it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, Protocol

from services.audit_log.keyring.domain.gate_keys import OpeningKey, PublishedKey
from services.audit_log.ledger.application.ports import KeyringUnavailable
from shared.contracts.downtime import GATE_KEY, GATE_KEY_PLACE, GateKey, SignedGateKey
from shared.contracts.records import KeyClass
from shared.contracts.topics import AUDIT
from shared.gate.port import Away, GateUnavailable
from shared.messaging.signature import EventSigner

CARE_EVERY: Final = 600.0
"""seconds between two looks whether a key is due or has ended"""
_log = logging.getLogger(__name__)


class GateKeyStore(Protocol):
    """All raise KeyringUnavailable."""

    async def newest(self, now: datetime) -> PublishedKey | None: ...

    async def make(self, now: datetime) -> PublishedKey: ...

    async def opening(self, kid: str) -> OpeningKey | None:
        """None where it is destroyed; UnknownKey where it never was."""

    async def destroy_ended(self, now: datetime) -> list[str]: ...

    async def note_use(self, tenant: str, client_id: str, key_class: KeyClass, kid: str) -> None: ...


class GateKeys:
    def __init__(
        self,
        keys: GateKeyStore,
        signer: EventSigner,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._keys, self._signer, self._now, self._sleep = keys, signer, now, sleep

    async def published(self) -> SignedGateKey:
        """The key to be written to from now on; made at first use. GateUnavailable."""
        try:
            key = await self._keys.newest(self._now()) or await self._keys.make(self._now())
        except KeyringUnavailable:
            raise GateUnavailable("the keyring does not answer: no key is published", Away.KEYS) from None
        statement = GateKey(
            key_id=key.key_id, public=key.public.hex(), written_from=key.created_at, written_until=key.written_until
        )
        payload = statement.model_dump_json().encode()
        return SignedGateKey(statement=payload, headers=self._signer.sign(AUDIT, GATE_KEY_PLACE, {"ce_type": GATE_KEY}, payload))

    async def run(self) -> None:
        """Until cancelled: rotates the key that is written to, and destroys those that ended."""
        while True:
            try:
                await self.care()
            except KeyringUnavailable as error:
                _log.warning("the gate's keys are looked after later: %s", type(error).__name__)
            await self._sleep(CARE_EVERY)

    async def care(self) -> None:
        now = self._now()
        newest = await self._keys.newest(now)
        if newest is not None and newest.due(now):
            await self._keys.make(now)
        for kid in await self._keys.destroy_ended(now):
            _log.info("gate key %s has ended and is destroyed", kid)
