"""What must be true after any number of kills: nothing lost, nothing twice, nothing left without its row.

It reads the files of a device and of a cloud that have ended, and what a tap at the broker saw. It mends
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cloud_stub.errors import CloudError
from cloud_stub.held import Held
from cloud_stub.vault import Vault
from device.envelope import Begin, EnvelopeError, topics
from device.errors import DeviceError
from device.keys import load_or_make
from device.ledger import (
    LEFT,
    Checkpoint,
    LedgerError,
    Row,
    Signer,
    Tree,
    Verifier,
    leaf_hash,
    open_note,
    parse_row,
    row_bytes,
)
from device.outbox import Outbox

COMPLETE = "complete in the vault, once"
WAITS = "still in the outbox"
TRUNCATED = "truncated in the vault, dropped with its row"
GIVEN_UP = "dropped with its row: "
NOTHING_KEPT = "cut before its first message was made"
NOWHERE = "nowhere"


class Verdict(NamedTuple):
    """How many utterances came to what, why messages left, and one line for everything that is not true;
    `by_name` is what each utterance came to.
    """

    fates: Counter[str]
    causes: Counter[str]
    problems: list[str]
    by_name: dict[str, str]


class Seen(NamedTuple):
    """What a tap saw: messages of devices by topic and SHA-256, and what was acknowledged as complete."""

    left: Counter[tuple[str, str]]
    complete: Collection[str]


class Book(NamedTuple):
    """The device's own record: its name and key, its ledger, and the utterances that wait in its outbox."""

    device: str
    verifier: Verifier
    rows: list[Row]
    waiting: set[str]


def check(state: Path, vault: Path, seen: Seen) -> Verdict:
    """Hold the device's `state` directory, the cloud's `vault` and what was `seen` against each other."""
    try:
        book = _read(state)
        with closing(Vault(vault)) as store:
            return _Check(book, store, seen).verdict()
    except (DeviceError, LedgerError, CloudError) as error:
        return Verdict(Counter(), Counter(), [str(error)], {})


def _read(state: Path) -> Book:
    identity = load_or_make(state, "mlkem768-x25519")
    signer = Signer(identity.device, identity.signing)
    with closing(Outbox(state / "egress.db", signer)) as outbox:  # which refuses a ledger with a gap
        rows = [parse_row(row) for row in outbox.rows()]
        head = Checkpoint.parse(open_note(outbox.checkpoint(), [signer.verifier]))
        if head != _heads(identity.device, rows)[-1]:
            raise LedgerError(f"{state}: the tree is not that of its rows; treat the ledger as altered")
        return Book(identity.device, signer.verifier, rows, {each.utterance for each in outbox.waiting()})


def _heads(device: str, rows: list[Row]) -> list[Checkpoint]:
    """The head of the ledger at every size it ever had."""
    tree, origin = Tree(), f"overheard/v1/{device}"
    heads = [Checkpoint(origin, 0, tree.root())]
    for row in rows:
        tree.append(leaf_hash(row_bytes(row)))
        heads.append(Checkpoint(origin, tree.size, tree.root()))
    return heads


