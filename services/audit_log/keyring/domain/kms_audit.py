"""The KMS's own audit log against what the keyring noted: who used the key-encryption key, and was it us.

A call of the keyring has its request id in both. What stands in the KMS's log alone was somebody else with a token; what stands
in the keyring's alone was cut out of the KMS's log. And an unwrap that we made has an entry of the ledger that says for what.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import orjson

from services.audit_log.keyring.domain.keys import wrap_context
from shared.contracts.records import KeyClass

NEAR: Final = timedelta(seconds=60)
"""how far the clocks of OpenBao, keyring and ledger, and the steps between, may lie apart"""
OPERATIONS: Final = {"encrypt": "wrap", "decrypt": "unwrap", "rewrap": "rewrap"}
"""of the transit engine → as the keyring calls them"""


class Reason(StrEnum):
    UNKNOWN = "kms-call-unknown"
    """in the KMS's log, and not of the keyring"""
    UNLOGGED = "kms-call-unlogged"
    """of the keyring, and not in the KMS's log"""
    WITHOUT_ENTRY = "kms-call-without-entry"
    """of the keyring, and no entry of the ledger says for what"""


@dataclass(frozen=True, slots=True)
class KeyName:
    """A wrapped key. Of the gate's own, client and class are None."""

    tenant: str
    kid: str
    client_id: str | None = None
    key_class: KeyClass | None = None

    def context(self, gate_context: bytes) -> bytes:
        """What the KMS bound it to; `gate_context` where it is the gate's own."""
        if self.client_id is None or self.key_class is None:
            return gate_context
        return wrap_context(tenant=self.tenant, client_id=self.client_id, key_class=self.key_class, kid=self.kid)


@dataclass(frozen=True, slots=True)
class Audited:
    """A call that succeeded, as OpenBao's audit log has it."""

    at: datetime
    operation: str
    request_id: str
    context_hash: str
    """keyed digest of the context, as OpenBao writes it"""
    remote_address: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A call as the keyring noted it. Without a request id its answer was lost."""

    at: datetime
    operation: str
    key: KeyName | None
    """None where no key of today has that context"""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    reason: Reason
    at: datetime
    operation: str
    request_id: str
    remote_address: str
    key: KeyName | None


Times = Mapping[tuple[str, str, KeyClass], Sequence[datetime]]
"""tenant, client, class → when the ledger permitted something of it"""


def read(lines: Iterable[str], *, mount: str, key: str) -> Iterator[Audited]:
    """Calls of that transit key that succeeded. What is no line of an audit log, or of something else, is read past."""
    paths = {f"{mount}/{theirs}/{key}": ours for theirs, ours in OPERATIONS.items()}
    for line in lines:
        try:
            entry: dict[str, Any] = orjson.loads(line[line.index("{") :])
        except ValueError:
            continue
        if not isinstance(entry, dict) or entry.get("type") != "response" or entry.get("error"):
            continue
        request = entry.get("request", {})
        operation = paths.get(request.get("path", ""))
        if operation is not None:
            yield Audited(
                at=datetime.fromisoformat(entry["time"]),
                operation=operation,
                request_id=str(request.get("id", "")),
                context_hash=str((request.get("data") or {}).get("context", "")),
                remote_address=str(request.get("remote_address", "")),
            )


def strangers(audited: Sequence[Audited], noted: Sequence[Noted]) -> list[Audited]:
    """Calls that the keyring did not note by their request id; one seen twice counts once as ours."""
    ours = {(n.request_id, n.operation) for n in noted if n.request_id}
    left = []
    for call in audited:
        if (call.request_id, call.operation) in ours:
            ours.discard((call.request_id, call.operation))
        else:
            left.append(call)
    return left


def compare(
    audited: Sequence[Audited],
    noted: Sequence[Noted],
    names: Mapping[str, KeyName],
    permitted: Times | None,
    *,
    since: datetime,
    until: datetime,
    edge: timedelta = NEAR,
) -> list[Finding]:
    """What has no counterpart, in order of time. `names`: context hash → key, as far as they are known; `permitted` is None where
    the ledger is not looked at. Calls nearer than `edge` to the ends of the window may have their counterpart outside: they are
    not missed.
    """
    found = _unknown(strangers(audited, noted), noted, names)
    logged = {c.request_id for c in audited}
    for n in noted:
        if n.request_id is None or not since + edge <= n.at < until - edge:
            continue
        if n.request_id not in logged:
            found.append(Finding(Reason.UNLOGGED, n.at, n.operation, n.request_id, "", n.key))
        elif permitted is not None and not _has_entry(n, permitted):
            found.append(Finding(Reason.WITHOUT_ENTRY, n.at, n.operation, n.request_id, "", n.key))
    return sorted(found, key=lambda f: (f.at, f.request_id))


def _unknown(calls: Sequence[Audited], noted: Sequence[Noted], names: Mapping[str, KeyName]) -> list[Finding]:
    """Strangers, but for those whose answer the keyring lost: of the same key, where the names are known, one for one."""
    lost: dict[str, list[Noted]] = defaultdict(list)
    for n in noted:
        if n.request_id is None:
            lost[n.operation].append(n)
    found = []
    for call in calls:
        key = names.get(call.context_hash)
        answer = next((n for n in lost[call.operation] if abs(n.at - call.at) <= NEAR and (not names or n.key == key)), None)
        if answer is not None:
            lost[call.operation].remove(answer)
        else:
            found.append(Finding(Reason.UNKNOWN, call.at, call.operation, call.request_id, call.remote_address, key))
    return found


def _has_entry(n: Noted, permitted: Times) -> bool:
    key = n.key
    if n.operation == "rewrap" or key is None or key.client_id is None or key.key_class is None:
        return True  # no disclosure: a rotation, a key of the gate's own, or one that is not there any more
    return any(abs(at - n.at) <= NEAR for at in permitted.get((key.tenant, key.client_id, key.key_class), ()))
