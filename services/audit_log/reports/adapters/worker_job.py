"""What the gate and its worker process tell one another: JSON on the worker's standard input and output."""

from dataclasses import dataclass
from enum import StrEnum

from services.audit_log.ledger.application.reports import Order
from services.audit_log.ledger.domain.verification import Report
from services.audit_log.reports.application.exporting import Made


class Fault(StrEnum):
    """Why there is no result."""

    TOO_MANY = "too-many"
    TOO_LARGE = "too-large"
    NOT_YET_SIGNED = "not-yet-signed"
    LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class Job:
    database: str
    """DSN of the role `app`. It never stands in an argument or a variable, where other processes could read it."""
    anchors: str
    """folder of the signed checkpoints"""
    tenant: str
    vkeys: tuple[str, ...]
    """whose signatures of this log count, newest first"""
    folder: str = ""
    """for temporary files"""
    file: int = -1
    """descriptor of the file that the bundle is written to"""
    most_bytes: int = 0
    font: str | None = None
    order: Order | None = None
    """None: the log is verified"""


@dataclass(frozen=True, slots=True)
class Result:
    fault: Fault | None = None
    made: Made | None = None
    verified: Report | None = None
