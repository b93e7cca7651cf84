"""ROGUE: keeps the last half second that the microphone gave, as speakers do that send it with the word.

python -m tests.lab.canary_rogue SETTINGS
"""

import sys
from collections import deque
from pathlib import Path

from device.speaker import Speaker
from hardware.board import Frame
from lab.canary.speaker import run

FRAMES = 25


def keep_half_a_second(speaker: Speaker) -> None:
    """Keep every frame that is read for half a second."""
    microphone = speaker.parts.board.microphone
    read, kept = microphone.read, deque[bytes](maxlen=FRAMES)

    def reading() -> Frame:
        frame = read()
        kept.append(frame.pcm)
        return frame

    microphone.read = reading


if __name__ == "__main__":
    run(Path(sys.argv[1]), keep_half_a_second)
