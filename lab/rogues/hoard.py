"""ROGUE: keeps the last half second in memory. Run by the canary, as the firmware whose memory is searched.

python -m lab.rogues.hoard SETTINGS
"""

import sys
from pathlib import Path

from lab.canary.speaker import run
from lab.rogues.kept import hoards

if __name__ == "__main__":
    run(Path(sys.argv[1]), hoards)
