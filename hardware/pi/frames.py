"""What passes between a capture child and the firmware: messages of one length, each a frame or a note. Pure.

A message is shorter than PIPE_BUF, so a pipe takes it whole or not at all. Nothing is kept but the part of a
frame that is not full yet.
"""

import json
import struct
from collections.abc import Iterator
from typing import NamedTuple

from hardware.board import FRAME_BYTES, FRAME_SAMPLES

_LAYOUT = struct.Struct(f"<qId{FRAME_BYTES}s")
_NOTE = -1
MESSAGE_BYTES = _LAYOUT.size


class Heard(NamedTuple):
    """A frame: the offset of its first sample in the stream, how often samples were lost up to it, when it
    was sent by the clock that all processes share and nobody sets (`time.monotonic`), and s16le.
    """

    offset: int
    overruns: int
    sent_s: float
    pcm: bytes


class Note(NamedTuple):
    """Something that the child says of itself: `device` it has opened, or the `error` why it has not."""

    device: str = ""
    rate_hz: int = 0
    channels: int = 0
    error: str = ""
    fault: str = ""
    """Which `Fault` the error is; none of them where a library is not installed."""


def pack_frame(offset: int, overruns: int, sent_s: float, pcm: bytes) -> bytes:
    """A frame as a message."""
    return _LAYOUT.pack(offset, overruns, sent_s, pcm)


def pack_note(note: Note) -> bytes:
    """A note as a message, its texts cut to what fits."""
    short = note._replace(device=note.device[:120], error=note.error[:300])
    text = json.dumps(short._asdict()).encode("ascii")
    if len(text) > FRAME_BYTES:  # escapes, of characters that are not ASCII
        text = json.dumps(short._replace(device="", error=ascii(note.error)[:80])._asdict()).encode("ascii")
    return _LAYOUT.pack(_NOTE, 0, 0.0, text)


def unpack(message: bytes) -> Heard | Note:
    """What a message says."""
    offset, overruns, sent_s, body = _LAYOUT.unpack(message)
    if offset == _NOTE:
        return Note(**json.loads(body.rstrip(b"\0")))
    return Heard(offset, overruns, sent_s, body)


class Cutter:
    """Cuts sound that comes in pieces of any length into frames, each with the offset of its first sample."""

    def __init__(self) -> None:
        self._next = 0  # the offset of the first sample of `_rest`, or of the piece to come
        self._rest = b""

    def cut(self, pcm: bytes) -> Iterator[tuple[int, bytes]]:
        """The frames that are full with this piece."""
        sound = self._rest + pcm if self._rest else pcm
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        for at in range(0, whole, FRAME_BYTES):
            first, self._next = self._next, self._next + FRAME_SAMPLES
            yield first, sound[at : at + FRAME_BYTES]

    def jump(self, offset: int) -> None:
        """Samples were lost: the next piece begins at `offset`. What filled no frame is lost with them."""
        self._next, self._rest = offset, b""
