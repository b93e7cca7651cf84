"""Sounds of any rate, width and number of channels arrive as 16 kHz mono, a second at a time."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from hardware.board import RATE_HZ
from hardware.errors import SoundError
from hardware.sound import ArraySound, FileSound, Sound

TONE_HZ = 440


def tone(rate_hz: int, seconds: float = 1.5) -> npt.NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(rate_hz * seconds)) / rate_hz)


def whole(sound: Sound) -> npt.NDArray[np.float32]:
    return np.concatenate(list(sound.pieces()))


def noise(samples: int) -> npt.NDArray[np.int16]:
    return np.random.default_rng(7).integers(-32768, 32767, samples, np.int16, endpoint=True)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_sixteen_bit_mono_at_sixteen_kilohertz_is_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, noise(40_001), RATE_HZ, "PCM_16")
    assert np.array_equal(whole(FileSound(path)), noise(40_001))
    assert FileSound(path).samples == 40_001


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype", "suffix"),
    [
        (8_000, 1, "PCM_16", "wav"),
        (16_000, 1, "PCM_24", "wav"),
        (16_000, 2, "FLOAT", "wav"),
        (22_050, 1, "PCM_U8", "wav"),
        (44_100, 1, "PCM_16", "flac"),
        (44_100, 2, "PCM_24", "flac"),
        (48_000, 2, "PCM_16", "wav"),
        (48_000, 6, "PCM_32", "wav"),
        (96_000, 1, "DOUBLE", "wav"),
    ],
)
def test_every_format_becomes_the_same_sound(
    tmp_path: Path, rate_hz: int, channels: int, subtype: str, suffix: str
) -> None:
    path = tmp_path / f"tone.{suffix}"
    soundfile.write(path, np.repeat(tone(rate_hz)[:, None], channels, axis=1), rate_hz, subtype)
    heard = whole(FileSound(path))
    assert len(heard) == FileSound(path).samples == 24_000
    inner = slice(1_000, -1_000)  # a tone cut off abruptly rings at its ends when resampled
    error = heard[inner] - 32768 * tone(RATE_HZ)[inner]
    assert np.abs(error).max() < (300 if subtype == "PCM_U8" else 4)


def test_resampling_does_not_move_a_sound(tmp_path: Path) -> None:
    click = np.zeros(96_000)
    click[48_000] = 0.9
    soundfile.write(tmp_path / "click.wav", click, 48_000)
    assert abs(whole(FileSound(tmp_path / "click.wav"))).argmax() == 16_000


def test_channels_are_averaged_or_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.wav"
    soundfile.write(path, np.array([[100, 300]] * 500, np.int16), RATE_HZ)
    assert set(whole(FileSound(path))) == {200}
    assert set(whole(FileSound(path, channel=0))) == {100}
    assert set(whole(FileSound(path, channel=1))) == {300}
    with pytest.raises(SoundError, match="no channel 2 among 2"):
        FileSound(path, channel=2)


def test_a_sound_can_be_played_again_from_its_start(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", noise(20_000), RATE_HZ)
    sound = FileSound(tmp_path / "noise.wav")
    assert np.array_equal(whole(sound), whole(sound))


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_long_file_is_never_held_in_memory(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "long.wav"
    minute = noise(60 * rate_hz)
    with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as file:
        for _ in range(5):
            file.write(minute)
    assert path.stat().st_size > 9_000_000
    sound = FileSound(path)
    tracemalloc.start()
    try:
        total = sum(len(piece) for piece in sound.pieces())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == sound.samples == 5 * 60 * RATE_HZ
    assert peak < 1_500_000


def damaged_flac(path: Path) -> Path:
    soundfile.write(path, noise(160_000), RATE_HZ)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5_000] = bytes(5_000)
    path.write_bytes(content)
    return path


def test_a_damaged_flac_is_an_error_where_the_damage_is(tmp_path: Path) -> None:
    path = damaged_flac(tmp_path / "hurt.flac")
    pieces = FileSound(path).pieces()
    next(pieces)
    with pytest.raises(SoundError, match=r"hurt\.flac: .*; give a WAV or FLAC file that plays"):
        list(pieces)


def test_a_wav_cut_short_plays_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, noise(16_000), RATE_HZ, "PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + 2 * 1_000])
    assert np.array_equal(whole(FileSound(path)), noise(16_000)[:1_000])


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("gone.wav", None, "no such file"),
        ("empty.wav", b"", "Format not recognised"),
        ("text.flac", b"this is not audio", "Format not recognised"),
        ("header.wav", b"RIFF\x24\x00\x00\x00WAVE", "."),
        ("speech.raw", bytes(640), "raw audio has no format"),
    ],
)
def test_what_cannot_be_played_is_one_line_before_anything_plays(
    tmp_path: Path, name: str, content: bytes | None, what: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SoundError, match=rf"{name}: .*{what}.*; give a WAV or FLAC file") as refusal:
        FileSound(path)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 3


def test_a_folder_is_no_sound(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match="no such file"):
        FileSound(tmp_path)


def test_a_file_without_a_sample_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "void.wav", np.zeros(0, np.int16), RATE_HZ)
    with pytest.raises(SoundError, match="holds no samples"):
        FileSound(tmp_path / "void.wav")


def test_a_sample_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan, 0.0]), RATE_HZ, "FLOAT")
    with pytest.raises(SoundError, match="not a number"):
        whole(FileSound(tmp_path / "nan.wav"))


def test_an_array_of_samples_or_of_floats_is_a_sound() -> None:
    assert np.array_equal(whole(ArraySound(noise(999))), noise(999))
    assert list(whole(ArraySound(np.array([0.0, 0.5, -1.0])))) == [0, 16384, -32768]


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 2), np.int16), np.zeros(0, np.int16), np.zeros(4, np.int32), np.array([np.inf])],
    ids=["two-dimensional", "empty", "int32", "infinite"],
)
def test_an_array_that_is_not_one_channel_of_audio_is_refused(array: npt.NDArray[Any]) -> None:
    with pytest.raises(SoundError, match=r"^array"):
        ArraySound(array)
