"""What people may hear and read of a recording, made before anybody does. No identifier goes in. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from cloud_stub.critical.guard import guard
from cloud_stub.critical.mask import mask_text
from cloud_stub.door import Recording
from cloud_stub.hearing.timed import TimedWord
from cloud_stub.review.categories import Category, categories_in

Listen = Callable[[bytes], Sequence[TimedWord]]
"""Sound (s16le mono 16 kHz) to words with their times."""


class Heard(msgspec.Struct, frozen=True):
    """A word as the machine heard it, and the samples that it spans; what is hidden reads `[kind]`."""

    text: str
    first_sample: int
    end_sample: int


class Prepared(msgspec.Struct, frozen=True):
    """The sound with tones over what is critical (s16le mono 16 kHz), the words with masks, and nothing
    else.
    """

    pcm: bytes
    words: list[Heard]
    heard: str
    intent: str
    answer: str
    hidden: list[str]


class Made(NamedTuple):
    """A prepared recording, and what it may be about."""

    prepared: Prepared
    categories: frozenset[Category]


def prepare(recording: Recording, listen: Listen) -> Made:
    """Look for what is critical in what was heard, and hide it in words and sound alike."""
    words = listen(recording.pcm)
    guarded = guard(words, recording.pcm)
    heard, answer = recording.heard or "", recording.answer or ""
    spoken = [each.text for each in words] + heard.split()
    prepared = Prepared(
        guarded.sound,
        [Heard(each.text, each.start_sample, each.end_sample) for each in guarded.words],
        mask_text(heard),
        recording.intent or "none",
        mask_text(answer),
        sorted({each.kind for each in guarded.found}),
    )
    return Made(prepared, categories_in(spoken))


def open_prepare() -> Callable[[Recording], Made]:
    """`prepare` with the ears of this machine (a second to load, 140 MB)."""
    from cloud_stub.hearing.timed import open_timed

    listen = open_timed()
    return lambda recording: prepare(recording, listen)


def to_bytes(prepared: Prepared) -> bytes:
    """To be sealed under the recording's key."""
    return msgspec.msgpack.encode(prepared)


def from_bytes(content: bytes) -> Prepared:
    """What `to_bytes` made. Raises msgspec.MsgspecError for anything else."""
    return msgspec.msgpack.decode(content, type=Prepared)
