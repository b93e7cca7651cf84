"""What a reader's key opens of what was sent: the utterances of a run, whole, in the order they began."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from device.envelope import EnvelopeError, ReaderKey, ReaderPublic, Utterance, open_utterance, topics
from device.keys import write_private
from hardware.board import RATE_HZ
from lab import tap
from lab.errors import RunError


class Collected(NamedTuple):
    """The messages of one utterance, duplicates removed, segments by index."""

    begin: bytes | None
    segments: tuple[bytes, ...]
    end: bytes | None


def collect(directory: Path) -> dict[str, Collected]:
    """Group what was sent by utterance; the same message sent twice counts once.

    Raises:
        RunError: the folder holds no readable record of what was sent.
    """
    found: dict[str, dict[str, dict[bytes, None]]] = {}
    for sent in tap.read(directory):
        topic = topics.parse(sent.topic)
        if topic is not None and topic.utterance is not None:
            parts = found.setdefault(topic.utterance, {"begin": {}, "segment": {}, "end": {}})
            parts[topic.kind][sent.payload] = None
    return {
        name: Collected(
            begin=next(iter(parts["begin"]), None),
            segments=tuple(sorted(parts["segment"], key=lambda payload: payload[:4])),
            end=next(iter(parts["end"]), None),
        )
        for name, parts in found.items()
    }


def open_all(directory: Path, key: ReaderKey) -> list[Utterance]:
    """Open every complete utterance of a run with `key`.

    Raises:
        EnvelopeError: an utterance does not open, with this key or at all.
    """
    opened = []
    for each in open_each(directory, key):
        if isinstance(each, EnvelopeError):
            raise each
        opened.append(each)
    return opened


def open_each(directory: Path, key: ReaderKey) -> Iterator[Utterance | EnvelopeError]:
    """Yield every complete utterance of a run, opened with `key`, or why it does not open."""
    for name, sent in collect(directory).items():
        if sent.begin is not None and sent.end is not None:
            try:
                yield open_utterance(sent.begin, list(sent.segments), sent.end, key)
            except EnvelopeError as error:
                yield EnvelopeError(f"utterance {name}: {error}")


def read_key(path: Path) -> ReaderKey:
    """Read a reader's private key.

    Raises:
        RunError: it cannot be read. EnvelopeError: it is not a key.
    """
    try:
        return ReaderKey.from_bytes(path.read_bytes())
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; name the file of a reader's key") from error


def make_key(path: Path) -> ReaderPublic:
    """Make a reader's key, keep its private half in a file of mode 0600, return its public half.

    Raises:
        RunError: there is a file of that name already, or it cannot be written.
    """
    if path.exists():
        raise RunError(f"{path}: is there already; name a new file, or keep the key you have")
    made = ReaderKey.generate("mlkem768-x25519")
    try:
        write_private(path, made.to_bytes())
    except OSError as error:
        raise RunError(f"{path}: {error.strerror}; name a file that can be written") from error
    return made.public


def write_wav(utterances: list[Utterance], path: Path) -> float:
    """Write the utterances one after the other, 0.5 s of silence between them; return the seconds written.

    Raises:
        RunError: nothing was opened, or the file cannot be written.
    """
    if not utterances:
        raise RunError("nothing complete was sent in this run, so there is nothing to open")
    gap = np.zeros(RATE_HZ // 2, np.int16)
    pieces = [piece for u in utterances for piece in (np.frombuffer(u.pcm, "<i2"), gap)][:-1]
    sound = np.concatenate(pieces)
    try:
        soundfile.write(path, sound, RATE_HZ, subtype="PCM_16")
    except (OSError, soundfile.SoundFileError) as error:
        raise RunError(f"{path}: {error}; name a WAV file that can be written") from error
    return len(sound) / RATE_HZ
