"""The laboratory hears what the firmware hears, in whatever file it comes."""

import io
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from device.errors import ModelError
from device.wakeword import Opinion, open_ears
from lab.hear import AudioError, Heard, hear, run

WAKE = Path(__file__).parents[1] / "audio" / "wake"
ALEXA = WAKE / "alexa.flac"


def alexa() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    samples: np.ndarray[tuple[int], np.dtype[np.int16]] = soundfile.read(ALEXA, dtype="int16")[0]
    return samples


def write(path: Path, rate: int = 16_000, channels: int = 1, subtype: str = "PCM_16") -> Path:
    samples = soxr.resample(alexa() / 32768, 16_000, rate)
    soundfile.write(path, np.stack([samples] * channels, axis=1), rate, subtype=subtype)
    return path


def by_the_firmware() -> Heard:
    ears, pcm = open_ears(["alexa"]), alexa().tobytes()
    for at in range(0, len(pcm), 640):
        said = ears.hear(pcm[at : at + 640], at // 2 + 320)
        if isinstance(said, Opinion) and said.accepted:
            scores = [round(score, 4) for score in (said.wake.score, said.score)]
            return Heard(str(ALEXA), said.wake.sample / 16_000, "alexa", scores[0], True, scores[1])
    raise AssertionError("the recording wakes nobody")


def wakes(files: Iterable[Path], words: list[str]) -> list[Heard]:
    """What is heard, without what the second ear rejects."""
    return [heard for heard in hear(files, words) if heard.verified is not False]


def test_a_file_is_heard_as_the_firmware_hears_it() -> None:
    assert wakes([ALEXA], ["alexa"]) == [by_the_firmware()]


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("a.wav", 16_000, 1, "PCM_16"),
        ("a.wav", 11_025, 1, "PCM_16"),
        ("a.wav", 44_100, 2, "PCM_24"),
        ("a.wav", 48_000, 1, "FLOAT"),
        ("a.flac", 22_050, 6, "PCM_16"),
        ("a.flac", 96_000, 2, "PCM_24"),
    ],
)
def test_any_rate_and_number_of_channels_is_heard(
    name: str, rate: int, channels: int, subtype: str, tmp_path: Path
) -> None:
    (heard,) = wakes([write(tmp_path / name, rate, channels, subtype)], ["alexa"])
    assert heard.seconds == pytest.approx(by_the_firmware().seconds, abs=0.1)


def test_sixteen_bit_samples_come_through_unchanged(tmp_path: Path) -> None:
    for copy in (write(tmp_path / "a.wav"), write(tmp_path / "b.wav", subtype="FLOAT")):
        (heard,) = wakes([copy], ["alexa"])
        assert heard._replace(file=str(ALEXA)) == by_the_firmware()


def test_a_word_at_the_very_end_of_a_file_is_heard(tmp_path: Path) -> None:
    """The detector is sure only after the word: here after the file."""
    until = round(by_the_firmware().seconds * 16_000) - 1_600
    soundfile.write(tmp_path / "a.wav", alexa()[:until], 16_000)
    (heard,) = wakes([tmp_path / "a.wav"], ["alexa"])
    assert until / 16_000 < heard.seconds < until / 16_000 + 0.6


