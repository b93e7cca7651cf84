"""A study from the folder of audio to its tables: they all say the same, and nothing is written elsewhere."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from lab.study.errors import StudyError
from lab.study.records import Heard, Item
from lab.study.run import Wish, run
from lab.study.work import Samples
from tests.lab.study_heads import head

ROOT = Path(__file__).parents[2]
WAKE = ROOT / "tests" / "audio" / "wake"


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """Two files that say alexa, three that do not."""
    folder = tmp_path / "audio"
    (folder / "others" / "deep").mkdir(parents=True)
    for name, place in (
        ("alexa", "alexa"), ("alexa", "others/mine"), ("none", "none"), ("none", "others/deep/none"),
        ("hey_jarvis", "others/hey_jarvis"),
    ):  # fmt: skip
        shutil.copy(WAKE / f"{name}.flac", folder / f"{place}.flac")
    (folder / "none.txt").write_text("Ten words that somebody wrote down so that they count.")
    return folder


def label(audio: Path, **labels: str) -> None:
    """Write a manifest: these files say these words."""
    files = sorted(path.relative_to(audio).as_posix() for path in audio.rglob("*.flac"))
    rows = [f"{file},{labels.get(Path(file).stem, 'negative')},all" for file in files]
    (audio / "manifest.csv").write_text("\n".join(["file,label,group", *rows, ""]))


def wakes(out: Path) -> list[Heard]:
    """All that the first ear proposed."""
    return [msgspec.json.decode(line, type=Heard) for line in (out / "wakes.jsonl").read_bytes().splitlines()]


def wish(audio: Path, **other: object) -> Wish:
    """One word, one process, and a second ear that agrees with everything."""
    given = {
        "words": ["alexa"],
        "sensitivity": "balanced",
        "jobs": 1,
        "heads": [head(audio.parent, "agrees")],
    }
    return Wish(**(given | other))


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def listing(folder: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_mtime_ns) for path in (folder, *folder.rglob("*"))}


def test_every_table_says_the_same(audio: Path, tmp_path: Path) -> None:
    label(audio, alexa="alexa", mine="alexa")
    assert run(audio, tmp_path / "out", wish(audio, rounds=2)) == 0
    out = tmp_path / "out"
    heard = wakes(out)
    assert {(wake.file, wake.word, wake.positive) for wake in heard if wake.accepted} == {
        ("alexa.flac", "alexa", True), ("others/mine.flac", "alexa", True),
    }  # fmt: skip
    rows, columns = table_of(out / "wakes.csv"), pyarrow.parquet.read_table(out / "wakes.parquet").to_pylist()
    assert len(rows) == len(columns) == len(heard)
    for wake, row, column in zip(heard, rows, columns, strict=True):
        plain = msgspec.structs.asdict(wake)
        assert {name: column[name] for name in plain} == plain
        came = {other.round for other in heard if other.file == wake.file and other.accepted}
        assert (column["came"], column["rounds"]) == ((len(came), 2) if wake.accepted else (None, None))
        assert {name: row[name] for name in plain} == {
            n: "" if v is None else str(v) for n, v in plain.items()
        }
    files = pyarrow.parquet.read_table(out / "files.parquet").to_pylist()
    assert [row["file"] for row in table_of(out / "files.csv")] == [row["file"] for row in files]
    assert len(files) == 5 * 2


def test_the_summary_and_the_terminal_count_what_was_heard(
    audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label(audio, alexa="alexa")
    assert run(audio, tmp_path / "out", wish(audio)) == 0
    summary = msgspec.json.decode((tmp_path / "out" / "summary.json").read_bytes())
    (word,) = summary["words"]
    assert (summary["files"], summary["broken"]) == (5, 0)
    assert (word["all"]["false_wakes"], word["all"]["words"]) == (1, 10)
    assert (word["all"]["woken"], word["all"]["positives"]) == (1, 1)
    assert word["all"]["durations"]["max_s"] == next(
        w.sent_s for w in wakes(tmp_path / "out") if w.accepted and not w.positive
    )
    printed = capsys.readouterr()
    assert "false wakes an hour" in printed.out
    assert "1 of 1" in printed.out
    assert "report: " in printed.out
    assert "x real time" in printed.err


def test_a_wake_that_the_second_ear_rejects_sends_nothing(audio: Path, tmp_path: Path) -> None:
    label(audio, alexa="alexa")
    refusing = wish(audio, heads=[head(tmp_path, "refuses")], keep_clips=True)
    assert run(audio, tmp_path / "out", refusing) == 0
    heard = wakes(tmp_path / "out")
    assert {wake.file for wake in heard} >= {"alexa.flac", "others/mine.flac"}
    assert {(wake.accepted, wake.sent_s, wake.clip) for wake in heard} == {(False, 0.0, None)}
    assert [wake.second for wake in heard] == pytest.approx([0.047] * len(heard), abs=0.001)
    assert not (tmp_path / "out" / "clips").exists()
    assert (tmp_path / "out" / "listen.m3u").read_text() == "#EXTM3U\n"


def test_another_head_makes_another_study(audio: Path, tmp_path: Path) -> None:
    run(audio, tmp_path / "out", wish(audio))
    with pytest.raises(StudyError, match=r"other models .*; ask for the same again, or name a new folder"):
        run(audio, tmp_path / "out", wish(audio, heads=[head(tmp_path, "refuses")]))


def test_nothing_is_written_beside_the_audio(audio: Path, tmp_path: Path) -> None:
    before = listing(audio)
    run(audio, tmp_path / "out", wish(audio, keep_clips=True))
    assert listing(audio) == before


def test_two_processes_find_what_one_finds(audio: Path, tmp_path: Path) -> None:
    assert run(audio, tmp_path / "one", wish(audio, rounds=2)) == 0
    assert run(audio, tmp_path / "two", wish(audio, rounds=2, jobs=2)) == 0
    for table in ("wakes.jsonl", "wakes.csv", "files.csv"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()


def test_a_study_that_is_asked_for_again_hears_nothing_twice(
    audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(audio, out, wish(audio))
    lines, tables = (out / "results.jsonl").read_bytes(), (out / "wakes.csv").read_bytes()
    (out / "wakes.csv").unlink()
    capsys.readouterr()
    assert run(audio, out, wish(audio)) == 0
    assert (out / "results.jsonl").read_bytes() == lines
    assert (out / "wakes.csv").read_bytes() == tables
    assert "x real time" not in capsys.readouterr().err


def test_files_that_came_later_and_more_rounds_are_heard_as_well(audio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(audio, out, wish(audio))
    shutil.copy(WAKE / "okay_nabu.flac", audio / "later.flac")
    assert run(audio, out, wish(audio, rounds=2)) == 0
    assert len((out / "results.jsonl").read_bytes().splitlines()) == 6 * 2


def test_a_broken_file_is_told_and_the_rest_goes_on(
    audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (audio / "a.wav").write_text("no sound")
    out = tmp_path / "out"
    assert run(audio, out, wish(audio)) == 3
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith(str(audio / "a.wav"))]
    assert line.endswith("; give a WAV or FLAC file that plays")
    items = [
        msgspec.convert(row, Item) for row in pyarrow.parquet.read_table(out / "files.parquet").to_pylist()
    ]
    assert {item.file for item in items if item.error} == {"a.wav"}
    assert len(items) == 6
    assert sum(wake.accepted for wake in wakes(out)) == 2


def test_a_broken_file_may_be_mended_or_taken_out(audio: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (audio / f"{name}.wav").write_text("no sound")
    assert run(audio, tmp_path / "out", wish(audio)) == 3
    (audio / "a.wav").unlink()
    soundfile.write(audio / "b.wav", np.zeros(1600), 16_000)
    assert run(audio, tmp_path / "out", wish(audio)) == 0
    assert [row["file"] for row in table_of(tmp_path / "out" / "files.csv") if "wav" in row["file"]] == [
        "b.wav"
    ]


def test_a_worker_that_dies_of_a_file_makes_it_a_broken_one(audio: Path, tmp_path: Path) -> None:
    label(audio, alexa="alexa")
    rooms = {"deadly": _deadly, "as far": _as_far}
    assert run(audio, tmp_path / "out", wish(audio, jobs=2, rooms=rooms)) == 3
    broken = {
        (r["file"], r["condition"]): r["error"]
        for r in table_of(tmp_path / "out" / "files.csv")
        if r["error"]
    }
    assert list(broken) == [("alexa.flac", "deadly")]
    assert "ended (exit code 9); leave the file out" in broken["alexa.flac", "deadly"]


def _deadly(_: str, samples: Samples) -> Samples:
    os._exit(len(samples) and 9)


def _as_far(_: str, samples: Samples) -> Samples:
    return samples * np.float32(0.5)


def test_rooms_are_for_files_that_say_the_word(audio: Path, tmp_path: Path) -> None:
    label(audio, alexa="alexa")
    assert run(audio, tmp_path / "out", wish(audio, jobs=2, rooms={"as far": _as_far})) == 0
    rows = table_of(tmp_path / "out" / "files.csv")
    assert [row["file"] for row in rows if row["condition"] == "as far"] == ["alexa.flac"]
    assert len(rows) == 6


def test_without_clips_the_list_points_into_the_audio(audio: Path, tmp_path: Path) -> None:
    run(audio, tmp_path / "out", wish(audio, rounds=2))
    listed = (tmp_path / "out" / "listen.m3u").read_text().splitlines()
    places = [line for line in listed if not line.startswith("#")]
    assert places == [(audio / "alexa.flac").as_uri(), (audio / "others" / "mine.flac").as_uri()]
    assert "alexa.flac at 2." in listed[1]
    assert listed[1].endswith(" of 2 rounds")
    assert listed[2].startswith("#EXTVLCOPT:start-time=2.")
    assert not (tmp_path / "out" / "clips").exists()


def test_with_clips_the_list_plays_them(audio: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(audio, out, wish(audio, rounds=2, keep_clips=True))
    clips = [line for line in (out / "listen.m3u").read_text().splitlines() if not line.startswith("#")]
    assert len(clips) >= 2
    assert {path.relative_to(out).as_posix() for path in (out / "clips").iterdir()} == set(clips)
    assert {wake.clip for wake in wakes(out) if wake.accepted} == set(clips)
    assert {wake.clip for wake in wakes(out) if not wake.accepted} <= {None}


@pytest.mark.parametrize("place", [".", "out", "others/deep/out"])
def test_the_folder_of_the_audio_is_no_place_for_results(place: str, audio: Path) -> None:
    before = listing(audio)
    with pytest.raises(StudyError, match="inside the folder of the audio, where nothing is written"):
        run(audio, audio / place, wish(audio))
    assert listing(audio) == before


def overheard_lab(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lab", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_word_that_nobody_has_is_said_in_one_line(audio: Path) -> None:
    done = overheard_lab("study", audio, "--out", audio.parent / "out", "--word", "alexxa")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("overheard-lab: wake word alexxa: ")
    assert "; " in line
    assert not (audio.parent / "out").exists()


def test_without_pyarrow_nothing_is_heard_first(audio: Path) -> None:
    """It is hidden from a Python of its own: asked for before hours of work, not after."""
    script = "import sys; sys.modules['pyarrow'] = None; from lab.__main__ import main; main()"
    command = [sys.executable, "-c", script, "study", str(audio), "--out", str(audio.parent / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        "overheard-lab: pyarrow: not installed, and Parquet needs it; run scripts/setup .venv study"
    ]
    assert not (audio.parent / "out").exists()
