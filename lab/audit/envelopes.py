"""What came through the broker, message by message: accounted for, of the wire format, all of it here.

None of this needs anybody's key. A begin and an end are signed, and every byte of them has its place; what
is free in them is the utterance's id (16 bytes), the boot's (64 characters, one for each boot), how the
sound is cut into segments, and when it leaves: a device that wants to smuggle can do so there, and in the
random part of each signature, key and ciphertext. No auditor can see that from outside.
"""

import hashlib
from collections.abc import Callable, Iterator

from device.envelope import Begin, EnvelopeError, topics
from device.envelope.layout import segment_bytes
from lab.audit import clear, ends, readers, said
from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence, Message, Sent, begins
from lab.audit.verdicts import Check, Finding
from lab.names import Names

_COUNTER_BYTES = 4


def _ledgered(evidence: Evidence) -> Iterator[Finding]:
    """Each message has a row of its topic, length and hash, or is the last will of a connection's row."""
    known: set[tuple[str | None, int | None, str]] = set()
    for row in evidence.rows:
        if row.sha256 is not None:
            known.add((row.topic, row.bytes, row.sha256))
    for message in evidence.messages:
        digest, length = hashlib.sha256(message.payload).hexdigest(), len(message.payload)
        will = message.topic.endswith("/up/status") and (None, length, digest) in known
        if (message.topic, length, digest) not in known and not will:
            yield Finding(f"{length} bytes at {message.topic}, of which the ledger has no row", message.where)


def _triggered(evidence: Evidence) -> Iterator[Finding]:
    """Each header names the row of its trigger, and every later row is about what it says."""
    names = Names(evidence.rows)
    for sent, begin in begins(evidence):
        fault = names.fault(begin.header)
        if fault is not None:
            yield Finding(fault, sent.where)
            continue
        row = evidence.rows[begin.header.ledger_index]
        if row.first_sample != begin.header.first_sample:
            yield Finding(
                f"utterance {sent.name} begins at sample {begin.header.first_sample}, its trigger's row"
                f" says {row.first_sample}",
                sent.where,
            )
        if row.kind == "trigger" and row.cause != begin.header.trigger.kind:
            yield Finding(
                f"utterance {sent.name} says {begin.header.trigger.kind}, its trigger's row {row.cause}",
                sent.where,
            )


def _strict(evidence: Evidence) -> Iterator[Finding]:
    """Every message is what wire-format.md says of its topic, to the byte."""
    yield from said.faults(evidence)
    for message in evidence.messages:
        topic = topics.parse(message.topic)
        if topic is not None and topic.kind == "begin":
            yield from _names_its_topic(message, topic)
    for sent in evidence.sent:
        yield from _of_format(sent)


def _names_its_topic(message: Message, topic: topics.Topic) -> Iterator[Finding]:
    try:
        header = Begin.parse(message.payload).header
    except EnvelopeError as error:
        yield Finding(str(error), message.where)
        return
    if (header.device, header.utterance) != (topic.device, topic.utterance):
        yield Finding(f"a begin of {header.device}, {header.utterance}, at {message.topic}", message.where)


def _of_format(sent: Sent) -> Iterator[Finding]:
    for payload in sent.begins:
        try:
            begin = Begin.parse(payload)
        except EnvelopeError:
            continue  # said above
        wanted = segment_bytes(begin.header.segment_samples)
        for segment in sent.segments:
            if len(segment) != wanted:
                yield Finding(f"a segment of {len(segment)} bytes, not {wanted}", sent.where)
        for end in sent.ends:
            try:
                begin.end(end, sent.segments)
            except EnvelopeError as error:
                yield Finding(f"utterance {sent.name}: {error}", sent.where)


def _once(evidence: Evidence) -> Iterator[Finding]:
    """No utterance has two begins, two ends or two segments of one index, which are two under one nonce."""
    for sent in evidence.sent:
        for what, found in (("begins", sent.begins), ("ends", sent.ends)):
            if len(found) > 1:
                yield Finding(
                    f"utterance {sent.name} {what} {len(found)} times, each time otherwise", sent.where
                )
        seen: set[int] = set()
        for segment in sent.segments:
            index = int.from_bytes(segment[:_COUNTER_BYTES], "big") >> 1
            if index in seen:
                yield Finding(f"two different segments {index} of utterance {sent.name}", sent.where)
            seen.add(index)


def _whole(evidence: Evidence) -> Iterator[Finding]:
    """Of every utterance that the ledger says left, every message is here to be looked at.

    Raises:
        NotGiven: one is not, so that nobody can say what was in it.
    """
    here = {hashlib.sha256(message.payload).hexdigest() for message in evidence.messages}
    for row in evidence.rows:
        if row.kind in topics.PARTS and row.sha256 not in here:
            raise NotGiven(
                f"the {row.kind} of utterance {row.utterance}: row {row.index} says that it left, and the"
                " broker's record does not have it"
            )
    yield from ()


_Look = Callable[[Evidence], Iterator[Finding]]

_WHAT: tuple[tuple[str, int, str, _Look], ...] = (
    ("ledgered", 5, "every message that came through the broker is in the ledger", _ledgered),
    ("triggered", 5, "every header names the row of its trigger, and says the same", _triggered),
    ("strict", 6, "every message is of the wire format to the byte", _strict),
    ("once", 6, "no two messages are under one nonce", _once),
    ("whole", 6, "nothing that the ledger says left is missing from what was looked at", _whole),
    ("here", 1, "nothing that the ledger says left is missing from what was looked at", _whole),
)

CHECKS = (
    *(Check(f"envelope.{name}", promise, shows, look) for name, promise, shows, look in _WHAT),
    *said.CHECKS,
    *readers.CHECKS,
    *ends.CHECKS,
    *clear.CHECKS,
)
