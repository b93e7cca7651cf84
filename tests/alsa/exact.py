"""Whether a board gives what is on the tape: every sample at its index, and every loss owned up to.

python -m tests.alsa.exact FOLDER     tries the `hardware` that Python finds: 1, and what is wrong, or 0
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from hardware.board import FRAME_SAMPLES, RATE_HZ, Board, Frame
from tests.alsa.desk import Desk, Samples
from tests.alsa.pi import PiOnADesk, array_profile

CHANNELS, CHANNEL = 6, 2
LOST_SAMPLES = 3_000
NEAR_SAMPLES = RATE_HZ // 50
"""How far an index may be off after an overrun: the card does not say how much it lost, the clock does."""


def noise(seconds: int) -> Samples:
    """A tape on which no two places are alike, in no channel."""
    return np.random.default_rng(5).integers(-9000, 9000, (seconds * RATE_HZ, CHANNELS)).astype(np.int16)


def first_fault(board: Board, desk: Desk) -> str | None:
    """Hear half a second, an overrun and what follows; say what is wrong with it first, or None."""
    board.microphone.open()
    heard = Against(board, desk.microphone.tape[:, CHANNEL])
    fault = heard.frames(25)
    desk.microphone.overrun(LOST_SAMPLES)
    fault = fault or heard.frames(25)
    board.microphone.close()
    if not fault and desk.microphone.in_use:
        fault = "the microphone is closed, and the card is not"
    owned = board.microphone.overruns
    if not fault and not desk.microphone.overruns <= owned <= desk.microphone.overruns + heard.late:
        fault = f"{desk.microphone.overruns} overruns of the card, {owned} of the microphone"
    return fault


class Against:
    """What is heard, against what is on the tape."""

    def __init__(self, board: Board, tape: Samples) -> None:
        self._microphone = board.microphone
        self._tape = tape
        self._index = self._place = 0  # where the next frame has to be, by its own account and on the tape
        self._overruns = 0
        self.late = 0  # overruns that are ours, because the machine was too busy to read

    def frames(self, count: int) -> str | None:
        """Hear so many; what is wrong with the first that is wrong."""
        for _ in range(count):
            fault = self._fault(self._microphone.read())
            if fault:
                return fault
        return None

    def _fault(self, frame: Frame) -> str | None:
        samples = np.frombuffer(frame.pcm, "<i2")
        if self._microphone.overruns == self._overruns:
            if frame.index != self._index:
                return f"frame {frame.index} after {self._index - FRAME_SAMPLES}, and nothing was lost"
        else:
            self.late += self._microphone.overruns - self._overruns
            self._overruns = self._microphone.overruns
            places = self._places(samples, frame.index)
            if not places:
                return f"after an overrun frame {frame.index} is nowhere near its place on the tape"
            self._place = places[0]
        if not np.array_equal(samples, self._tape[self._place : self._place + FRAME_SAMPLES]):
            return f"frame {frame.index} is not what is at {self._place} on the tape"
        self._index, self._place = frame.index + FRAME_SAMPLES, self._place + FRAME_SAMPLES
        return None

    def _places(self, samples: Samples, index: int) -> list[int]:
        near = range(max(self._place + 1, index - NEAR_SAMPLES), index + NEAR_SAMPLES)
        return [at for at in near if np.array_equal(self._tape[at : at + FRAME_SAMPLES], samples)]


def main(folder: Path) -> None:
    """Try the board."""
    desk = Desk(folder, noise(8))
    with pytest.MonkeyPatch.context() as monkeypatch:
        pi = PiOnADesk(desk, array_profile(folder, CHANNELS, CHANNEL), monkeypatch)
        try:
            fault = first_fault(pi.board, desk)
        finally:
            pi.close()
    sys.exit(fault)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
