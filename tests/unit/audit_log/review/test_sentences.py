"""Every alarm that is raised, and every look at the log, is told to an officer in a sentence of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

from services.audit_log.assurance.application.completeness import WITHOUT_RECEIPT
from services.audit_log.assurance.application.receipts import MESSAGE_GIVEN_UP, OF_ANOTHER, WITHOUT_ENTRY
from services.audit_log.assurance.application.restored import RESTORED
from services.audit_log.assurance.application.witnessing import WITNESS_SAW_ANOTHER, WITNESS_SAW_MORE
from services.audit_log.downtime.domain.late_writes import LateReason
from services.audit_log.gate.application.disclosure import ALARMING
from services.audit_log.keyring.domain.kms_audit import Reason
from services.audit_log.ledger.domain.words import ALARMS, LOOKS
from services.audit_log.routes_out.application.routes import FED
from shared.contracts.harm import HarmTold
from shared.contracts.risk import RiskTold

SERVICE = Path(__file__).parents[4] / "services/audit_log"
ASKING = {"officer", "officer_or_client", "reviewer", "admit"}
"""methods of the desk whose second argument names the look"""


def calls(where: str) -> Iterator[tuple[str, list[ast.expr]]]:
    for file in sorted(SERVICE.rglob(where)):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute | ast.Name):
                yield call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id, call.args


def said(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value


def looks() -> set[str]:
    return {text for name, args in calls("api/*.py") if name in ASKING for a in args[1:2] for text in said(a)}


def claims() -> set[str]:
    """Reasons of requests that no correct service ever makes."""
    found: set[str] = set()
    for name, args in calls("*.py"):
        if name == "ClaimDiffers":
            found.update(text for a in args[:1] for text in said(a))
        if name == "Refused" and isinstance(args[0], ast.Attribute) and args[0].attr in {r.name for r in ALARMING}:
            found.update(text for a in args[1:2] for text in said(a))
    return found


def test_every_alarm_has_its_sentence() -> None:
    raised = {RESTORED, WITHOUT_RECEIPT, WITHOUT_ENTRY, OF_ANOTHER, MESSAGE_GIVEN_UP, WITNESS_SAW_MORE, WITNESS_SAW_ANOTHER}
    raised |= set(Reason) | (set(LateReason) - {LateReason.ERASED}) | set(RiskTold) | set(HarmTold)
    assert {"claim-differs", "job-row"} <= claims()
    assert raised | claims() | {"break-glass-granted", "forged-message", "message-parked"} == set(ALARMS)


def test_every_look_has_its_words() -> None:
    named = looks()
    assert {"view-today", "search-ledger", "view-routes"} <= named
    assert named | {FED} <= set(LOOKS)
