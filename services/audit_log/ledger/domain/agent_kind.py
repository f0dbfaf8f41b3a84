"""What kind of caller an entry of the ledger names."""

from enum import StrEnum


class AgentKind(StrEnum):
    PERSON = "person"
    LINK = "link"
    """the bearer of a one-time answering link"""
    JOB = "job"
    """registered background work"""
