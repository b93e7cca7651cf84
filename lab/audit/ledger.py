"""The ledger, checked against itself and against every head of it that somebody else holds (promise 5).

A ledger alone proves nothing: who keeps it can write another. What binds it are heads that left the
device: they are in the end records and checkpoints that the broker passed on, and each must be the root
of these rows, as many as it counts. So a row that was rewritten after such a head left, or a second
ledger for other eyes, is found; a row that was rewritten before any head left is not.
"""

from collections.abc import Iterator

from lab.audit import grown, heads, order
from lab.audit.evidence import HEAD, Evidence, begins
from lab.audit.verdicts import Check, Finding


def _tree(evidence: Evidence) -> Iterator[Finding]:
    """The rows are rows, numbered without a gap, and make the tree whose head the device signed."""
    for index, entry in enumerate(evidence.entries):
        if entry.row is None:
            yield Finding("this is no row of a ledger", entry.where)
        elif entry.row.index != index:
            yield Finding(f"row {entry.row.index} stands where row {index} belongs", entry.where)
    head = heads.read(heads.exported(evidence), evidence.device_key, HEAD)
    if head.size != len(evidence.leaves):
        yield Finding(
            f"the device signed a head of {head.size} rows, and here are {len(evidence.leaves)}", HEAD
        )
    elif head.root != heads.roots(evidence, {head.size})[head.size]:
        yield Finding(f"the device signed another head than that of these {head.size} rows", HEAD)


def _certified(evidence: Evidence) -> Iterator[Finding]:
    """The key that the ledger is checked with is the one that the device's id is the hash of."""
    key = evidence.device_key
    for sent, begin in begins(evidence):
        if begin.header.device != key.name or begin.signer.public_bytes_raw() != key.public:
            yield Finding(f"utterance {sent.name} was signed by another device than {key.name}", sent.where)


CHECKS = (
    Check("ledger.tree", 5, "the rows make exactly the tree whose head the device signed", _tree),
    Check("ledger.key", 5, "that head is signed with the key that the device's id certifies", _certified),
    *heads.CHECKS,
    *grown.CHECKS,
    *order.CHECKS,
)
