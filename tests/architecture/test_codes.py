"""Code lists are complete: a search of the ledger refuses what no entry can have, and finds whatever one has."""

import ast
from pathlib import Path

from services.audit_log.domain.entry_actions import ENTRY_ACTIONS, LOOKED
from services.audit_log.domain.rules.labels import CONFIDENTIALITY, SUBSTANCE_USE
from services.audit_log.domain.rules.resources import RESOURCE_NAMES
from services.audit_log.review.domain.sentences import LOOKS
from services.session_notes.domain.sections import LABELS as NOTE_LABELS
from shared.contracts.codes import FHIR_TYPES, LABELS, PURPOSES, RESOURCE_TYPES
from shared.identity.roles import CLAIMABLE

AUDIT_LOG = Path(__file__).parents[2] / "services/audit_log"
NAMING = {"officer", "reviewer", "record", "answer", "called", "_enter"}
"""functions that are told the action of the entry they write"""


def written_actions() -> set[str]:
    """Actions that stand in the code: `action="…"`, constants of that meaning, and what the functions above are told."""
    found: set[str] = set()
    for file in AUDIT_LOG.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                told = [k.value for k in node.keywords if k.arg == "action"]
                if isinstance(node.func, ast.Attribute | ast.Name):
                    name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
                    told += node.args[1:3] if name in NAMING else []
                texts = [t.value for t in told if isinstance(t, ast.Constant) and isinstance(t.value, str)]
                found |= {text for text in texts if text.islower() and len(text) > 1}
            constant = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id.strip("_")
            if (
                constant in ("ACTION", "FED", "COMPARE")
                and isinstance(node, ast.AnnAssign)
                and isinstance(node.value, ast.Constant)
            ):
                found.add(str(node.value.value))
    return found


def test_every_action_that_an_entry_gets_can_be_searched() -> None:
    found = written_actions()
    assert {"what-if", "consume", "suspend-accounting", "feed-entries", "search-ledger"} <= found
    assert found <= ENTRY_ACTIONS, sorted(found - ENTRY_ACTIONS)
    assert LOOKS.keys() <= LOOKED, sorted(LOOKS.keys() - LOOKED)


def test_whatever_the_rules_know_can_be_named() -> None:
    named = {code.lower() for code in RESOURCE_TYPES}
    assert {name for names in RESOURCE_NAMES.values() for name in names} <= named
    assert {"Patient", "Consent", "QuestionnaireResponse"} <= FHIR_TYPES
    assert {*CONFIDENTIALITY, *SUBSTANCE_USE, *NOTE_LABELS} <= LABELS
    assert CLAIMABLE <= PURPOSES
