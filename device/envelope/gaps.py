"""Gaps: samples of an utterance that the microphone lost. They count as time, are zeros in the PCM, and are
marked inside the segment that they lie in, so that only its readers see them.

Pure: no I/O, clock or randomness. It never lets a gap stand where there is sound.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from device.envelope.errors import EnvelopeError

MOST: Final = 4
"""Gaps that one segment can mark."""
GAPS_BYTES: Final = 4 * MOST
_NONE: Final = bytes(GAPS_BYTES)


class Gap(NamedTuple):
    """`samples` that are missing from `first` on: counted from the start of a segment, or of an utterance."""

    first: int
    samples: int

    @property
    def end(self) -> int:
        """The sample after the last one that is missing."""
        return self.first + self.samples


def pack(gaps: Sequence[Gap], pcm: memoryview) -> bytes:
    """The gaps of a segment of this PCM as its plaintext has them; EnvelopeError if no reader takes them."""
    if not gaps:
        return _NONE
    _check(gaps, pcm)
    return b"".join(number.to_bytes(2, "big") for gap in gaps for number in gap).ljust(GAPS_BYTES, b"\0")


def unpack(packed: bytes | bytearray, pcm: memoryview) -> tuple[Gap, ...]:
    """The gaps of an opened segment; EnvelopeError unless they are as `pack` writes them."""
    if packed == _NONE:
        return ()
    numbers = [int.from_bytes(packed[at : at + 2], "big") for at in range(0, GAPS_BYTES, 2)]
    gaps = [Gap(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True) if pair[1]]
    if pack(gaps, pcm) != packed:  # one that is empty, or stands after an empty one
        raise EnvelopeError("segment: its gaps are not as they are written; drop the message")
    return tuple(gaps)


def of_whole(segments: Iterable[tuple[int, Sequence[Gap]]]) -> tuple[Gap, ...]:
    """The gaps of an utterance from (valid samples, gaps) of each segment, by index. One that goes on in the
    next segment is one gap.
    """
    found: list[Gap] = []
    at = 0
    for samples, gaps in segments:
        for gap in gaps:
            begun = found.pop() if found and found[-1].end == at + gap.first else Gap(at + gap.first, 0)
            found.append(Gap(begun.first, begun.samples + gap.samples))
        at += samples
    return tuple(found)


def _check(gaps: Sequence[Gap], pcm: memoryview) -> None:
    """Ascending, apart, within the valid samples, and not a sound in them."""
    at = -1
    for gap in gaps:
        if not at < gap.first < gap.end <= len(pcm) // 2 or any(pcm[2 * gap.first : 2 * gap.end]):
            raise EnvelopeError("segment: a gap that is out of place or holds sound; mark what is missing")
        at = gap.end
    if len(gaps) > MOST:
        raise EnvelopeError(f"segment: {len(gaps)} gaps; {MOST} at most")
