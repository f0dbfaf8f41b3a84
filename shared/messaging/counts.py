"""What one consumer has done: the source of its metrics."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Since the start of the process."""

    handled: int = 0
    """effects written, or found written before"""
    forged: int = 0
    parked: int = 0
    retried: int = 0
    dropped: int = 0
    """came again so late that only their number was known"""
    skipped: int = 0
    """given up by an operator"""
    lag_seconds: float = 0.0
    """age of the message handled last, when it was handled"""
