"""From trigger to end: counts samples, and hands segments to the envelope.

It holds at most one segment of plaintext (promise 4) and no sample from before its first (promise 1):
there is nothing here that could.
"""

from device.envelope import Sealer
from hardware.board import Frame


class Utterance:
    """One utterance being captured.

    `first_sample` is the index of the first sample that may be kept. Sealed messages come out as they
    are made; the caller keeps and sends them.
    """

    def __init__(self, sealer: Sealer, first_sample: int, segment_samples: int) -> None:
        self._sealer = sealer
        self.segment_samples = segment_samples
        self._open = bytearray()
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
            ValueError: a frame is missing or out of order, so the utterance can't go on.
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

    def end(self, reason: str, checkpoint: str) -> list[bytes]:
        """Return the last segment (padded, perhaps with nothing in it) and the end record."""
        last = self._sealer.last(self._open)
        self.wipe()
        self.segments += 1
        return [last, self._sealer.end(reason, checkpoint)]

    def wipe(self) -> None:
        """Overwrite the plaintext that is not sealed yet; best effort, as Python may have copied it."""
        self._open[:] = bytes(len(self._open))
        self._open.clear()

    def _seal_full(self) -> list[bytes]:
        sealed = []
        while len(self._open) >= 2 * self.segment_samples:
            with memoryview(self._open) as view:
                sealed.append(self._sealer.segment(view[: 2 * self.segment_samples]))
            rest = bytes(self._open[2 * self.segment_samples :])
            self.wipe()
            self._open += rest
        self.segments += len(sealed)
        return sealed
