"""The Merkle tree against the public vectors of transparency-dev/merkle, and against altered proofs."""

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.ledger import (
    EMPTY_ROOT,
    LedgerError,
    ProofError,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "merkle" / "testdata"
VECTOR_COUNT = 196

# The tree that the Certificate Transparency test suites share: these leaves, and the root after each.
KNOWN_LEAVES = [b"", b"\x00", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", bytes(range(0x60, 0x70))]
KNOWN_ROOTS = """\
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".splitlines()

HASHES = st.lists(st.binary(max_size=8).map(leaf_hash), min_size=1, max_size=70)


def _vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    if not files:
        why = f"the public Merkle vectors are not beside this checkout ({kind})"
        return [pytest.param(None, marks=pytest.mark.skip(reason=why))]
    return [pytest.param(json.loads(file.read_text()), id=str(file.relative_to(VECTORS))) for file in files]


def _decoded(values: list[str] | None) -> list[bytes]:
    return [b64decode(value or "") for value in values or []]


def _expect(vector: dict[str, Any], verify: Callable[[], None]) -> None:
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            verify()
    else:
        verify()


@pytest.mark.parametrize("vector", _vectors("inclusion"))
def test_each_public_inclusion_vector_is_judged_as_published(vector: dict[str, Any]) -> None:
    leaf, root = _decoded([vector["leafHash"], vector["root"]])
    proof = _decoded(vector["proof"])
    _expect(vector, lambda: verify_inclusion(leaf, vector["leafIdx"], vector["treeSize"], proof, root))


@pytest.mark.parametrize("vector", _vectors("consistency"))
def test_each_public_consistency_vector_is_judged_as_published(vector: dict[str, Any]) -> None:
    roots = _decoded([vector["root1"], vector["root2"]])
    proof = _decoded(vector["proof"])
    _expect(vector, lambda: verify_consistency(vector["size1"], vector["size2"], roots[0], roots[1], proof))


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the public Merkle vectors are not beside this checkout")
def test_no_public_vector_is_left_out() -> None:
    assert len(_vectors("inclusion")) + len(_vectors("consistency")) == VECTOR_COUNT


def test_the_tree_has_the_roots_that_certificate_transparency_publishes() -> None:
    tree = Tree()
    roots = []
    for leaf in KNOWN_LEAVES:
        tree.append(leaf_hash(leaf))
        roots.append(tree.root().hex())
    assert roots == KNOWN_ROOTS


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == root_of([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_node_can_not_pass_for_a_leaf() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert node_hash(left, right) != leaf_hash(left + right)


@given(HASHES)
def test_the_growing_tree_has_the_root_of_the_whole_list_at_every_size(hashes: list[bytes]) -> None:
    tree = Tree()
    for size, leaf in enumerate(hashes, start=1):
        tree.append(leaf)
        assert (tree.size, tree.root()) == (size, root_of(hashes[:size]))


@given(HASHES)
def test_every_leaf_is_proved(hashes: list[bytes]) -> None:
    root = root_of(hashes)
    for index, leaf in enumerate(hashes):
        verify_inclusion(leaf, index, len(hashes), inclusion_proof(hashes, index), root)


@given(HASHES)
def test_every_earlier_tree_is_proved_to_be_a_beginning(hashes: list[bytes]) -> None:
    root = root_of(hashes)
    for first in range(1, len(hashes) + 1):
        proof = consistency_proof(hashes, first)
        verify_consistency(first, len(hashes), root_of(hashes[:first]), root, proof)


@given(HASHES, st.data())
def test_a_single_changed_byte_undoes_an_inclusion_proof(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))
    parts = [hashes[index], root_of(hashes), *inclusion_proof(hashes, index)]
    leaf, root, *proof = _with_one_changed_byte(parts, data)
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index, len(hashes), proof, root)


@given(HASHES, st.data())
def test_a_single_changed_byte_undoes_a_consistency_proof(hashes: list[bytes], data: st.DataObject) -> None:
    first = data.draw(st.integers(1, len(hashes)))
    parts = [root_of(hashes[:first]), root_of(hashes), *consistency_proof(hashes, first)]
    first_root, second_root, *proof = _with_one_changed_byte(parts, data)
    with pytest.raises(ProofError):
        verify_consistency(first, len(hashes), first_root, second_root, proof)


@given(HASHES, st.data())
def test_a_hash_too_many_or_too_few_undoes_either_proof(hashes: list[bytes], data: st.DataObject) -> None:
    index, size, root = data.draw(st.integers(0, len(hashes) - 1)), len(hashes), root_of(hashes)
    inclusion, consistency = inclusion_proof(hashes, index), consistency_proof(hashes, index + 1)
    for wrong in [[*inclusion, root], [root, *inclusion], *([inclusion[:-1]] if inclusion else [])]:
        with pytest.raises(ProofError):
            verify_inclusion(hashes[index], index, size, wrong, root)
    for wrong in [[*consistency, root], [root, *consistency], *([consistency[:-1]] if consistency else [])]:
        with pytest.raises(ProofError):
            verify_consistency(index + 1, size, root_of(hashes[: index + 1]), root, wrong)


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40, unique=True), st.data())
def test_a_proof_holds_for_its_own_index_only(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    index, other = data.draw(st.lists(st.integers(0, len(hashes) - 1), min_size=2, max_size=2, unique=True))
    with pytest.raises(ProofError):
        verify_inclusion(hashes[index], other, len(hashes), inclusion_proof(hashes, index), root_of(hashes))


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=40, unique=True), st.data())
def test_a_ledger_that_changed_its_past_is_found_out(leaves: list[bytes], data: st.DataObject) -> None:
    before = [leaf_hash(leaf) for leaf in leaves]
    first = data.draw(st.integers(1, len(before) - 1))
    altered = data.draw(st.integers(0, first - 1))
    after = [*before[:altered], leaf_hash(b"something else"), *before[altered + 1 :]]
    with pytest.raises(ProofError):
        verify_consistency(
            first, len(after), root_of(before[:first]), root_of(after), consistency_proof(after, first)
        )


@pytest.mark.parametrize("value", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_hash_of_another_length_is_refused_everywhere(value: bytes) -> None:
    good = leaf_hash(b"")
    attempts: list[Callable[[], object]] = [
        lambda: Tree().append(value),
        lambda: root_of([good, value]),
        lambda: inclusion_proof([good, value], 0),
        lambda: consistency_proof([value, good], 1),
        lambda: verify_inclusion(value, 0, 1, [], value),
        lambda: verify_inclusion(good, 0, 2, [value], node_hash(good, value)),
        lambda: verify_consistency(1, 2, value, node_hash(value, good), [good]),
        lambda: verify_consistency(1, 2, good, node_hash(good, value), [value]),
    ]
    for attempt in attempts:
        with pytest.raises(ProofError, match="not 32"):
            attempt()


def test_a_proof_of_the_wrong_length_is_refused_even_where_it_leads_to_the_root() -> None:
    a, b, c = leaf_hash(b"a"), leaf_hash(b"b"), leaf_hash(b"c")
    with pytest.raises(ProofError, match="does not lead to the root"):
        verify_inclusion(a, 0, 1, [b], node_hash(b, a))
    with pytest.raises(ProofError, match="does not lead to the root"):
        verify_inclusion(a, 0, 2, [], a)
    with pytest.raises(ProofError, match="does not lead to both roots"):
        verify_consistency(1, 2, node_hash(c, a), node_hash(c, node_hash(a, b)), [b, c])
    with pytest.raises(ProofError, match="does not lead to both roots"):
        verify_consistency(1, 2, a, a, [])
    with pytest.raises(ProofError, match="does not lead to both roots"):
        verify_consistency(3, 4, a, b, [])


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (0, 0), (5, 3), (0, -1), (2**64, 2**64)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    root = leaf_hash(b"")
    with pytest.raises(ProofError):
        verify_inclusion(root, index, size, [], root)
    with pytest.raises(ProofError):
        inclusion_proof([root] * min(max(size, 0), 3), index)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (-1, 1), (2, 1)])
def test_nothing_is_proved_of_an_empty_tree_or_backwards(first: int, second: int) -> None:
    root = leaf_hash(b"")
    with pytest.raises(ProofError, match="nothing to prove"):
        verify_consistency(first, second, root, root, [])
    with pytest.raises(ProofError, match="nothing to prove"):
        consistency_proof([root] * second, first)


def test_two_heads_of_one_size_are_a_fork() -> None:
    with pytest.raises(ProofError, match="two heads"):
        verify_consistency(3, 3, leaf_hash(b"a"), leaf_hash(b"b"), [])


def test_a_proof_error_is_one_line_that_says_what_to_do_and_is_a_value_error() -> None:
    with pytest.raises(
        ValueError, match=r"^inclusion proof of leaf 0 in 1: [^;\n]+; [^\n]+[^.\n]$"
    ) as caught:
        verify_inclusion(leaf_hash(b"a"), 0, 1, [], leaf_hash(b"b"))
    assert isinstance(caught.value, LedgerError)
    assert caught.value.exit_code == 6


def _with_one_changed_byte(parts: list[bytes], data: st.DataObject) -> list[bytes]:
    which = data.draw(st.integers(0, len(parts) - 1))
    where = data.draw(st.integers(0, len(parts[which]) - 1))
    changed = bytearray(parts[which])
    changed[where] ^= data.draw(st.integers(1, 255))
    return [*parts[:which], bytes(changed), *parts[which + 1 :]]
