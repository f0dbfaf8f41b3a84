"""What the gate needs: a ledger that is durable before it answers, and a keyring that holds no ciphertext."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.audit_log.ledger.domain.entry import Entry
from shared.contracts.disclosure import IndexField, IndexKey, RecordKey
from shared.contracts.records import KeyClass
from shared.eventstore.model import Statement


class LedgerUnavailable(Exception):
    """The entry could not be made durable: nothing may be released."""


class LogRefused(LedgerUnavailable):
    """This tenant's log is not written or signed: its database and its anchor do not agree. Others go on."""


class Ledger(Protocol):
    async def append(self, tenant: str, entries: Sequence[Entry], *, statements: Sequence[Statement] = ()) -> list[int]:
        """Indexes of the entries, durable when it returns, in one transaction with `statements`.

        Concurrent calls share a commit. UniqueViolation where a statement meets an existing row (nothing is written);
        LedgerUnavailable where the database does not answer.
        """


class KeyringUnavailable(Exception):
    """Keyring database or KMS does not answer: 503, never another provider."""


class KeyFenced(Exception):
    """An erasure of this client and class has begun: no new key is made."""


class UnknownKey(Exception):
    """No such key id: not the same as an erased one."""


@dataclass(frozen=True, slots=True)
class KeyWanted:
    client_id: str
    key_class: KeyClass
    record_id: str
    kid: str
    """as bound in the registry"""


@dataclass(frozen=True, slots=True)
class Erased:
    """The data key was destroyed by an erasure."""

    record_id: str
    kid: str


class Keyring(Protocol):
    async def new_record_key(self, tenant: str, client_id: str, key_class: KeyClass, record_id: str) -> RecordKey:
        """Record key under the client's current data key of that class (made at first use). KeyFenced, KeyringUnavailable."""

    async def record_keys(self, tenant: str, wanted: Sequence[KeyWanted]) -> list[RecordKey | Erased]:
        """One answer for each, in order. UnknownKey, KeyringUnavailable."""

    async def index_keys(self, tenant: str, fields: Sequence[IndexField], *, older: bool) -> list[IndexKey]:
        """Of each field the key in use (made at first use), and where `older` the one before it. KeyringUnavailable."""

    async def fenced(self, tenant: str, client_id: str, key_class: KeyClass) -> bool:
        """Whether an erasure of this client and class has begun. KeyringUnavailable."""

    async def ready(self) -> bool: ...
