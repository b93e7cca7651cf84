"""A household enrols: its head is used like the one that ships, and what cannot be learnt from is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from device.wakeword import Opinion, open_ears
from device.wakeword.verifier import packaged
from lab.enrol.errors import EnrolError
from lab.enrol.learn import adapt, nearer, shipped_row
from lab.enrol.run import enrol
from lab.teaching.examples import SIZE, Examples

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"


def takes(folder: Path, count: int = 4) -> Path:
    """The word, as several people might say it: faster and higher, slower and lower, louder and quieter."""
    folder.mkdir()
    sound, rate = soundfile.read(WAKE / "alexa.flac", dtype="float32")
    for number in range(count):
        factor = 0.94 + 0.04 * number
        other = soxr.resample(sound, rate, rate / factor) * (0.4 + 0.2 * number)
        soundfile.write(folder / f"{number}.wav", other.clip(-1, 1), rate)
    return folder


def test_the_command_writes_a_head_that_wakes_to_the_household(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "lab", "enrol", "--word", "alexa", "--said", str(takes(tmp_path / "said")),
            "--not-said", str(WAKE / "none.flac"), "--out", str(mine),
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 of 4" in done.stdout
    assert mine.stat().st_mode & 0o777 == 0o600
    ears, pcm = (
        open_ears(["alexa"], heads=[mine]),
        soundfile.read(WAKE / "alexa.flac", dtype="int16")[0].tobytes(),
    )
    said = [ears.hear(pcm[at : at + 640], at // 2 + 320) for at in range(0, len(pcm) - 639, 640)]
    assert [each.accepted for each in said if isinstance(each, Opinion)] == [True]


def test_thresholds_come_nearer_and_never_fall(tmp_path: Path) -> None:
    shipped = packaged("alexa")
    assert shipped is not None
    mine = enrol("alexa", [takes(tmp_path / "said")], [WAKE / "none.flac"]).head
    for name in ("careful", "balanced", "eager"):
        assert mine.thresholds.at(name) >= shipped.thresholds.at(name)
    assert nearer(shipped.thresholds, [0.999, 0.2]) == shipped.thresholds, (
        "a word that is hard to hear moves nothing"
    )
    high = nearer(shipped.thresholds, [0.9999, 0.9999])
    assert high.eager > shipped.thresholds.eager
    assert high.eager < high.balanced < high.careful < 0.9999


def test_what_is_learnt_is_a_small_difference_that_tells_yes_from_no() -> None:
    shipped = packaged("alexa")
    assert shipped is not None
    start, rng = shipped_row(shipped), np.random.default_rng(0)
    x = rng.normal(size=(60, SIZE)).astype(np.float32)
    y = (x[:, 7] > 0).astype(np.int8)
    row = adapt(start, Examples(x, y, np.ones(60, np.float32), np.zeros(60, np.int32)))
    moved = x @ (row.weights - start.weights) + (row.bias - start.bias)
    assert moved[y == 1].mean() > moved[y == 0].mean() + 0.1
    assert np.linalg.norm(row.weights - start.weights) < 2 * np.linalg.norm(start.weights)


def test_too_few_recordings_with_the_word_are_refused(tmp_path: Path) -> None:
    folder = takes(tmp_path / "said", 2)
    (folder / "none.flac").write_bytes((WAKE / "none.flac").read_bytes())
    with pytest.raises(EnrolError, match=r"heard 2 times; not heard in none\.flac; record it 3 times"):
        enrol("alexa", [folder], [])


def test_a_recording_that_does_not_play_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = takes(tmp_path / "said")
    (folder / "broken.wav").write_bytes(b"not a sound")
    done = subprocess.run(
        [sys.executable, "-m", "lab", "enrol", "--said", str(folder), "--out", str(tmp_path / "x.json")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "broken.wav" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.json").exists()


def test_the_head_names_what_it_was_made_for(tmp_path: Path) -> None:
    shipped = packaged("alexa")
    assert shipped is not None
    mine = enrol("alexa", [takes(tmp_path / "said")], []).head
    assert (mine.word, mine.embedding, mine.first_ear) == (shipped.word, shipped.embedding, shipped.first_ear)
