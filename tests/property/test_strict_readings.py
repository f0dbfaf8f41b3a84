"""What the gate reads more strictly than it is written is told to the sender, and nothing else is."""

from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit_log.decision.domain.rules.dialects import Node, normal
from services.audit_log.decision.domain.rules.resources import RESOURCE_NAMES
from services.consent.domain.policies import GivenPolicy, GivenProvision
from services.consent.domain.strict_readings import KEPT_TYPES, REFUSES, notes, readings
from shared.contracts.consent_policy import ConsentKind


def some(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


def provisions(nested: st.SearchStrategy[list[GivenProvision]]) -> st.SearchStrategy[GivenProvision]:
    return st.builds(
        GivenProvision,
        type=st.sampled_from(["permit", "deny"]),
        actors=some("t-1"),
        purposes=some("TREAT", "BTG"),
        actions=some("read"),
        resource_types=some("progress_note", "Observation"),
        labels=some("PSY", "REDACT"),
        provisions=nested.map(tuple),
    )


LEAVES = provisions(st.just([]))
TREES = provisions(st.lists(provisions(st.lists(LEAVES, max_size=2)), max_size=2))
POLICIES = st.builds(
    GivenPolicy,
    base=st.sampled_from(["permit", "deny", "silent"]),
    dialect=st.sampled_from(["r4", "pcf", "r5"]),
    provisions=st.lists(TREES, max_size=2).map(tuple),
)


def every(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from every(node.children)


@settings(max_examples=400, deadline=None)
@given(POLICIES)
def test_each_note_of_the_gate_is_told_to_the_sender(policy: GivenPolicy) -> None:
    noted = {f"/policy{node.pointer}" for node in every(normal(policy.machine())) if node.note}
    told = {reading.pointer for reading in readings(policy, ConsentKind.TREATMENT)}
    assert noted - {"/policy/base"} == told
    refuses = any(note.because == REFUSES for note in notes(policy))
    assert refuses == ("/policy/base" in noted) == policy.machine().refuses


def test_the_types_that_are_kept_here_are_those_that_the_gate_knows() -> None:
    known = {name for names in RESOURCE_NAMES.values() for name in names}
    assert {t.lower() for t in KEPT_TYPES} == {n for n in known if "_" not in n} - {str(t) for t in RESOURCE_NAMES}
