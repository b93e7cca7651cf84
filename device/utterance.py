"""From trigger to end: counts samples, and hands segments to the envelope.

It holds at most one segment of plaintext (promise 4) and no sample from before its first (promise 1):
there is nothing here that could. Samples that the microphone lost count as time: they are zeros, and marked.
"""

from device.envelope import Gap, Sealer
from device.envelope.gaps import MOST
from hardware.board import RATE_HZ, Frame

MOST_GAPS = 16
"""So often may the microphone lose samples in one utterance,"""
MOST_MISSING = RATE_HZ // 2
"""and so many in all; then it can't go on."""


def segments_in(seconds: float, segment_samples: int) -> int:
    """Return how many segments hold so many seconds, rounded up; 1 at least."""
    return max(1, -(-round(seconds * RATE_HZ) // segment_samples))


class Utterance:
    """One utterance being captured.

    `first_sample` is the index of the first sample that may be kept. `multiple`: the number of segments is a
    multiple of it, so that it does not say how much was heard. Sealed messages come out as they are made; the
    caller keeps and sends them.
    """

    def __init__(self, sealer: Sealer, first_sample: int, segment_samples: int, multiple: int = 1) -> None:
        self._sealer = sealer
        self.segment_samples = segment_samples
        self.multiple = multiple
        self._open = bytearray()
        self._marked: list[Gap] = []  # in the segment that is open
        self.gaps = 0
        self.missing = 0
        self.first_sample = first_sample
        self.samples = 0
        self.segments = 0

    @property
    def next_sample(self) -> int:
        """The index of the sample that must come next."""
        return self.first_sample + self.samples

    def begin(self) -> bytes:
        """Return the sealed message that opens the utterance."""
        return self._sealer.begin()

    def hear(self, frame: Frame) -> list[bytes]:
        """Take a frame and return the segments it completed, sealed.

        A frame from before `first_sample` is ignored, in part or whole.

        Raises:
            ValueError: a frame is missing (`skip` first) or out of order, so the utterance can't go on.
        """
        late = max(0, self.first_sample - frame.index) if self.samples == 0 else 0
        pcm = memoryview(frame.pcm)[2 * late :]
        if not pcm:
            return []
        if frame.index + late != self.next_sample:
            raise ValueError(f"frame {frame.index} does not follow sample {self.next_sample}")
        self._open += pcm
        self.samples += len(pcm) // 2
        return self._seal_full()

    def skip(self, lost: int) -> list[bytes]:
        """Let `lost` samples count that nobody heard, zeros in a gap; return the segments they completed.

        Raises:
            ValueError: that is too much: nothing was taken, and the utterance can't go on.
        """
        if self.gaps == MOST_GAPS or self.missing + lost > MOST_MISSING or len(self._marked) == MOST:
            raise ValueError(f"{lost} samples are missing from {self.next_sample} on, and too much before")
        self.gaps, self.missing = self.gaps + 1, self.missing + lost
        sealed = []
        while lost:
            at = len(self._open) // 2
            part = min(lost, self.segment_samples - at)
            self._marked.append(Gap(at, part))
            self._open += bytes(2 * part)
            self.samples += part
            sealed += self._seal_full()
            lost -= part
        return sealed

    def close(self, least: int = 1) -> list[bytes]:
        """Return the rest of the sound in a segment (perhaps with nothing in it), then as many without sound
        as make the number of all a multiple, and `least` at least. The key is forgotten.
        """
        count = max(self.segments + 1, least)
        empty = count + -count % self.multiple - self.segments - 1
        rest: list[tuple[bytes | bytearray, list[Gap]]] = [(self._open, self._marked), *[(b"", [])] * empty]
        *more, last = rest
        sealed = [*(self._sealer.segment(*each) for each in more), self._sealer.last(*last)]
        self.wipe()
        self.segments += len(sealed)
        return sealed

    def end(self, reason: str, checkpoint: str) -> bytes:
        """Return the end record, once, after `close`."""
        return self._sealer.end(reason, checkpoint)

    def wipe(self) -> None:
        """Overwrite the plaintext that is not sealed yet; best effort, as Python may have copied it."""
        self._open[:] = bytes(len(self._open))
        self._open.clear()
        self._marked.clear()

    def _seal_full(self) -> list[bytes]:
        sealed = []
        while len(self._open) >= 2 * self.segment_samples:
            with memoryview(self._open) as view:
                sealed.append(self._sealer.segment(view[: 2 * self.segment_samples], self._marked))
            rest = bytes(self._open[2 * self.segment_samples :])
            self.wipe()
            self._open += rest
        self.segments += len(sealed)
        return sealed
