"""The wire format of an utterance, shared by device, cloud and laboratory: docs/wire-format.md in code.

Pure: no I/O, no clock, no randomness; keys and random bytes come in as arguments. The exceptions are
`ReaderKey.generate` and HPKE's own encapsulation inside `wrap` and `seal_once`. It will never keep a
plaintext, and whatever does not open is an EnvelopeError, whatever the bytes.
"""

from device.envelope import downlink, topics
from device.envelope.errors import EnvelopeError, SealOrderError
from device.envelope.gaps import Gap
from device.envelope.header import Consent, Header, Identity, NamedReader, Trigger
from device.envelope.keys import SUITES, ReaderKey, ReaderPublic, device_id, open_once, seal_once
from device.envelope.layout import REASONS
from device.envelope.open import Begin, End, Opener, Segment, Utterance, open_utterance
from device.envelope.seal import Sealer, wrap

__all__ = [
    "REASONS",
    "SUITES",
    "Begin",
    "Consent",
    "End",
    "EnvelopeError",
    "Gap",
    "Header",
    "Identity",
    "NamedReader",
    "Opener",
    "ReaderKey",
    "ReaderPublic",
    "SealOrderError",
    "Sealer",
    "Segment",
    "Trigger",
    "Utterance",
    "device_id",
    "downlink",
    "open_once",
    "open_utterance",
    "seal_once",
    "topics",
    "wrap",
]
