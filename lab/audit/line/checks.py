"""What a capture of the device's only link shows: that what left is what its ledger has (promises 1 and 5).

With a key log every message is opened and compared with its row. Without one the lengths of all records add
up to what the rows make, to the byte, and what was in them is what the broker's side got. What nobody can
tell from chance (hellos, sequence numbers) is bounded, not seen: docs/audit.md says by how much.
"""

from collections.abc import Iterator
from hashlib import sha256

from device.envelope import topics
from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.line import places, shape, wire
from lab.audit.line.nonsense import place
from lab.audit.line.reconcile import Reconciled, reconcile
from lab.audit.line.windows import topic_of
from lab.audit.line.wire import Wire
from lab.audit.verdicts import Check, Finding

_UTTERANCE = frozenset(topics.PARTS)


def _no_other_way(evidence: Evidence) -> Iterator[Finding]:
    """Every byte of the device's on the line is accounted for."""
    seen = evidence.once(wire.read)
    yield from wire.faults(seen)
    yield from _counted(evidence)
    yield from evidence.once(_reconciled).unledgered
    yield from places.faults(evidence, seen, evidence.rows)
    yield from shape.faults(seen)
    yield from _whole(evidence)


def _nothing_else(evidence: Evidence) -> Iterator[Finding]:
    """What is on the line is what the ledger has."""
    seen = evidence.once(wire.read)
    yield from wire.faults(seen)
    yield from evidence.once(_reconciled).unledgered
    yield from places.faults(evidence, seen, evidence.rows)
    yield from shape.faults(seen)
    yield from _whole(evidence)


def _all_rows(evidence: Evidence) -> Iterator[Finding]:
    """What the ledger says that left is on the line."""
    yield from evidence.once(_reconciled).unsaid
    yield from _whole(evidence)


def _counted(evidence: Evidence) -> Iterator[Finding]:
    """The kernel counted what the capture has."""
    seen = evidence.once(wire.read)
    kernel, frames = seen.link.kernel, seen.frames
    for what, told, has in (
        ("packets that the device sent", kernel.sent_packets, frames.sent_packets),
        ("bytes that the device sent", kernel.sent_bytes, frames.sent_bytes),
        ("packets that the device got", kernel.received_packets, frames.received_packets),
        ("bytes that the device got", kernel.received_bytes, frames.received_bytes),
    ):
        if told != has:
            yield Finding(f"the kernel counted {told} {what}, and the capture has {has}", "link.json")
    if seen.link.dropped:
        yield Finding(f"the capture was too slow for {seen.link.dropped} packets", "link.json")
    if frames.empty > 2 * frames.received_packets + 20:
        yield Finding(f"{frames.empty} packets with nothing in them: more than answers need", "the capture")


def _got(evidence: Evidence) -> Iterator[Finding]:
    """The broker's side got what is on the line, and nothing else."""
    seen, found = evidence.once(wire.read), evidence.once(_reconciled)
    got = {(each.topic, _hash(each.payload)) for each in evidence.messages}
    on_line = {(topic_of(row, seen.device), row.sha256) for _, row in found.pairs}
    said = {(said.topic, said.sha256) for call in seen.calls for said in call.said if not said.sealed}
    for message in evidence.messages:
        if (message.topic, _hash(message.payload)) not in on_line | said and not found.elsewhere:
            yield Finding(
                f"{len(message.payload)} bytes at {message.topic} that are not on the line", message.where
            )
    for call in seen.calls:
        for index in sorted(call.confirmed):
            said_then = call.said[index]
            topic = topics.parse(said_then.topic)
            lost = (said_then.topic, said_then.sha256) not in got
            if lost and topic is not None and topic.kind in _UTTERANCE and not _broker_went(evidence):
                yield Finding(f"the broker confirmed a {topic.kind}, and nobody got it", place(said_then.at))


def _whole(evidence: Evidence) -> Iterator[Finding]:
    """Raise NotGiven where something is on the line, or in the ledger, that nothing here shows."""
    seen, found = evidence.once(wire.read), evidence.once(_reconciled)
    for call in seen.calls:
        if call.unread and call.began:
            raise NotGiven(f"a key log of the connection at {place(call.began)}: {call.unread}")
        if call.sealed and seen.log is not None and call.said and call.began:
            raise NotGiven(f"a key log that has the connection at {place(call.began)}")
    if found.elsewhere:
        row = found.elsewhere[0]
        raise NotGiven(f"a capture that has the connection of ledger row {row.index}, too")
    if any(pair.said.sealed and pair.said.publish for pair in found.pairs):
        got = {(each.topic, _hash(each.payload)) for each in evidence.messages}
        for said, row in found.pairs:
            if said.publish and said.sealed and (row.topic, row.sha256) not in got:
                raise NotGiven(f"a key log: nobody shows what left as ledger row {row.index}")
    yield from ()


def _reconciled(evidence: Evidence) -> Reconciled:
    seen: Wire = evidence.once(wire.read)
    return reconcile(seen.calls, evidence.rows, seen.device)


def _broker_went(evidence: Evidence) -> bool:
    """Whether somebody stopped the broker, which forgets what it has not passed on."""
    try:
        return any(not seen["up"] for seen in evidence.seen("broker"))
    except NotGiven:
        return False


def _hash(payload: bytes) -> str:
    """The hash of a message, as rows have it."""
    return sha256(payload).hexdigest()


CHECKS = (
    Check("capture.no_other_way", 1, "no byte left the device that is not accounted for", _no_other_way),
    Check("capture.nothing_else", 5, "what left on the device's link is what its ledger has", _nothing_else),
    Check("capture.rows", 5, "what left by the ledger is on the link", _all_rows),
    Check("capture.counted", 5, "the kernel counted what the capture has", _counted),
    Check("capture.got", 5, "the broker's side got what is on the link, and nothing else", _got),
)
