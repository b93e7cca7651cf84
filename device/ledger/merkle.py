"""The Merkle tree of RFC 6962: roots, proofs, and their verification. It will never see a row, only hashes.

A tree of n leaves splits at the largest power of two below n, which is to pair neighbours level by level and
carry a last odd node up unpaired. Proofs are lists of 32-byte hashes, nearest the leaf first.
"""

import hashlib
from collections.abc import Sequence

from .errors import ProofError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data): what stands in the tree for one row."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right). The prefix keeps a node from passing for a leaf."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A growing tree that holds its frontier only: one hash for each bit set in its size."""

    def __init__(self) -> None:
        self.size = 0
        self._frontier: list[bytes] = []

    @property
    def frontier(self) -> tuple[bytes, ...]:
        """The roots of its whole subtrees, the largest first: what a later proof needs of these leaves."""
        return tuple(self._frontier)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash; its index is the size before. Raises ProofError if it is not 32 bytes."""
        _check_hashes("tree", leaf)
        carry = self.size
        while carry & 1:
            leaf = node_hash(self._frontier.pop(), leaf)
            carry >>= 1
        self._frontier.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the head of the tree; EMPTY_ROOT before the first leaf."""
        return _fold(self._frontier) if self._frontier else EMPTY_ROOT


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a list of leaf hashes; EMPTY_ROOT of none."""
    _check_hashes("tree", *hashes)
    level = list(hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY_ROOT


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Prove that leaf `index` is in the tree over `hashes`. Raises ProofError for an index outside it."""
    _check_hashes("inclusion proof", *hashes)
    if not 0 <= index < len(hashes):
        raise ProofError(f"inclusion proof: no leaf {index} among {len(hashes)}; ask for one below the size")
    level, proof = list(hashes), []
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            proof.append(level[sibling])
        level, index = _parents(level), index >> 1
    return proof


def consistency_proof(hashes: Sequence[bytes], first_size: int) -> list[bytes]:
    """Prove that the tree over `hashes` only adds to its first `first_size` leaves.

    Raises ProofError unless 1 <= first_size <= len(hashes): an empty tree is consistent with anything.
    """
    _check_hashes("consistency proof", *hashes)
    if not 1 <= first_size <= len(hashes):
        what = f"nothing to prove from {first_size} to {len(hashes)} leaves"
        raise ProofError(f"consistency proof: {what}; start at one leaf or more, and end no earlier")
    first = Tree()
    for leaf in hashes[:first_size]:
        first.append(leaf)
    return growth_proof(first_size, first.frontier, hashes[first_size:])


def growth_proof(first_size: int, frontier: Sequence[bytes], added: Sequence[bytes]) -> list[bytes]:
    """As `consistency_proof`, for who has of the first tree (of 1 leaf or more) its `frontier` alone, and the
    leaf hashes that were `added` since.
    """
    left, proof = list(frontier), []
    start, end = 0, first_size + len(added)
    while end != first_size:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if first_size <= split:
            proof.append(root_of(added[split - first_size : end - first_size]))
            end = split
        else:
            proof.append(left.pop(0))
            start = split
    if start:  # else what remains is the first tree itself, whose root the verifier has
        proof.append(_fold(left))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` is number `index` under `root`, the head of `size` leaves.

    RFC 9162, section 2.1.3.2. Raises ProofError when it is not, or when anything is misshapen or left over.
    """
    where = f"inclusion proof of leaf {index} in {size}"
    _check_hashes(where, leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"{where}: no such leaf; ask for one below the size")
    climbed = _climb(index, size - 1, leaf, proof)
    if climbed is None or climbed[1] != root:
        raise ProofError(f"{where}: it does not lead to the root; do not believe it")


def verify_consistency(
    first_size: int, second_size: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `second_size` leaves only adds to the tree of `first_size`.

    RFC 9162, section 2.1.4.2. Raises ProofError when it does not, or when anything is misshapen or left over;
    also for a first size of 0, of which nothing can be proved. Two heads of one size need only be equal.
    """
    where = f"consistency proof from {first_size} to {second_size} leaves"
    if not 1 <= first_size <= second_size:
        raise ProofError(f"{where}: nothing to prove; start at one leaf or more, and end no earlier")
    if first_size == second_size:
        if proof or first_root != second_root:
            raise ProofError(f"{where}: one size, and two heads or a needless proof; do not sign the second")
        return
    _check_hashes(where, first_root, second_root, *proof)
    # Of a size that is a power of two, the first tree is a whole subtree of the second: its root is the seed.
    path = [first_root, *proof] if first_size.bit_count() == 1 else list(proof)
    position, last = first_size - 1, second_size - 1
    while position & 1:  # up to the root of the largest whole subtree that ends the first tree
        position, last = position >> 1, last >> 1
    if not path or _climb(position, last, path[0], path[1:]) != (first_root, second_root):
        raise ProofError(f"{where}: it does not lead to both roots; do not sign the second")


def _climb(position: int, last: int, seed: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Fold a proof from the node `position`, on a level that ends with node `last`, up to the root.

    Return the root over the nodes up to the seed, and the root over all; None for a wrong length of proof.
    """
    up_to_seed = overall = seed
    for sibling in proof:
        if last == 0:
            return None
        if position & 1 or position == last:
            up_to_seed, overall = node_hash(sibling, up_to_seed), node_hash(sibling, overall)
            while position and not position & 1:  # levels on which the last node was carried up unpaired
                position, last = position >> 1, last >> 1
        else:
            overall = node_hash(overall, sibling)
        position, last = position >> 1, last >> 1
    return None if last else (up_to_seed, overall)


def _fold(frontier: Sequence[bytes]) -> bytes:
    root = frontier[-1]
    for left in frontier[-2::-1]:
        root = node_hash(left, root)
    return root


def _parents(level: list[bytes]) -> list[bytes]:
    above = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
    return above + level[-1:] if len(level) & 1 else above


def _check_hashes(where: str, *hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofError(f"{where}: a hash of {len(value)} bytes, not {HASH_BYTES}; do not believe it")