def test_every_file_is_heard_afresh(tmp_path: Path) -> None:
    """Neither the dead time of the file before nor its half a word is left over."""
    until = round(by_the_firmware().seconds * 16_000) - 6_400
    soundfile.write(tmp_path / "first.wav", alexa()[: until - 16_000 * 6 // 10], 16_000)
    soundfile.write(tmp_path / "rest.wav", alexa()[until:], 16_000)
    assert wakes([tmp_path / "first.wav", tmp_path / "rest.wav"], ["alexa"]) == []
    assert wakes([ALEXA, ALEXA], ["alexa"]) == [by_the_firmware()] * 2


def test_several_words_are_listened_for_at_once() -> None:
    files = [WAKE / f"{word}.flac" for word in ("alexa", "hey_jarvis", "okay_nabu", "none")]
    heard = wakes(files, ["hey_jarvis", "alexa", "alexa"])
    assert [(Path(h.file).stem, h.word) for h in heard] == [("alexa", "alexa"), ("hey_jarvis", "hey_jarvis")]


def test_every_wake_of_a_long_file_is_heard(tmp_path: Path) -> None:
    often = np.tile(alexa(), 12)
    soundfile.write(tmp_path / "a.flac", often, 16_000)
    heard = wakes([tmp_path / "a.flac"], ["alexa"])
    assert len(heard) == 12
    assert np.diff([h.seconds for h in heard]) == pytest.approx(len(alexa()) / 16_000, abs=0.1)


def broken(folder: Path) -> dict[str, Path]:
    files = {name: folder / f"{name}.flac" for name in ("empty", "text", "cut", "missing")}
    files["empty"].touch()
    files["text"].write_text("not a sound")
    whole = ALEXA.read_bytes()
    files["cut"].write_bytes(whole[: len(whole) // 2])
    files["short"] = folder / "short.mp3"  # its header promises more than comes, and nothing complains
    soundfile.write(files["short"], alexa(), 16_000)
    files["short"].write_bytes(files["short"].read_bytes()[:4000])
    files["raw"] = folder / "noise.raw"
    files["raw"].write_bytes(bytes(3200))
    files["folder"] = folder
    files["slow"] = folder / "slow.wav"
    soundfile.write(files["slow"], np.zeros(100), 8)
    return files


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "short", "missing", "raw", "folder", "slow"])
def test_a_file_that_cannot_be_heard_is_an_error_in_one_line(kind: str, tmp_path: Path) -> None:
    file = broken(tmp_path)[kind]
    with pytest.raises(AudioError) as caught:
        list(hear([file], ["alexa"]))
    assert str(caught.value).startswith(f"{file}: ")
    assert str(caught.value).endswith("; give a WAV or FLAC file that plays")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_samples_that_are_no_numbers_are_silence_and_too_loud_ones_are_cut_off(
    rate: int, tmp_path: Path
) -> None:
    sound = soxr.resample(alexa() / 32768, 16_000, rate)
    hurt = np.concatenate([[np.nan, np.inf, -np.inf, 9e38, -9e38] * 100, sound])
    soundfile.write(tmp_path / "a.wav", hurt, rate, subtype="DOUBLE")
    (heard,) = wakes([tmp_path / "a.wav"], ["alexa"])
    assert heard.seconds == pytest.approx(by_the_firmware().seconds, abs=0.1)


def test_an_empty_recording_is_no_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 16_000)
    assert list(hear([tmp_path / "a.wav"], ["alexa"])) == []


def test_progress_comes_to_the_length_of_the_audio(tmp_path: Path) -> None:
    seconds: list[float] = []
    list(hear([write(tmp_path / "a.wav", 44_100, 2)], ["alexa"], tick=seconds.append))
    assert sum(seconds) == pytest.approx(len(alexa()) / 16_000, abs=0.01)


def test_a_run_writes_one_json_line_a_wake(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert run([ALEXA, WAKE / "none.flac"], ["alexa"], as_json=True, out=out) == 0
    wake, *rejected = map(json.loads, out.getvalue().splitlines())
    assert wake == by_the_firmware()._asdict()
    assert [(line["file"], line["verified"]) for line in rejected] == [(str(WAKE / "none.flac"), False)]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "2 files, 0.00" in printed.err
    assert "1 wake, 1 rejected by the second ear" in printed.err
    assert "x real time" in printed.err


def test_a_run_without_json_writes_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()
    assert run([ALEXA], ["alexa"], as_json=False, out=out) == 0
    heard = by_the_firmware()
    assert out.getvalue() == f"{ALEXA}  {heard.seconds:.2f} s  alexa  {heard.score:.3f}  {heard.second:.3f}\n"
    assert capsys.readouterr().out == ""


def test_a_run_goes_on_after_broken_files_and_ends_with_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = io.StringIO()
    hurt = list(broken(tmp_path).values())
    assert run([*hurt, ALEXA], ["alexa"], as_json=True, out=out) == 3
    assert json.loads(out.getvalue())["file"] == str(ALEXA)
    *complaints, summary = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in complaints] == list(map(str, hurt))
    assert summary.startswith(f"{len(hurt) + 1} files ({len(hurt)} could not be heard)")


def test_where_nothing_could_be_heard_nothing_is_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.wav"
    assert run([missing], ["alexa"], as_json=False, out=io.StringIO()) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{missing}: no such file")


def test_a_run_for_a_word_that_nobody_has_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([ALEXA], ["alexxa"], as_json=True, out=io.StringIO()) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "alexa, hey_jarvis" in line
    with pytest.raises(ModelError):
        next(hear([ALEXA], ["alexxa"]))


class Interrupted(io.StringIO):
    """Somebody presses Ctrl-C while the first line is written."""

    def write(self, text: str) -> int:
        super().write(text)
        raise KeyboardInterrupt


def test_an_interrupted_run_says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    out = Interrupted()
    assert run([ALEXA] * 100, ["alexa"], as_json=True, out=out) == 130
    assert ", 1 wake, " in capsys.readouterr().err


def test_a_name_that_is_not_utf_8_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    odd = tmp_path / "al\udce9xa.flac"
    odd.write_bytes(ALEXA.read_bytes())
    for as_json in (True, False):
        out = io.StringIO()
        assert run([odd], ["alexa"], as_json, out) == 0
        assert "\\udce9" in out.getvalue().encode("ascii").decode()
