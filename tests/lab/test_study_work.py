"""One hearing of one file: what is found in it, what is kept of it, and how little is held meanwhile."""

import stat
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hardware.board import RATE_HZ
from lab.study.files import Sound
from lab.study.records import AS_IT_IS, Settings
from lab.study.work import Finished, Room, Samples, Setup, Station, Work
from tests.lab.study_heads import head

WAKE = Path(__file__).parents[1] / "audio" / "wake"


@dataclass(frozen=True)
class Louder:
    """A room that leaves the sound as it is, after `delay_s`."""

    delay_s: float

    def __call__(self, file: str, samples: Samples) -> Samples:
        assert file == "alexa.flac"
        return np.concatenate([np.zeros(round(self.delay_s * RATE_HZ), np.float32), samples])


def settings(**other: object) -> Settings:
    given = {
        "words": ("alexa",), "sensitivity": "balanced", "thresholds": {}, "models": {}, "audio": "/",
        "rounds": 1, "keep_clips": False, "version": "0",
    }  # fmt: skip
    return Settings(**(given | other))


def station(out: Path, *, keep: bool = False, rooms: dict[str, Room] | None = None) -> Station:
    """Both ears, of which the second agrees with everything."""
    heads = (head(out.parent / f"{out.name} heads", "agrees"),)
    return Station(Setup(settings(keep_clips=keep), ("alexa",), "balanced", heads, out, rooms or {}))


def sound(name: str = "alexa.flac", label: str | None = "alexa", transcript: str | None = None) -> Sound:
    return Sound(name, WAKE / name, label, "said", transcript)


def hear(at: Station, heard: Sound, number: int = 0, condition: str = AS_IT_IS) -> Finished:
    return at.hear(Work(heard, number, condition), lambda _: None)


def test_what_is_heard_is_written_down(tmp_path: Path) -> None:
    done = hear(station(tmp_path), sound(transcript="Alexa, stop."))
    assert done.item.seconds == pytest.approx(soundfile.info(WAKE / "alexa.flac").duration, abs=0.001)
    assert (done.item.words, done.item.label, done.item.group, done.item.error) == (2, "alexa", "said", None)
    (wake,) = done.heard
    assert (wake.file, wake.word, wake.said, wake.positive) == ("alexa.flac", "alexa", "Alexa, stop.", True)
    assert 1.5 < wake.at_s <= wake.decided_s < wake.at_s + 0.3
    assert (wake.accepted, wake.clip) == (True, None)
    assert wake.second == pytest.approx(0.953, abs=0.001)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", [None, "negative", "hey_jarvis"])
def test_a_wake_in_a_file_that_does_not_say_the_word_is_false(label: str | None, tmp_path: Path) -> None:
    (wake,) = hear(station(tmp_path), sound(label=label)).heard
    assert not wake.positive


def test_the_same_station_hears_one_file_as_if_there_had_been_no_other(tmp_path: Path) -> None:
    at = station(tmp_path)
    first = hear(at, sound())
    hear(at, sound("none.flac", None))
    assert hear(at, sound()) == first


def test_rounds_are_told_in_the_time_of_the_file(tmp_path: Path) -> None:
    at = station(tmp_path)
    places = [wake.at_s for number in range(6) for wake in hear(at, sound(), number).heard]
    assert len(places) >= 4
    assert max(places) - min(places) < 0.1
    assert len(set(places)) > 1


def test_a_round_is_the_same_again(tmp_path: Path) -> None:
    assert hear(station(tmp_path), sound(), 3) == hear(station(tmp_path), sound(), 3)


def test_a_room_hears_the_whole_file(tmp_path: Path) -> None:
    at = station(tmp_path, rooms={"later": Louder(1.0)})
    (dry,), (wet,) = hear(at, sound()).heard, hear(at, sound(), 0, "later").heard
    assert wet.at_s - dry.at_s == pytest.approx(1, abs=0.03)
    assert wet.condition == "later"


def test_a_clip_is_what_would_have_been_sent_and_for_nobody_else(tmp_path: Path) -> None:
    (wake,) = hear(station(tmp_path, keep=True), sound()).heard
    assert wake.clip is not None
    clip = tmp_path / wake.clip
    assert stat.S_IMODE(clip.stat().st_mode) == 0o600
    assert stat.S_IMODE(clip.parent.stat().st_mode) == 0o700
    kept, rate = soundfile.read(clip, dtype="int16")
    assert (len(kept) / rate, rate) == (wake.sent_s, RATE_HZ)
    whole = soundfile.read(WAKE / "alexa.flac", dtype="int16")[0]
    at = round(wake.at_s * RATE_HZ)
    at += -at % 320  # a capture begins with the next frame
    assert kept[: len(whole) - at].tolist() == whole[at : at + len(kept)].tolist()


def test_a_hearing_that_is_done_again_leaves_no_second_clip(tmp_path: Path) -> None:
    at = station(tmp_path, keep=True)
    assert hear(at, sound()) == hear(at, sound())
    assert len(list((tmp_path / "clips").iterdir())) == 1
    hear(at, sound(), 1)
    assert len(list((tmp_path / "clips").iterdir())) == 2


def test_a_broken_file_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    said = soundfile.read(WAKE / "alexa.flac", dtype="int16")[0]
    soundfile.write(tmp_path / "a.flac", np.tile(said, 4), RATE_HZ)
    whole = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) * 6 // 10])
    done = hear(station(tmp_path), Sound("a.flac", tmp_path / "a.flac"))
    assert done.item.error is not None
    assert done.item.error.startswith(f"{tmp_path / 'a.flac'}: ")
    assert "; " in done.item.error
    assert 0 < done.item.seconds < len(said) * 4 / RATE_HZ


@pytest.mark.parametrize("content", [b"", b"no sound", None])
def test_what_cannot_be_heard_at_all_is_an_item_with_an_error(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.wav").write_bytes(content)
    done = hear(station(tmp_path), Sound("a.wav", tmp_path / "a.wav", "alexa"))
    assert done.item.error is not None
    assert done.item.error.startswith(f"{tmp_path / 'a.wav'}: ")
    assert (done.item.seconds, done.heard) == (0, ())


def test_ticks_come_to_the_length_of_the_file(tmp_path: Path) -> None:
    ticks: list[float] = []
    done = station(tmp_path).hear(Work(sound(), 2, AS_IT_IS), ticks.append)
    assert sum(ticks) == pytest.approx(done.item.seconds, abs=0.001)


def test_a_long_file_is_never_held(tmp_path: Path) -> None:
    """Four minutes are 7.7 MB; what is held at once is a few pieces of 8 s."""
    with soundfile.SoundFile(tmp_path / "a.wav", "w", RATE_HZ, 1, "PCM_16") as file:
        for _ in range(4):
            file.write(np.zeros(60 * RATE_HZ, np.int16))
    at, long = station(tmp_path), Sound("a.wav", tmp_path / "a.wav")
    tracemalloc.start()
    try:
        done = hear(at, long, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert done.item.seconds == 240
    assert peak < 4_000_000
