"""How large messages are, measured on made-up ones that these settings would give. Pure."""

from typing import Literal

from device.config import Config
from device.envelope import Consent, EnvelopeError, Header, NamedReader, ReaderPublic, Trigger
from device.envelope.layout import HASH_BYTES, SIGNATURE_BYTES, segment_bytes
from hardware.board import RATE_HZ

_SIGNER = "A" * 43 + "="
_REPLY = {"x25519": 51, "mlkem768-x25519": 1640}
"""Characters of a public reply key."""


def segment(config: Config) -> int:
    """Bytes of every segment message."""
    return segment_bytes(config.audio.segment_ms * RATE_HZ // 1000)


def begin(config: Config) -> int:
    """Bytes of a begin message to a wake word, about: times, counts and scores have more or fewer digits."""
    suites: list[Literal["mlkem768-x25519", "x25519"]] = ["mlkem768-x25519"]  # the cloud's
    if config.privacy.owner_reader:
        suites.append(_suite(config.privacy.owner_reader))
    header = Header(
        device="ovh-" + "a" * 26,
        boot="0" * 16,
        utterance="0" * 32,
        trigger=Trigger("wake_word", config.wakeword.words[0], 0.9876, "0" * 64),
        first_sample=10**8,
        utc="2026-01-31T12:00:00Z",
        segment_samples=config.audio.segment_ms * RATE_HZ // 1000,
        consent=Consent(save=config.privacy.save, review=config.privacy.review),
        ledger_index=10**4,
        readers=tuple(NamedReader(f"{i:016x}", suite, "owner") for i, suite in enumerate(suites)),
        signer=_SIGNER,
        reply="A" * _REPLY[config.privacy.reader_suite],
    )
    wraps = sum(2 + length for length in header.wrap_bytes())
    return 4 + 4 + len(header.to_bytes()) + 2 + wraps + HASH_BYTES + SIGNATURE_BYTES


def _suite(encoded: str) -> Literal["mlkem768-x25519", "x25519"]:
    try:
        known = ReaderPublic.decode(encoded).suite
    except EnvelopeError:  # `run` refuses it
        return "mlkem768-x25519"
    return "x25519" if known == "x25519" else "mlkem768-x25519"
