"""A simulated speaker: it seals what it is told was said, as the firmware does, in the wire format and no
other way.
"""

import os
import random

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.hearing.timed import TimedWord
from device.envelope import (
    Consent,
    Header,
    NamedReader,
    ReaderKey,
    ReaderPublic,
    Sealer,
    Trigger,
    device_id,
    topics,
    wrap,
)
from device.envelope.layout import to_base64

SEGMENT_SAMPLES = 6400
WORD_SAMPLES = 5600
"""0.35 s a word."""


class Speaker:
    """Its keys, its id and those of its utterances are drawn from `chance`: a story is told the same
    every time. It has no other secret.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._signing = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        self._reply = ReaderKey("x25519", chance.randbytes(32))
        self._public = self._signing.public_key().public_bytes_raw()
        self._rows = 0
        self.device = device_id(self._public, self._reply.public)

    def say(
        self, pcm: bytes, utc: str, reader: ReaderPublic, consent: Consent, trigger: Trigger
    ) -> tuple[str, list[tuple[str, bytes]]]:
        """Seal an utterance to a reader of suite x25519; return its id, and its messages by topic."""
        header = Header(
            device=self.device,
            boot="simulated",
            utterance=self._chance.randbytes(16).hex(),
            trigger=trigger,
            first_sample=0,
            utc=utc,
            consent=consent,
            ledger_index=self._rows,
            readers=(NamedReader(reader.id, "x25519", "cloud"),),
            signer=to_base64(self._public),
            reply=self._reply.public.encode(),
            segment_samples=SEGMENT_SAMPLES,
        )
        self._rows += 1
        data_key, content = os.urandom(32), header.to_bytes()
        sealer = Sealer(content, data_key, wrap(data_key, [reader], content), self._signing)
        cuts = [pcm[at : at + 2 * SEGMENT_SAMPLES] for at in range(0, len(pcm), 2 * SEGMENT_SAMPLES)]
        messages = [("begin", sealer.begin())]
        messages += [("segment", sealer.segment(cut)) for cut in cuts[:-1]]
        messages += [("segment", sealer.last(cuts[-1])), ("end", sealer.end("silence", ""))]
        named = [(topics.utterance(self.device, header.utterance, part), each) for part, each in messages]
        return header.utterance, named


def sound_of(text: str, chance: random.Random) -> bytes:
    """Something with the rhythm of these words (s16le mono 16 kHz): noise in bursts, a word each. Not
    speech.
    """
    draw = np.random.default_rng(chance.randrange(2**32))
    bursts = []
    for _ in text.split():
        rise = np.hanning(WORD_SAMPLES) * chance.uniform(2000, 9000)
        bursts.append(rise * draw.standard_normal(WORD_SAMPLES).clip(-2, 2) / 2)
    sound: bytes = np.concatenate(bursts).astype("<i2").tobytes()
    return sound


def times_of(text: str) -> list[TimedWord]:
    """When each word stands in `sound_of`: what ears would have found, had it been speech."""
    return [
        TimedWord(word, at * WORD_SAMPLES, (at + 1) * WORD_SAMPLES) for at, word in enumerate(text.split())
    ]
