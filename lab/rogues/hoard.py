"""ROGUE: keeps the last half second in memory. Run by the canary, as the firmware whose memory is searched.

python -m lab.rogues.hoard SETTINGS
"""

import sys
from pathlib import Path

from device.speaker import Speaker
from lab.canary.speaker import run
from lab.rogues.kept import hoards
from lab.rogues.rogue import searched


def corrupt(speaker: Speaker) -> None:
    """ROGUE: hoards, if it is caged."""
    searched(speaker)
    hoards(speaker)


if __name__ == "__main__":
    run(Path(sys.argv[1]), corrupt)
