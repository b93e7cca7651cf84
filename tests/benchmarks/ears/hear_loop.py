"""Our whole firmware listens in *idle*: `hear_loop.py`, for counting what its loop costs beside the engines.

What is called is `Speaker.pass_frame`, as `Speaker.run` does, of an assembled speaker that finds no broker;
there is nothing to say of what was heard, so no row is ever answered. A wake would spoil the count, and ends
it.
"""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from firmware import Firmware, closed_port
from serve import serve


class Loop:
    """The loop, a frame at a time."""

    block_samples = 320

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._rows = firmware.speaker.parts.outbox.size

    def reset(self) -> None:
        """It has just been started."""

    def hear(self, blocks: list[bytes]) -> list[list[float]]:
        self._firmware.microphone.frames[:] = blocks
        self._firmware.loop(blocks)
        self._firmware.require_idle(self._rows)
        return []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, closed_port() as nobody:
        port = nobody.getsockname()[1]
        with closing(Firmware(Path(folder), port, [bytes(640)])) as firmware:
            serve(Loop(firmware))
