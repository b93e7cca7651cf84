"""Heads of the ledger that somebody else than the device holds: each is the root of the first so many rows.

They come from the end records and checkpoints that the broker passed on, from what the cloud wrote down of
them, and from a witness's file. Two heads that contradict each other prove a fork by themselves: the device
signed both.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from device.envelope import EnvelopeError, topics
from device.envelope.layout import Cursor, EndRecord, from_json
from device.ledger import Checkpoint, LedgerError, Tree, Verifier, head_in, open_note, split_note
from lab.audit import held_heads
from lab.audit.errors import Damaged
from lab.audit.evidence import HEAD, Evidence, Message
from lab.audit.verdicts import Check, Finding

ORIGIN = "overheard/v1/"
WITNESSED = "witnessed.txt"
"""A head that a witness cosigned, in the folder of a run (`overheard-lab witness`)."""


class Head(NamedTuple):
    """A head that somebody holds: what it says, where it is written, and the message that it left in."""

    checkpoint: Checkpoint
    where: str
    message: Message | None = None


def _heads(evidence: Evidence) -> Iterator[Finding]:
    """Every head that left the device is that of these rows, and no two of one size differ."""
    held = list(_held(evidence))
    known = roots(evidence, {head.checkpoint.size for head in held})
    first: dict[int, Head] = {}
    for head in held:
        checkpoint, where = head.checkpoint, head.where
        before = first.setdefault(checkpoint.size, head)
        if checkpoint.origin != ORIGIN + evidence.device_key.name:
            yield Finding(f"a head of another ledger, {checkpoint.origin}", where)
        elif before.checkpoint.root != checkpoint.root:
            yield Finding(
                f"the device signed two heads of {checkpoint.size} rows: see {before.where} for the other",
                where,
            )
        elif checkpoint.size not in known:
            yield Finding(
                f"a head of {checkpoint.size} rows left, and here are {len(evidence.leaves)}", where
            )
        elif known[checkpoint.size] != checkpoint.root:
            yield Finding(f"a head of {checkpoint.size} rows left that is not that of these rows", where)


def _before(evidence: Evidence) -> Iterator[Finding]:
    """What left before a head did is in it.

    An end's head is made after its trigger's row, and before its own row; it may leave much later, in any
    order. A checkpoint is made as it leaves: it covers the row of every message that came before it, and
    is never smaller than the one before.
    """
    rows = _first_rows(evidence)
    left = {head.message: head.checkpoint.size for head in _left(evidence) if head.message is not None}
    covered = latest = 0
    for message in dict.fromkeys(evidence.messages):
        own, size = rows.get(_name(message), -1), left.get(message)
        if size is not None and 0 <= own < size:
            yield Finding(f"a head of {size} rows was written down in row {own}", message.where)
        if size is not None and message.topic.endswith("/checkpoint"):
            if size < max(covered, latest):
                what = f"a head of {size} rows left when {max(covered, latest)} rows or more had been written"
                yield Finding(what, message.where)
            latest = max(latest, size)
        covered = max(covered, own + 1)
    yield from _after_trigger(evidence)


def _after_trigger(evidence: Evidence) -> Iterator[Finding]:
    """The head in an utterance's end covers the row of its trigger."""
    triggers = {row.utterance: row.index for row in evidence.rows if row.kind == "trigger"}
    for head in _left(evidence):
        topic = topics.parse(head.message.topic) if head.message else None
        trigger = triggers.get(topic.utterance) if topic is not None else None
        if trigger is not None and head.checkpoint.size <= trigger:
            yield Finding(
                f"the head in the end counts {head.checkpoint.size} rows, and its trigger is row {trigger}",
                head.where,
            )


def _first_rows(evidence: Evidence) -> dict[tuple[str, str], int]:
    """The first row of each message, by topic and hash."""
    found: dict[tuple[str, str], int] = {}
    for row in evidence.rows:
        if row.topic is not None and row.sha256 is not None:
            found.setdefault((row.topic, row.sha256), row.index)
    return found


def _name(message: Message) -> tuple[str, str]:
    return message.topic, hashlib.sha256(message.payload).hexdigest()


def _held(evidence: Evidence) -> Iterator[Head]:
    """The heads that left, the one that was exported, and those that the cloud and a witness wrote down."""
    yield from _left(evidence)
    yield Head(read(exported(evidence), evidence.device_key, HEAD), HEAD)
    for held in held_heads.read(evidence):
        open_head = read if held.alone else _opened
        yield Head(open_head(held.note, evidence.device_key, held.where), held.where)
    path = evidence.given.directory / WITNESSED
    if path.exists():
        yield Head(_opened(_text(path.read_bytes(), WITNESSED), evidence.device_key, WITNESSED), WITNESSED)


def _left(evidence: Evidence) -> Iterator[Head]:
    """The heads in the messages that the broker passed on."""
    for message in evidence.messages:
        topic = topics.parse(message.topic)
        text = ""
        if topic is not None and topic.kind == "checkpoint":
            text = _without_proof(_text(message.payload, message.where), message.where)
        elif topic is not None and topic.kind == "end":
            text = _ended(message.payload, message.where)
        if text or (topic is not None and topic.kind == "checkpoint"):
            yield Head(read(text, evidence.device_key, message.where), message.where, message)


def _ended(payload: bytes, where: str) -> str:
    try:
        return from_json(Cursor(payload, "end").json(), EndRecord, "end").checkpoint
    except EnvelopeError as error:
        raise Damaged(where, str(error)) from error


def _without_proof(text: str, where: str) -> str:
    """The head in a checkpoint; `grown` looks at its proof."""
    try:
        return head_in(text)
    except LedgerError as error:
        raise Damaged(where, str(error)) from error


def exported(evidence: Evidence) -> str:
    """The text of the head that was exported with the rows."""
    path = evidence.path(HEAD, "the ledger's signed head: checkpoint.txt of the run")
    return _text(path.read_bytes(), HEAD)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(where, "not text") from error


def read(note: str, key: Verifier, where: str) -> Checkpoint:
    """The head in a note that the device signed, and nobody else: another line could say anything.

    Raises:
        Damaged: it is none.
    """
    checkpoint = _opened(note, key, where)
    if len(split_note(note)[1]) != 1:
        raise Damaged(where, "there are more lines under this head than the device's signature")
    return checkpoint


def _opened(note: str, key: Verifier, where: str) -> Checkpoint:
    try:
        return Checkpoint.parse(open_note(note, [key]))
    except LedgerError as error:
        raise Damaged(where, str(error)) from error


def roots(evidence: Evidence, sizes: set[int]) -> dict[int, bytes]:
    """The root of the first so many rows, of each size that there is."""
    tree, found = Tree(), {}
    for leaf in [None, *evidence.leaves]:
        if leaf is not None:
            tree.append(leaf)
        if tree.size in sizes:
            found[tree.size] = tree.root()
    return found


CHECKS = (
    Check("ledger.heads", 5, "every head that left the device is a head of these rows", _heads),
    Check("ledger.before", 5, "what left before a head did is in it", _before),
)
