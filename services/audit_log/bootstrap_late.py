"""The part of `bootstrap` for what is seen afterwards: notes that were written while the gate was away, calls of the KMS."""

from collections.abc import Awaitable, Callable, Sequence

from services.audit_log.decision.application.policy_projection import PolicyProjection
from services.audit_log.downtime.adapters.late_write_table import LateWriteTable
from services.audit_log.downtime.application.reconciling import LateWrites
from services.audit_log.downtime.application.watch import LateWatch
from services.audit_log.gate.adapters.record_registry import RecordRegistry
from services.audit_log.gate.application.disclosure import Steps
from services.audit_log.keyring.adapters.keyring import PostgresKeyring
from services.audit_log.keyring.application.gate_keys import GateKeys
from services.audit_log.keyring.application.kms_findings import KmsAlarms
from services.audit_log.ledger.application.ports import Ledger
from services.audit_log.settings import Settings
from shared.contracts.downtime import GateKeyRequest, LateAnswer, LateWrite, SignedGateKey
from shared.contracts.records import ServiceName
from shared.eventstore.store import EventStore
from shared.messaging.port import Handler
from shared.service.parts import Parts


class Late:
    """What services ask of it, and what runs beside them."""

    def __init__(
        self,
        parts: Parts,
        store: EventStore,
        ledger: Ledger,
        keyring: PostgresKeyring,
        steps: Steps,
        registry: RecordRegistry,
        policy: PolicyProjection,
        led: Callable[[], Sequence[str]],
        settings: Settings,
    ) -> None:
        table = LateWriteTable(store)
        self.keys = GateKeys(keyring.gate_keys, parts.signer, now=parts.now)
        self.writes = LateWrites(steps, keyring, keyring.gate_keys, table, registry, policy, parts.tokens, now=parts.now)
        self.kms_alarms = KmsAlarms(keyring.findings, ledger, now=parts.now)
        self.watch = LateWatch(table, ledger, led, now=parts.now, after=settings.late_after)

    def handlers(self) -> dict[str, Handler]:
        return self.watch.handlers()

    def work(self) -> list[Callable[[], Awaitable[None]]]:
        """What runs as long as the service does."""
        return [self.keys.run, self.watch.run, self.kms_alarms.run]

    async def gate_key(self, _: ServiceName, request: GateKeyRequest) -> SignedGateKey:
        return await self.keys.published()

    async def settle(self, service: ServiceName, write: LateWrite) -> LateAnswer:
        return await self.writes.settle(service, write)
