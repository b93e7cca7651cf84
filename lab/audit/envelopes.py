"""What came through the broker, message by message: accounted for, of the wire format, for named readers.

Most of it needs nobody's key. A begin and an end are signed, and every byte of them has its place; what
is free in them is the utterance's id (16 bytes), the boot's (64 characters) and the readers' names: a
device that wants to smuggle can do so there, and by when it speaks.
"""

import hashlib
from collections.abc import Callable, Iterator

from device.envelope import Begin, EnvelopeError, topics
from device.envelope.layout import SegmentKeys, segment_bytes
from lab.audit.evidence import Evidence, Sent, begins
from lab.audit.verdicts import Check, Finding
from lab.names import Names

MOST_SAMPLES = 40 * 16_000
"""30 s of sound, the ceiling, and padding (docs/wire-format.md)."""
NONCE_FROM = 4


def _ledgered(evidence: Evidence) -> Iterator[Finding]:
    """Each message has a row of its topic, length and hash, or is the last will of a connection's row."""
    known: set[tuple[str | None, int | None, str]] = set()
    for row in evidence.rows:
        if row.sha256 is not None:
            known.add((row.topic, row.bytes, row.sha256))
    for message in evidence.messages:
        digest, length = hashlib.sha256(message.payload).hexdigest(), len(message.payload)
        if not known & {(message.topic, length, digest), (None, length, digest)}:
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
    """Every message is at a topic of the format, and an utterance's are of the format to the byte."""
    for message in evidence.messages:
        if topics.parse(message.topic) is None and not message.topic.endswith("/config"):
            yield Finding(
                f"{len(message.payload)} bytes at {message.topic}, a topic that is not known", message.where
            )
    for sent in evidence.sent:
        yield from _of_format(sent)


def _of_format(sent: Sent) -> Iterator[Finding]:
    for payload in sent.begins:
        try:
            begin = Begin.parse(payload)
        except EnvelopeError as error:
            yield Finding(str(error), sent.where)
            continue
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
        seen: dict[int, bytes] = {}
        for segment in sent.segments:
            index = int.from_bytes(segment[:NONCE_FROM], "big") >> 1
            if index in seen:
                yield Finding(f"two different segments {index} of utterance {sent.name}", sent.where)
            seen[index] = segment


def _fresh(evidence: Evidence) -> Iterator[Finding]:
    """No data key, and so no nonce, serves twice."""
    seen: dict[bytes, str] = {}
    for sent, begin, data_key in _data_keys(evidence):
        if data_key in seen:
            yield Finding(
                f"utterance {sent.name} is sealed with the data key of {seen[data_key]}", sent.where
            )
        elif SegmentKeys.derive(data_key, begin.header_hash).commitment != begin.commitment:
            yield Finding(f"utterance {sent.name} wraps a data key that it is not sealed with", sent.where)
        seen[data_key] = sent.name


def _data_keys(evidence: Evidence) -> Iterator[tuple[Sent, Begin, bytes]]:
    for sent, begin in begins(evidence):
        for key in evidence.reader_keys:
            if (key.public.id, key.suite) in {(reader.id, reader.suite) for reader in begin.header.readers}:
                try:
                    yield sent, begin, begin.data_key(key)
                except EnvelopeError:
                    continue  # `envelope.opens` says so


def _opens(evidence: Evidence) -> Iterator[Finding]:
    """Every utterance that came whole opens with a reader's key that was given."""
    for sent, came in evidence.tried:
        if isinstance(came, str):
            yield Finding(f"utterance {sent.name} does not open: {came}", sent.where)


def _named(evidence: Evidence) -> Iterator[Finding]:
    """Its readers are the cloud, once, and whoever's key was given; nobody else."""
    given = {key.public.id for key in evidence.reader_keys}
    for sent, begin in begins(evidence):
        others = [reader for reader in begin.header.readers if reader.id not in given]
        for reader in others[1:] or [other for other in others if other.name != "cloud"]:
            yield Finding(f"utterance {sent.name} can be read by {reader.name!r} ({reader.id})", sent.where)


def _ends(evidence: Evidence) -> Iterator[Finding]:
    """No utterance has more segments than the longest that there may be."""
    for sent, begin in begins(evidence):
        samples = len(sent.segments) * begin.header.segment_samples
        if samples > MOST_SAMPLES:
            yield Finding(f"utterance {sent.name} is {samples / 16_000:.1f} s long", sent.where)


_Look = Callable[[Evidence], Iterator[Finding]]

_WHAT: tuple[tuple[str, int, str, _Look], ...] = (
    ("ledgered", 5, "every message that came through the broker is in the ledger", _ledgered),
    ("triggered", 5, "every header names the row of its trigger, and says the same", _triggered),
    ("strict", 6, "every message is of the wire format to the byte", _strict),
    ("once", 6, "no two messages are under one nonce", _once),
    ("named", 6, "the cloud and the readers whose keys were given can open it, and nobody else", _named),
    ("opens", 6, "every whole utterance opens with a key that was given", _opens),
    ("fresh", 6, "no data key serves twice, and each is the one that the header commits to", _fresh),
    ("ends", 7, "no utterance is longer than 30 s and its padding", _ends),
)

CHECKS = tuple(Check(f"envelope.{name}", promise, shows, look) for name, promise, shows, look in _WHAT)
