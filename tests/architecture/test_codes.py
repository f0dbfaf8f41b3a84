"""Code lists are complete: a search of the ledger refuses what no entry can have, and finds whatever one has."""

import ast
from pathlib import Path

from services.audit_log.decision.domain.rules.labels import CONFIDENTIALITY, SUBSTANCE_USE
from services.audit_log.decision.domain.rules.resources import RESOURCE_NAMES
from services.audit_log.erasure.domain.events import EVENTS
from services.audit_log.ledger.domain.entry_actions import ENTRY_ACTIONS, ERASING, LOOKED
from services.audit_log.ledger.domain.words import LOOKS
from services.session_notes.notes.domain.sections import LABELS as NOTE_LABELS
from shared.contracts.codes import FHIR_TYPES, LABELS, PURPOSES, RESOURCE_TYPES
from shared.identity.roles import CLAIMABLE

AUDIT_LOG = Path(__file__).parents[2] / "services/audit_log"
Places = dict[str, int]
"""function → which of its arguments is the action of the entry it writes"""


def places_of(tree: ast.AST) -> Places:
    found: Places = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [a.arg for a in node.args.args if a.arg != "self"]
            if "action" in names:
                found[node.name] = names.index("action")
    return found


def told(call: ast.Call, places: Places) -> list[ast.expr]:
    """What a call gives as the action."""
    by_name = [k.value for k in call.keywords if k.arg == "action"]
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    place = places.get(name)
    return by_name + ([] if place is None else call.args[place : place + 1])


def written_actions() -> set[str]:
    """Actions that stand in the code: what functions with an `action` are given, as a literal or as a constant of the module."""
    trees = [ast.parse(file.read_text()) for file in AUDIT_LOG.rglob("*.py")]
    everywhere = {name: place for tree in trees for name, place in places_of(tree).items() if not name.startswith("_")}
    constants: dict[str, set[object]] = {}
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(node.value, ast.Constant):
            constants.setdefault(node.target.id, set()).add(node.value.value)
    found: set[object] = set()
    for tree in trees:
        places = everywhere | places_of(tree)
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            for given in told(call, places):
                found |= constants.get(given.id, set()) if isinstance(given, ast.Name) else set()
                found |= {given.value} if isinstance(given, ast.Constant) else set()
    return {action for action in found if isinstance(action, str)} - set("CRUDE")


def test_every_action_that_an_entry_gets_can_be_searched() -> None:
    found = written_actions()
    assert {"what-if", "consume", "suspend-accounting", "feed-entries", "search-ledger", "hold-placed"} <= found
    assert found <= ENTRY_ACTIONS, sorted(found - ENTRY_ACTIONS)
    assert LOOKS.keys() == LOOKED, sorted(LOOKS.keys() ^ LOOKED)
    assert {event.TYPE.removeprefix("erasure.") for event in EVENTS} == ERASING


def test_whatever_the_rules_know_can_be_named() -> None:
    named = {code.lower() for code in RESOURCE_TYPES}
    assert {name for names in RESOURCE_NAMES.values() for name in names} <= named
    assert {"Patient", "Consent", "QuestionnaireResponse"} <= FHIR_TYPES
    assert {*CONFIDENTIALITY, *SUBSTANCE_USE, *NOTE_LABELS} <= LABELS
    assert CLAIMABLE <= PURPOSES
