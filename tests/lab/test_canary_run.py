"""The real firmware, on the real board's way of hearing, holds nothing older than the frame that it hears;
and one that keeps half a second is caught.
"""

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from lab.audit.evidence import Evidence, Given
from lab.audit.memory import CHECKS
from lab.audit.verdicts import make
from lab.canary import record
from lab.canary.record import Memory
from lab.canary.run import Wish, missing, run
from lab.errors import RunError

needs_sound = pytest.mark.skipif(missing() is not None, reason=f"ALSA: {missing()}")


def search(folder: Path, *entry: str) -> tuple[int, str, Memory]:
    said = StringIO()
    wish = Wish(seed=2, seconds=5, entry=entry) if entry else Wish(seed=2, seconds=5)
    code = run(folder, wish, Console(file=said, width=200))
    return code, said.getvalue(), msgspec.json.decode((folder / record.FILE).read_bytes(), type=Memory)


@needs_sound
def test_the_idle_firmware_holds_the_frame_that_it_hears_and_nothing_older(tmp_path: Path) -> None:
    code, said, made = search(tmp_path)
    assert code == 0, said
    assert made.kept
    assert 0 < made.bound_samples <= record.HEARD_SAMPLES + record.LATE_SAMPLES
    assert f"oldest sample in any other process: {made.bound_samples / 16:.1f} ms" in said
    assert not any(place.found for place in made.files)
    assert {"state/egress.db", "firmware.log", "cloud/vault/vault.sqlite"} <= {
        each.name for each in made.files
    }
    for check in CHECKS:
        result = make(check, Evidence(Given(tmp_path)))
        assert result.state == "holds", result


@needs_sound
def test_a_firmware_that_keeps_half_a_second_is_caught(tmp_path: Path) -> None:
    code, said, made = search(tmp_path, "-m", "tests.lab.canary_rogue")
    assert code == 1
    assert not made.kept
    assert made.bound_samples >= 16_000 // 2
    assert "OLDER SOUND WAS FOUND" in said
    for check in CHECKS:
        assert make(check, Evidence(Given(tmp_path))).state == "found"


@needs_sound
def test_a_firmware_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the firmware has ended: .*No module named tests\.lab\.nobody"):
        search(tmp_path, "-m", "tests.lab.nobody")


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_a_folder_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "canary").mkdir()
    with pytest.raises(RunError, match="no canary wrote"):
        search(tmp_path)
