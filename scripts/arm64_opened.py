"""What passed the broker, opened here with the owner's key, against what sounded and what is heard here.

It believes nothing that the speaker says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from device.envelope import ReaderKey, Utterance
from device.envelope.gaps import Gap
from device.wakeword import Opinion, open_ears
from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ
from lab import opening
from scripts.arm64_scene import SceneError

WORD = "alexa"
PAUSE_S = 6.0  # before the word: time to connect, so that there is a line to be answered on
NEAR_SAMPLES = 3 * FRAME_SAMPLES
AFTER_GAP_SAMPLES = RATE_HZ // 2
NEAR_SCORE = 0.05
"""How far scores may be apart: emulated and real arithmetic round differently, and so does each machine."""


def room(recording: Path) -> bytes:
    """What sounds: a pause, then the recording."""
    sound, rate = soundfile.read(recording, dtype="int16")
    if rate != RATE_HZ or sound.ndim != 1:
        raise SceneError(f"{recording}: not 16 kHz mono, so that nothing can be compared bit by bit")
    return np.concatenate([np.zeros(round(PAUSE_S * RATE_HZ), np.int16), sound]).astype("<i2").tobytes()


class Heard(NamedTuple):
    """What a speaker heard: the folder of its scene, and what sounded.

    `late_samples`: so much later than the speaker's clock it may begin, as a card does that takes its time to
    open; 0 for a room that begins with the clock.
    """

    scene: Path
    sounded: bytes
    late_samples: int = 0


class Opened(NamedTuple):
    """The one utterance that came, how late after its clock the sound began, and what the ears here say."""

    utterance: Utterance
    late_s: float
    score_here: float
    samples_apart: int


def open_it(heard: Heard, key: ReaderKey) -> Opened:
    """Open what passed the broker with the owner's key, and compare it with the room bit by bit.

    Raises:
        SceneError: it is not one whole utterance, not what sounded, or far from what is heard here.
    """
    utterances = opening.open_all(heard.scene, key)
    if len(utterances) != 1:
        raise SceneError(f"{heard.scene}: {len(utterances)} whole utterances came, not one")
    (utterance,) = utterances
    place = place_in_the_room(utterance.pcm, utterance.gaps, utterance.header.first_sample, heard)
    here = heard_here(heard.sounded)
    score, apart = utterance.header.trigger.score or 0.0, place - here.wake.sample
    if abs(score - here.wake.score) > NEAR_SCORE or abs(apart) > NEAR_SAMPLES:
        raise SceneError(
            f"it woke at the room's sample {place} with {score}, "
            f"the ears of this machine at {here.wake.sample} with {here.wake.score:.4f}"
        )
    late_s = (utterance.header.first_sample - place) / RATE_HZ
    return Opened(utterance, late_s, here.wake.score, apart)


def place_in_the_room(pcm: bytes, gaps: Sequence[Gap], first_sample: int, heard: Heard) -> int:
    """The room's sample at which the sound begins, which is the room's from there on, to the bit.

    A room ends in silence. What follows a marked gap must be the room's, too, there or near: a card does not
    say how much it lost. Raises SceneError for any other sound.
    """
    sounded = heard.sounded.ljust(2 * first_sample + len(pcm) + 2 * AFTER_GAP_SAMPLES, b"\0")
    first = first_sample
    begins, ends = [0, *(gap.end for gap in gaps)], [*(gap.first for gap in gaps), len(pcm) // 2]
    for begin, end in zip(begins, ends, strict=True):
        stretch, place = pcm[2 * begin : 2 * end], first + begin
        before, after = (AFTER_GAP_SAMPLES, AFTER_GAP_SAMPLES) if begin else (heard.late_samples, 0)
        found = sounded.find(stretch, 2 * max(0, place - before), 2 * (place + after) + len(stretch))
        if stretch and (found < 0 or found % 2):
            raise SceneError(
                f"what was opened, from its sample {begin} on, is not the room's from {place} on"
            )
        first = found // 2 if stretch and begin == 0 else first
    return first


def heard_here(pcm: bytes) -> Opinion:
    """What the ears of this machine say of the first wake. Raises SceneError if there is none."""
    ears = open_ears([WORD])
    for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        said = ears.hear(pcm[at : at + FRAME_BYTES], (at + FRAME_BYTES) // 2)
        if isinstance(said, Opinion) and said.accepted:
            return said
    raise SceneError(f"the ears of this machine hear no {WORD!r} in it")
