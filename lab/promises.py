"""The promises that every run can show, checked against evidence that the speaker did not make itself, but
for the moment of a trigger, which it tells, and what it says the cloud acknowledged.
"""

import hashlib
from collections.abc import Iterator

from device.envelope import Utterance
from device.ledger import Checkpoint, LedgerError, Tree, Verifier, leaf_hash, open_note, parse_row
from hardware.board import FRAME_SAMPLES
from lab import tap
from lab.errors import RunError
from lab.evidence import Evidence
from lab.report import Verdict


def promises(evidence: Evidence) -> Iterator[Verdict]:
    """Yield a verdict on each."""
    yield _deaf_before_the_trigger(evidence)
    yield _mute_closes(evidence)
    yield _written_down(evidence)
    yield _ledger_holds(evidence)
    yield _named_readers(evidence)
    yield _light_is_exact(evidence)
    yield _own_voice_outside(evidence)
    yield _nothing_lost(evidence)


def _verdict(promise: str, faults: list[str]) -> Verdict:
    return Verdict(promise, not faults, "; ".join(faults[:3]))


def _deaf_before_the_trigger(evidence: Evidence) -> Verdict:
    """Open what was sent, and compare it with the room bit by bit at the samples that its header claims, and
    its gaps with what the twin's microphone lost.
    """
    promise = "promise 1: sent was the room from its trigger on, bit by bit, gaps marked, and nothing before"
    faults = list(evidence.unopened)
    try:
        for utterance in evidence.opened:
            faults += _astray(evidence, utterance)
    except RunError as error:
        faults.append(str(error))
    return _verdict(promise, faults)


def _astray(evidence: Evidence, utterance: Utterance) -> Iterator[str]:
    """What an utterance holds that it must not. Nothing triggered cover, so it must hold no sound at all."""
    name, first = utterance.header.utterance, utterance.header.first_sample
    if utterance.header.trigger.kind == "cover":
        if utterance.pcm:
            yield f"utterance {name} says that it is cover, and holds sound"
        return
    triggers = {t["id"]: t["sample"] for t in evidence.of("trigger")}
    began = evidence.names.captured_as(name)
    if began not in triggers or first < triggers[began]:
        yield f"utterance {name} begins at {first}, before its trigger"
    end = first + len(utterance.pcm) // 2
    if utterance.pcm != evidence.heard(first, end - first):
        yield f"utterance {name} is not what the room sounded like from sample {first}"
    if list(utterance.gaps) != evidence.missed(first, end):
        yield f"utterance {name} marks other gaps than the samples that the microphone lost"


def _mute_closes(evidence: Evidence) -> Verdict:
    promise = "promise 2: not one frame was read while muted"
    faults = [
        f"a frame was read by sample {sample}, muted since {began}"
        for began, end in evidence.muted
        for sample in evidence.frames_read(began + FRAME_SAMPLES, end)[:1]
    ]
    return _verdict(promise, faults)


def _written_down(evidence: Evidence) -> Verdict:
    """What came through the broker has its row: by topic and hash, or as a connection's last will."""
    promise = "promise 5: every message that came through the broker is in the ledger"
    known: set[tuple[str | None, str]] = set()
    for line in (evidence.outcome.directory / "ledger.jsonl").read_bytes().splitlines():
        row = parse_row(line)
        if row.sha256 is not None:
            known.add((row.topic, row.sha256))
    faults = []
    for message in tap.read(evidence.outcome.directory):
        digest = hashlib.sha256(message.payload).hexdigest()
        if not known & {(message.topic, digest), (None, digest)}:
            faults.append(f"{message.topic} with hash {digest[:12]} has no row")
    faults += filter(None, (evidence.names.fault(opened.header) for opened in evidence.opened))
    return _verdict(promise, faults)


def _ledger_holds(evidence: Evidence) -> Verdict:
    """The rows make the tree whose head the device signed, and they are numbered without a gap."""
    promise = "promise 5: the ledger's rows make exactly the tree that the device signed"
    directory = evidence.outcome.directory
    tree = Tree()
    faults = []
    try:
        for index, line in enumerate((directory / "ledger.jsonl").read_bytes().splitlines()):
            if parse_row(line).index != index:
                faults.append(f"row {index} is not where it belongs")
            tree.append(leaf_hash(line))
        key = Verifier.parse((directory / "device.vkey").read_text(encoding="utf-8").strip())
        head = Checkpoint.parse(open_note((directory / "checkpoint.txt").read_text(encoding="utf-8"), [key]))
        if (head.size, head.root) != (tree.size, tree.root()):
            faults.append(f"the signed head of {head.size} rows is not that of these {tree.size}")
    except (LedgerError, OSError) as error:
        faults.append(str(error))
    return _verdict(promise, faults)


def _named_readers(evidence: Evidence) -> Verdict:
    """Ciphertext is what the broker saw: of what the room sounded like while it was listened to, no 80 ms in
    one piece are in any message, but for silence. What the speaker says that it lost is looked for as well.
    """
    promise = "promise 6: what the broker saw is ciphertext, for the readers that its header names"
    faults = list(evidence.unopened)
    sent = b"".join(message.payload for message in tap.read(evidence.outcome.directory))
    try:
        for opened in evidence.opened:
            name = opened.header.utterance
            if not {reader.name for reader in opened.header.readers} <= {"cloud", "owner"}:
                faults.append(f"utterance {name} has a reader that nobody named")
            room = evidence.room(opened.header.first_sample, len(opened.pcm) // 2)
            if any(needle in sent for needle in _needles(room) if needle.strip(b"\0")):
                faults.append(f"utterance {name} went out in the clear")
    except RunError as error:
        faults.append(str(error))
    return _verdict(promise, faults)


def _needles(pcm: bytes) -> Iterator[bytes]:
    """Pieces of 8 ms, so near to each other that one is whole in every 80 ms."""
    step, length = 2 * 1000, 2 * 128
    return (pcm[at : at + length] for at in range(0, len(pcm) - length + 1, step))


def _light_is_exact(evidence: Evidence) -> Verdict:
    promise = "promise 7: the listening light was on for exactly the samples that were captured"
    lights, captured = evidence.listening_lights, evidence.captured
    faults = [f"captured {span} without the light" for span in captured if span not in lights]
    faults += [f"light on {span}, nothing captured" for span in lights if span not in captured]
    return _verdict(promise, faults)


def _own_voice_outside(evidence: Evidence) -> Verdict:
    promise = "the speaker's own sounds are in no utterance"
    faults = [
        f"captured {first}..{end} while the loudspeaker played {began}..{ended}"
        for first, end in evidence.captured
        for began, ended in evidence.outcome.played
        if began < end and ended > first
    ]
    return _verdict(promise, faults)


def _nothing_lost(evidence: Evidence) -> Verdict:
    """Every utterance that ended, and all cover, is complete at the cloud, or still waits in the outbox, or
    was the oldest when a bound was reached.
    """
    promise = "no utterance was lost: each is complete at the cloud, or still in the outbox"
    dropped = {told["id"] for told in evidence.of("dropped")}
    somewhere = evidence.acknowledged | evidence.outcome.waiting | dropped
    there = set(map(evidence.names.captured_as, somewhere))
    lost = [u["id"] for u in [*evidence.utterances, *evidence.cover] if u["id"] not in there]
    return _verdict(promise, [f"utterance {name} is nowhere" for name in lost])
