"""What an end promises, read before all segments are here. It never says that they are: `Begin.end` does."""

from cryptography.exceptions import InvalidSignature

from device.envelope import Begin, EnvelopeError
from device.envelope.layout import END_DOMAIN, Cursor, EndRecord, from_json

CEILING_S = 30 + 10
"""The longest utterance, and its padding."""

ANSWERED = frozenset({"silence", "max_duration", "released"})
"""The end reasons after which somebody waits for an answer: no other utterance is opened to be heard."""


def end_reason(payload: bytes) -> str:
    """The reason in an end message that was verified before."""
    return from_json(Cursor(payload, "end").json(), EndRecord, "end").reason


def head_in(payload: bytes) -> str:
    """The head of the device's ledger in an end message that was verified before, itself not verified; or
    nothing.
    """
    return from_json(Cursor(payload, "end").json(), EndRecord, "end").checkpoint


def segments_promised(begin: Begin, payload: bytes) -> int:
    """How many segments the utterance has, by its device's word. EnvelopeError, also beyond the ceiling."""
    cursor = Cursor(payload, "end")
    record_bytes = cursor.json()
    record = from_json(record_bytes, EndRecord, "end")
    try:
        begin.signer.verify(cursor.rest(), END_DOMAIN + record_bytes)
    except InvalidSignature as error:
        raise EnvelopeError("end: bad signature; drop the message") from error
    if (record.utterance, record.header_hash) != (begin.header.utterance, begin.header_hash.hex()):
        raise EnvelopeError("end: of another utterance; drop the message")
    if (record.segments - 1) * begin.header.segment_samples >= CEILING_S * begin.header.rate:
        raise EnvelopeError("end: longer than an utterance may be; drop the message")
    return record.segments
