"""Both ears over one stream, and how long the speaker would have listened after each wake.

The firmware's own parts do it: its ears, its judge of speech, its end-pointing, with its default settings. As
in the firmware a capture begins with the frame after the one that woke it, a wake during a capture does not
count, and a rejected one sends nothing. After it the speaker is idle at once: nobody answers here. The only
place of a study that hears with the ears. It keeps the frames of a capture if told to, and never any others.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple, Protocol

from device.config import EndpointSection
from device.endpoint import Endpoint, Limits
from device.vad import Vad
from device.wakeword import Opinion, Sensitivity, Wake, open_ears
from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ

TAIL_FRAMES = 42
"""So long it listens on after a file: a wake lags its word by up to 0.6 s, the second ear by 0.24 s."""

_SILENCE = bytes(FRAME_BYTES)


class Ears(Protocol):
    """What is used of a pair of ears."""

    def hear(self, pcm: bytes, end: int) -> Wake | Opinion | None:
        """Take the frame that ends before sample `end`; say what is to be said of it."""

    def reset(self) -> None:
        """Another stream begins."""


def open_patient(words: Sequence[str], sensitivity: Sensitivity, heads: Sequence[Path] = ()) -> Ears:
    """Open ears of which the second hears all that it may before it decides. Raises ModelError.

    So a proposal has its best score, whatever the threshold, and every other threshold can be tried on it.
    """
    return open_ears(words, sensitivity, heads=heads, patient=True)


class Proposal(NamedTuple):
    """A wake that the first ear proposed, and what came of it."""

    wake: Wake
    opinion: Opinion | None
    """The second ear's; None when it was not asked."""
    first_sample: int
    """Where the capture began."""
    samples: int
    """How long it was; 0 when the second ear rejected the wake."""
    pcm: bytes
    """What would have been sent, s16le, when that is to be kept."""

    @property
    def accepted(self) -> bool:
        """What nobody objects to is a wake."""
        return self.opinion is None or self.opinion.accepted


class Listener:
    """Hears one stream after the other."""

    def __init__(self, ears: Ears, endpoint: EndpointSection, *, keep: bool = False) -> None:
        """Listen with these ears, and keep what would be sent if told to."""
        self._ears = ears
        self._begin: Callable[[Wake, int], _Capture] = partial(_Capture, endpoint, keep)
        self._capture: _Capture | None = None

    def hear(self, pieces: Iterable[bytes]) -> Iterator[Proposal]:
        """Yield what the first ear proposes in s16le pieces of any length, in order of time.

        After them comes silence, until what was being captured is over.
        """
        self._ears.reset()
        self._capture = None
        end = 0
        for frame in self._until_quiet(pieces):
            end += FRAME_SAMPLES
            capture = self._capture
            if capture is not None and capture.hear(frame):
                yield capture.proposal()
                capture = None
            said = self._ears.hear(frame, end)
            if isinstance(said, Wake):
                capture = capture or self._begin(said, end)
            elif said is not None and capture is not None and capture.is_rejected_by(said):
                yield capture.proposal()
                capture = None
            self._capture = capture

    def _until_quiet(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from frames(pieces)
        yield from repeat(_SILENCE, TAIL_FRAMES)
        while self._capture is not None:
            yield _SILENCE


class _Capture:
    """What is captured after a wake: as much of it as there would be in the firmware."""

    def __init__(self, endpoint: EndpointSection, keep: bool, wake: Wake, first_sample: int) -> None:
        self._wake = wake
        self._opinion: Opinion | None = None
        self._first_sample = first_sample
        self._samples = 0
        self._kept = bytearray() if keep else None
        self._vad = Vad(endpoint.vad)
        self._endpoint = Endpoint(
            Limits(
                speech_start=round(endpoint.speech_start_s * RATE_HZ),
                silence=round(endpoint.silence_s * RATE_HZ),
                no_speech=round(endpoint.no_speech_s * RATE_HZ),
                maximum=round(endpoint.maximum_s * RATE_HZ),
            )
        )

    def hear(self, frame: bytes) -> bool:
        """Take a frame; say whether it was the last."""
        self._samples += FRAME_SAMPLES
        if self._kept is not None:
            self._kept += frame
        return self._endpoint.hear(self._vad.is_speech(frame), FRAME_SAMPLES) is not None

    def is_rejected_by(self, opinion: Opinion) -> bool:
        """Take what the second ear says; an opinion of another wake is none of ours."""
        if opinion.wake != self._wake:
            return False
        self._opinion = opinion
        return not opinion.accepted

    def proposal(self) -> Proposal:
        """Return what came of the wake."""
        rejected = self._opinion is not None and not self._opinion.accepted
        samples, kept = (0, b"") if rejected else (self._samples, bytes(self._kept or b""))
        return Proposal(self._wake, self._opinion, self._first_sample, samples, kept)


def frames(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream into frames of 20 ms, wherever its pieces end; the last is filled up with silence."""
    rest = b""
    for piece in pieces:
        whole = rest + piece
        last = len(whole) - len(whole) % FRAME_BYTES
        for at in range(0, last, FRAME_BYTES):
            yield whole[at : at + FRAME_BYTES]
        rest = whole[last:]
    if rest:
        yield rest.ljust(FRAME_BYTES, b"\0")
