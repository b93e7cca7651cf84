"""The ledger, checked against itself and against every head of it that somebody else holds (promise 5).

A ledger alone proves nothing: who keeps it can write another. What binds it are heads that left the
device: they are in the end records and checkpoints that the broker passed on, and each must be the root
of these rows, as many as it counts. So a row that was rewritten after such a head left, or a second
ledger for other eyes, is found; a row that was rewritten before any head left is not.
"""

from collections.abc import Iterator
from typing import NamedTuple

from device.envelope import EnvelopeError, topics
from device.envelope.layout import Cursor, EndRecord, from_json
from device.ledger import Checkpoint, LedgerError, Row, Tree, Verifier, open_note
from lab.audit.errors import Damaged
from lab.audit.evidence import HEAD, Evidence, begins
from lab.audit.verdicts import Check, Finding

_ORIGIN = "overheard/v1/"


class Head(NamedTuple):
    """A head that somebody holds: what it says, and where it is written."""

    checkpoint: Checkpoint
    where: str


def _tree(evidence: Evidence) -> Iterator[Finding]:
    """The rows are rows, numbered without a gap, and make the tree whose head the device signed."""
    for index, entry in enumerate(evidence.entries):
        if entry.row is None:
            yield Finding("this is no row of a ledger", entry.where)
        elif entry.row.index != index:
            yield Finding(f"row {entry.row.index} stands where row {index} belongs", entry.where)
    head = _read(_exported(evidence), evidence.device_key, HEAD)
    if head.size != len(evidence.leaves):
        yield Finding(
            f"the device signed a head of {head.size} rows, and here are {len(evidence.leaves)}", HEAD
        )
    elif head.root != _roots(evidence, {head.size})[head.size]:
        yield Finding(f"the device signed another head than that of these {head.size} rows", HEAD)


def _certified(evidence: Evidence) -> Iterator[Finding]:
    """The key that the ledger is checked with is the one that the device's id is the hash of."""
    key = evidence.device_key
    for sent, begin in begins(evidence):
        if begin.header.device != key.name or begin.signer.public_bytes_raw() != key.public:
            yield Finding(f"utterance {sent.name} was signed by another device than {key.name}", sent.where)


def _heads(evidence: Evidence) -> Iterator[Finding]:
    """Every head that left the device is that of these rows, and covers the trigger of what it ends."""
    heads = list(_left(evidence))
    roots = _roots(evidence, {head.checkpoint.size for head in heads})
    for checkpoint, where in heads:
        if checkpoint.origin != _ORIGIN + evidence.device_key.name:
            yield Finding(f"a head of another ledger, {checkpoint.origin}", where)
        elif checkpoint.size not in roots:
            yield Finding(
                f"a head of {checkpoint.size} rows left, and here are {len(evidence.leaves)}", where
            )
        elif roots[checkpoint.size] != checkpoint.root:
            yield Finding(f"a head of {checkpoint.size} rows left that is not that of these rows", where)


def _order(evidence: Evidence) -> Iterator[Finding]:
    """An utterance's rows come in the order in which things can happen, and one boot's triggers in time."""
    reached: dict[str, int] = {}
    heard = 0
    for row in evidence.rows:
        where = f"ledger row {row.index}"
        if row.kind == "boot":
            heard = 0
        elif row.kind == "trigger":
            if (row.first_sample or 0) < heard:
                yield Finding("a trigger earlier than the one before it", where)
            heard = row.first_sample or 0
        yield from _step(reached, row, where)


def _step(reached: dict[str, int], row: Row, where: str) -> Iterator[Finding]:
    """Trigger (or sealed anew), begin, segments by index, end: each first comes after what is before it."""
    if row.utterance is None or row.kind not in _STAGES:
        return
    stage = _STAGES[row.kind] + (row.segment or 0 if row.kind == "segment" else 0)
    before = reached.get(row.utterance, -1)
    if row.kind in ("trigger", "resealed"):
        if before >= 0:
            yield Finding(f"a second trigger of utterance {row.utterance}", where)
        reached[row.utterance] = 0
    elif before < 0:
        yield Finding(f"{row.kind} of utterance {row.utterance}, which nothing triggered", where)
    elif row.kind == "segment" and stage > before + 1:
        yield Finding(f"segment {row.segment} of utterance {row.utterance} before the one before it", where)
    else:
        reached[row.utterance] = max(before, stage)


_STAGES = {"trigger": 0, "resealed": 0, "begin": 1, "segment": 2, "end": 2}


def _left(evidence: Evidence) -> Iterator[Head]:
    """The heads in the messages that the broker passed on, and the one that was exported."""
    key = evidence.device_key
    for message in evidence.messages:
        topic = topics.parse(message.topic)
        text = ""
        if topic is not None and topic.kind == "checkpoint":
            text = message.payload.decode("utf-8", "replace")
        elif topic is not None and topic.kind == "end":
            text = _ended(message.payload, message.where)
        if text:
            yield Head(_read(text, key, message.where), message.where)
    yield Head(_read(_exported(evidence), key, HEAD), HEAD)


def _ended(payload: bytes, where: str) -> str:
    try:
        return from_json(Cursor(payload, "end").json(), EndRecord, "end").checkpoint
    except EnvelopeError as error:
        raise Damaged(where, str(error)) from error


def _exported(evidence: Evidence) -> str:
    path = evidence.path(HEAD, "the ledger's signed head: checkpoint.txt of the run")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(HEAD, "not text") from error


def _read(note: str, key: Verifier, where: str) -> Checkpoint:
    try:
        return Checkpoint.parse(open_note(note, [key]))
    except LedgerError as error:
        raise Damaged(where, str(error)) from error


def _roots(evidence: Evidence, sizes: set[int]) -> dict[int, bytes]:
    """The root of the first so many rows, of each size that there is."""
    tree, roots = Tree(), {}
    for leaf in [None, *evidence.leaves]:
        if leaf is not None:
            tree.append(leaf)
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


CHECKS = (
    Check("ledger.tree", 5, "the rows make exactly the tree whose head the device signed", _tree),
    Check("ledger.key", 5, "that head is signed with the key that the device's id certifies", _certified),
    Check("ledger.heads", 5, "every head that left the device is a head of these rows", _heads),
    Check("ledger.order", 5, "the rows are in an order in which things can happen", _order),
)
