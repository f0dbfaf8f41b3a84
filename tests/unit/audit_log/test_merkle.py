"""Hashing and proofs against RFC 6962's own definitions and against vectors from outside."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from services.audit_log.ledger.domain import merkle
from services.audit_log.ledger.domain.merkle import ProofInvalid
from services.audit_log.ledger.domain.tiles import GrowingTree
from tests.support import environment, rfc6962

VECTORS = Path(__file__).parents[3].parent / "shared/vectors/rfc6962-merkle"
ENTRIES = [f"entry {i}".encode() for i in range(70)]
HASHES = [merkle.leaf_hash(e) for e in ENTRIES]


def vectors(kind: str) -> list[Any]:
    found = sorted((VECTORS / kind).rglob("*.json"))
    if not found:
        why = f"../shared/vectors/rfc6962-merkle/{kind} is not here"
        environment.not_run[f"RFC 6962 {kind} vectors"] = why
        return [pytest.param(None, marks=pytest.mark.skip(reason=why))]
    return [pytest.param(p, id=str(p.relative_to(VECTORS))) for p in found]


def decoded(doc: dict[str, Any]) -> list[bytes]:
    return [b64decode(h) for h in doc["proof"] or []]


@pytest.mark.parametrize("file", vectors("inclusion"))
def test_inclusion_vector(file: Path) -> None:
    doc = json.loads(file.read_text())
    arguments = (doc["leafIdx"], doc["treeSize"], b64decode(doc["leafHash"]), decoded(doc), b64decode(doc["root"]))
    if doc["wantErr"]:
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(*arguments)
    else:
        merkle.verify_inclusion(*arguments)


@pytest.mark.parametrize("file", vectors("consistency"))
def test_consistency_vector(file: Path) -> None:
    doc = json.loads(file.read_text())
    arguments = (doc["size1"], doc["size2"], b64decode(doc["root1"]), b64decode(doc["root2"]), decoded(doc))
    if doc["wantErr"]:
        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(*arguments)
    else:
        merkle.verify_consistency(*arguments)


def node(wanted: merkle.Node) -> bytes:
    level, index = wanted
    return rfc6962.mth(ENTRIES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(1, 40))
def test_inclusion_proofs_are_those_of_the_rfc(size: int) -> None:
    for index in range(size):
        made = [merkle.range_hash(span, node) for span in merkle.inclusion_path(index, size)]
        assert made == rfc6962.path(index, ENTRIES[:size])
        merkle.verify_inclusion(index, size, HASHES[index], made, rfc6962.mth(ENTRIES[:size]))


@pytest.mark.parametrize("new", range(1, 40))
def test_consistency_proofs_are_those_of_the_rfc(new: int) -> None:
    for old in range(1, new + 1):
        made = [merkle.range_hash(span, node) for span in merkle.consistency_path(old, new)]
        assert made == rfc6962.proof(old, ENTRIES[:new])
        merkle.verify_consistency(old, new, rfc6962.mth(ENTRIES[:old]), rfc6962.mth(ENTRIES[:new]), made)


def test_a_growing_tree_has_the_rfc_root_at_every_size() -> None:
    tree = GrowingTree()
    assert tree.root() == rfc6962.mth([])
    for size, leaf in enumerate(HASHES, 1):
        tree.extend([leaf])
        assert tree.root() == rfc6962.mth(ENTRIES[:size])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_no_path_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        merkle.inclusion_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_no_consistency_from_nothing_or_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="consistency"):
        merkle.consistency_path(old, new)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (7, 7), (8, 40)])
def test_a_consistency_proof_holds_for_its_own_two_roots_alone(old: int, new: int) -> None:
    old_root, new_root = rfc6962.mth(ENTRIES[:old]), rfc6962.mth(ENTRIES[:new])
    proof = rfc6962.proof(old, ENTRIES[:new])
    broken = [
        (old, new, bytes(32), new_root, proof),
        (old, new, old_root, bytes(32), proof),
        (old, new, old_root, new_root, [*proof, bytes(32)]),
        (old, new, old_root, new_root, [*proof[:-1], bytes(32)]),
    ]
    if proof:
        broken.append((old, new, old_root, new_root, proof[:-1]))
    for arguments in broken:
        with pytest.raises(ProofInvalid):
            merkle.verify_consistency(*arguments)


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (6, 7), (3, 8), (39, 40)])
def test_an_inclusion_proof_holds_for_its_own_leaf_place_and_root_alone(index: int, size: int) -> None:
    root, proof = rfc6962.mth(ENTRIES[:size]), rfc6962.path(index, ENTRIES[:size])
    broken = [
        (index, size, bytes(32), proof, root),
        (index, size, HASHES[index], proof, bytes(32)),
        (index, size, HASHES[index], [*proof, bytes(32)], root),
        (size, size, HASHES[index], proof, root),
        (index, size, HASHES[index][:31], proof, root),
    ]
    if proof:
        broken.append((index ^ 1, size + (index ^ 1 == size), HASHES[index], proof, root))
        broken.append((index, size, HASHES[index], proof[:-1], root))
    for arguments in broken:
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(*arguments)
