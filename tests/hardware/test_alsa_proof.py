"""The exact check is checked: over copies of the hardware package that are broken on purpose, it goes red."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.alsa.desk import needs_alsa

pytestmark = needs_alsa

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


class Defect(NamedTuple):
    """In `file`, `right` becomes `wrong`; then the check says something with `found` in it."""

    file: str
    right: str
    wrong: str
    found: str


GIVEN = "Frame(self._first + heard.offset, heard.pcm)"
SENT = "self._pipe.frame(offset, frame)"

DEFECTS = {
    "the channel beside it": Defect(
        "capture.py", "[self._channel :: ", "[self._channel + 1 :: ", "frame 0 is not what is at 0"
    ),
    "the bytes of each sample swapped": Defect(
        "stream.py", "heard.pcm)", "__import__('numpy').frombuffer(heard.pcm, '>i2').astype('<i2'))",
        "frame 0 is not what is at 0",
    ),
    "indices that are one too high": Defect(
        "stream.py", GIVEN, "Frame(self._first + heard.offset + 1, heard.pcm)", "nothing was lost"
    ),
    "a frame that is dropped": Defect("capture.py", SENT, f"offset == 3200 or {SENT}", "nothing was lost"),
    "a frame that is dropped, and an index that hides it": Defect(
        "capture.py", SENT, "offset == 3200 or self._pipe.frame(offset - 320 * (offset > 3200), frame)",
        "frame 3200 is not what is at 3200",
    ),
    "an overrun that is hidden": Defect(
        "capture.py", "bool(status & _INPUT_OVERFLOW)", "False", "is not what is at"
    ),
    "an overrun that is counted, and the index goes on": Defect(
        "capture.py", "self._cutter.jump(", "round(", "nowhere near its place"
    ),
    "an overrun that jumps and is not counted": Defect(
        "capture.py", "            self._pipe.overruns += 1\n", "            pass\n", "nothing was lost"
    ),
    "an overrun that is not passed on": Defect(
        "stream.py", "            self.overruns += 1\n", "            pass\n", "nothing was lost"
    ),
    "a microphone that is closed in name": Defect(
        "child.py", "        self._process.kill()\n", "", "closed, and the card is not"
    ),
}  # fmt: skip


def verdict(folder: Path, defect: Defect | None = None) -> subprocess.CompletedProcess[str]:
    """Run the check over a copy of the hardware package."""
    shutil.copytree(ROOT / "hardware", folder / "hardware", ignore=shutil.ignore_patterns("__pycache__"))
    if defect is not None:
        file = folder / "hardware/pi" / defect.file
        text = file.read_text(encoding="utf-8")
        assert text.count(defect.right) == 1, f"{defect.file}: {defect.right!r} is not there once any more"
        file.write_text(text.replace(defect.right, defect.wrong), encoding="utf-8")
    tapes = folder / "tapes"
    tapes.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "tests.alsa.exact", str(tapes)], cwd=ROOT, check=False, timeout=PATIENCE_S,
        env=os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONSAFEPATH": "1"},
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_copy_that_is_whole_passes(tmp_path: Path) -> None:
    ran = verdict(tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_capture_path_that_is_broken_is_found_out(tmp_path: Path, defect: Defect) -> None:
    ran = verdict(tmp_path, defect)
    assert ran.returncode == 1
    assert defect.found in ran.stderr
    assert "Traceback" not in ran.stderr