class _Check:
    def __init__(self, book: Book, vault: Vault, seen: Seen) -> None:
        self._book = book
        self._vault = vault
        self._seen = seen
        self._heads = _heads(book.device, book.rows)
        self._held = {held.whose.utterance: held for held in vault.utterances()}
        self._stories: dict[str, list[Row]] = {}
        for row in book.rows:
            if row.utterance is not None:
                self._stories.setdefault(row.utterance, []).append(row)

    def verdict(self) -> Verdict:
        fates = {utterance: self._fate(utterance, story) for utterance, story in self._stories.items()}
        problems = [f"{name}: {NOWHERE}, and not acknowledged" for name in fates if fates[name] == NOWHERE]
        for utterance, story in self._stories.items():
            problems += [f"{utterance}: {what}" for what in self._wrong(utterance, story, fates[utterance])]
        problems += [*self._not_kept(), *self._strangers(), *self._without_row()]
        causes = Counter(row.cause or "" for row in self._book.rows if row.kind in LEFT)
        return Verdict(Counter(fates.values()), causes, problems, fates)

    def _fate(self, utterance: str, story: list[Row]) -> str:
        """Where an utterance is, by the device's word; `_wrong` holds that against the vault."""
        if utterance in self._book.waiting:
            return WAITS
        if any(row.kind == "dropped" and row.cause == "truncated" for row in story):
            return TRUNCATED
        if any(row.kind == "end" for row in story):
            return COMPLETE
        given_up = next((row for row in story if row.kind in ("dropped", "rejected_wake")), None)
        if given_up is not None:
            return f"{GIVEN_UP}{given_up.cause}"
        after = self._book.rows[story[-1].index + 1 :]
        if [row.kind for row in story] == ["trigger"] and after and after[0].kind in ("boot", "connect"):
            return NOTHING_KEPT
        return NOWHERE

    def _wrong(self, utterance: str, story: list[Row], fate: str) -> Iterator[str]:
        held = self._held.get(utterance)
        state = held.state if held is not None else "absent"
        if fate in (COMPLETE, TRUNCATED):
            if state != {COMPLETE: "complete", TRUNCATED: "truncated"}[fate]:
                yield f"gone from the outbox as {fate}, and {state} in the vault"
            elif held is not None:
                yield from self._wrong_in_vault(held, story)

    def _wrong_in_vault(self, held: Held, story: list[Row]) -> Iterator[str]:
        """Open what is kept and hold it against the rows of its messages."""
        begin, segments, end = self._vault.messages(held.whose)
        hashes = {row.sha256 for row in story}
        for message in (begin, *segments.values(), *([end] if end else [])):
            if sha256(message).hexdigest() not in hashes:
                yield "a message in the vault has no row"
        told = {row.segment: row.samples or 0 for row in story if row.kind == "segment"}
        try:
            heard = len(self._vault.open(held.whose, "torture", "check", datetime.now(UTC)).pcm) // 2
            if held.state == "complete":
                yield from self._wrong_head(
                    Begin.parse(begin).end(end or b"", list(segments.values())).checkpoint
                )
        except (CloudError, EnvelopeError, LedgerError) as error:
            yield str(error)
            return
        if heard != sum(told.values()) if held.state == "complete" else heard > sum(told.values()):
            yield f"{heard} samples in the vault, {sum(told.values())} in the ledger"

    def _wrong_head(self, note: str) -> Iterator[str]:
        head = Checkpoint.parse(open_note(note, [self._book.verifier]))
        if head.size >= len(self._heads) or head != self._heads[head.size]:
            yield f"its end record vouches for a ledger of {head.size} rows that this one does not continue"

    def _not_kept(self) -> Iterator[str]:
        """What the cloud said that it has, and has not."""
        for utterance in sorted(self._seen.complete):
            held = self._held.get(utterance)
            state = held.state if held is not None else "absent"
            if state != "complete":
                yield f"{utterance}: acknowledged as complete, and {state} in the vault"

    def _strangers(self) -> Iterator[str]:
        """What the vault has of this device that the device never made, or has twice."""
        places = Counter(
            (held.header.boot, held.header.first_sample) for held in self._held.values() if held.header
        )
        yield from (f"kept {count} times: boot and sample {at}" for at, count in places.items() if count > 1)
        yield from (
            f"{name}: in the vault and not in the ledger" for name in self._held.keys() - self._stories
        )

    def _without_row(self) -> Iterator[str]:
        """What the tap saw leave more often than the ledger says."""
        status = topics.status(self._book.device)
        rows = Counter((row.topic or status, row.sha256) for row in self._book.rows if row.kind in LEFT)
        for (topic, digest), times in self._seen.left.items():
            if times > rows[topic, digest]:
                yield f"{topic}: left {times} times with {rows[topic, digest]} rows: {digest}"
