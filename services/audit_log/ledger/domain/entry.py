"""One entry of the ledger: who did what to whose record, for what, whether it was allowed and on what ground.

Never a clinical word and never a client's name: clients stand here by their random id. `detail` is for codes and ids, and for
the reason of a break-glass grant, which is erasable payload like the rest.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EntryKind(StrEnum):
    DISCLOSURE = "disclosure"
    """a decision of the gate, permit or deny"""
    GRANT = "grant"
    """break-glass or THREAT: made, approved, reviewed, ended"""
    RELEASE = "release"
    """the client chose who sees their alliance ratings"""
    POLICY = "policy"
    """a policy change took effect at the gate"""
    ERASURE = "erasure"
    """each step of an erasure"""
    QUERY = "query"
    """somebody read the ledger"""
    ALARM = "alarm"
    """something that should not be: a forged message, a receipt without its entry, a claim against the registry"""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    record_id: str
    record_type: str
    key_class: str
    decision: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`index` is assigned by the ledger when the entry is durable."""

    kind: EntryKind
    at: datetime
    action: str
    outcome: str
    """permit | deny | done"""
    reason: str
    agent: str
    """`sub` of the person or system, `job:<name>`, `link:<administration>` or `service:<name>`"""
    agent_role: str
    service: str
    """the service that asked; `audit_log` for its own"""
    request_id: str
    agent_name: str = ""
    client_id: str | None = None
    purpose: str | None = None
    purpose_defaulted: bool = False
    records: tuple[EntryRecord, ...] = ()
    basis: tuple[str, ...] = ()
    """rules, consents and relationships that the decision rests on: `rule:…`, `consent:<id>`, `relationship:<id>`"""
    policy_sequence: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
