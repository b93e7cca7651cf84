"""Rooms of a study: their names, that everybody hears the same in them, and what is said of recall there."""

import io
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from hardware.board import RATE_HZ
from hardware.errors import HardwareError
from lab.errors import LabError
from lab.study import room_noise
from lab.study.records import AS_IT_IS, Heard, Item, Settings, Study
from lab.study.rooms import BEAMS, Condition, conditions, read_name
from lab.study.rooms_table import gain, gain_text, rows, show
from tests.lab.study_heads import head

pytest.importorskip("pyroomacoustics", reason="rooms need it: run scripts/setup .venv study")

Samples = npt.NDArray[np.float32]

ALEXA = Path(__file__).parents[1] / "audio" / "wake" / "alexa.flac"


def talk(samples: int = RATE_HZ, seed: int = 2) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def noises(folder: Path, *rms: float) -> Path:
    folder.mkdir()
    for number, level in enumerate(rms):
        soundfile.write(folder / f"{number}.wav", level / 0.1 * talk(8_000, seed=number), RATE_HZ)
    return folder


def test_conditions_are_every_distance_at_every_ratio_by_every_beam() -> None:
    assert [each.name for each in conditions([3, 1, 3], [5, 20])] == [
        f"{distance} m, {ratio} dB pink noise, {beam}"
        for distance in (1, 3)
        for ratio in (20, 5)
        for beam in ("one microphone", "delay-and-sum")
    ]
    assert [each.name for each in conditions([1.5], [], "first")] == ["1.5 m, quiet, one microphone"]
    assert not conditions([], [])


def test_a_folder_of_noise_stands_in_the_name(tmp_path: Path) -> None:
    (condition,) = conditions([1], [-2.5], "delay-and-sum", noises(tmp_path / "kitchen, evening", 0.1))
    assert condition.name == "1 m, -2.5 dB kitchen, evening, delay-and-sum"
    assert read_name(condition.name) == (1.0, "-2.5 dB kitchen, evening", "delay-and-sum")


@example(distance_m=1.0, snr_db=0.0, beam="first", noise="\n")
@given(
    distance_m=st.floats(0.5, 5.0),
    snr_db=st.none() | st.floats(-20, 60),
    beam=st.sampled_from(sorted(BEAMS)),
    noise=st.none() | st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
)
def test_a_name_says_all_that_there_is_to_know(
    distance_m: float, snr_db: float | None, beam: str, noise: str | None
) -> None:
    known = next(each for each in BEAMS if each == beam)
    name = Condition(distance_m, snr_db, known, noise and f"/noise/{noise}").name
    read = read_name(name)
    assert read is not None
    assert (f"{read[0]:g}", read[2]) == (f"{distance_m:g}", beam)
    assert name == f"{read[0]:g} m, {read[1]}, {BEAMS[read[2]]}"


@pytest.mark.parametrize(
    "name", [AS_IT_IS, "", "3 m", "3 m, quiet, four microphones", "x m, quiet, delay-and-sum"]
)
def test_other_conditions_are_no_rooms(name: str) -> None:
    assert read_name(name) is None


def test_a_file_is_heard_the_same_by_everybody_and_another_file_is_not() -> None:
    condition = conditions([3], [10], "first")[0]
    heard = condition("a/b.wav", talk())
    elsewhere: Condition = pickle.loads(pickle.dumps(condition))  # as another process gets it
    assert np.array_equal(heard, elsewhere("a/b.wav", talk()))
    assert not np.array_equal(heard, condition("a/c.wav", talk()))
    assert heard.dtype == np.float32
    assert heard.shape == (RATE_HZ,)


@pytest.mark.parametrize("samples", [0, 1, 5_000])
def test_as_much_comes_out_as_goes_in(samples: int) -> None:
    for condition in conditions([1], [10]):
        assert len(condition("a.wav", talk(samples))) == samples


def test_what_comes_out_fits_into_16_bits() -> None:
    loud = 9 * talk()
    heard = conditions([1], [0], "first")[0]("a.wav", loud)
    assert 0.7 < np.abs(heard).max() < 1  # scaled down as a whole, and no further
    assert (np.abs(heard) > 0.99 * np.abs(heard).max()).sum() < 5  # clipped sound is at its peak all the time


def test_ratios_of_one_clip_differ_in_the_ratio_alone() -> None:
    """The same place, the same noise: what 0 dB adds to 20 dB is more of what is there already."""
    quiet, some, much = (
        conditions([3], ratio, "first")[0]("a.wav", talk() / np.float32(10)) for ratio in ([60], [20], [0])
    )
    little, lot = some - quiet, much - quiet
    assert 20 * np.log10(lot.std() / little.std()) == pytest.approx(20, abs=0.3)
    assert np.corrcoef(little, lot)[0, 1] > 0.95


def test_both_beams_hear_the_same_render() -> None:
    """The array hears low sounds alike everywhere, so there the beams must agree."""
    one, added = (condition("a.wav", talk()) for condition in conditions([1], []))
    low = np.fft.rfftfreq(len(one), 1 / RATE_HZ) < 200
    spectra = [np.fft.rfft(each)[low] for each in (one, added)]
    assert np.abs(spectra[0] - spectra[1]).max() < 0.15 * np.abs(spectra[0]).max()
    assert not np.array_equal(one, added)


def test_noise_of_a_folder_is_heard_without_its_pauses_and_silent_files_are_passed_over(
    tmp_path: Path,
) -> None:
    folder = noises(tmp_path / "noise", 0.0, 0.1, 0.0)
    paused = np.concatenate([talk(3_200), np.zeros(32_000, np.float32)])
    soundfile.write(folder / "1.wav", paused, RATE_HZ)
    for seed in range(4):
        heard = room_noise.pick(str(folder), np.random.default_rng(seed))
        assert len(heard) == 3_200
        assert heard.std() == pytest.approx(0.1 * 32768, rel=0.05)


def test_silence_is_no_noise(tmp_path: Path) -> None:
    condition = conditions([1], [10], "first", noises(tmp_path / "noise", 0.0))[0]
    with pytest.raises(LabError, match="nothing but silence"):
        condition("a.wav", talk())


def bad(tmp_path: Path, what: str) -> object:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.wav").write_bytes(b"RIFF not much")
    return {
        "no distance": lambda: conditions([], [10]),
        "noise without a distance": lambda: conditions([], [], "both", broken),
        "beyond the wall": lambda: conditions([7], [10]),
        "inside the array": lambda: conditions([0], []),
        "not a distance": lambda: conditions([float("nan")], []),
        "not a ratio": lambda: conditions([1], [float("nan")]),
        "a ratio too far": lambda: conditions([1], [61]),
        "no folder": lambda: conditions([1], [10], "both", tmp_path / "nowhere"),
        "an empty folder": lambda: conditions([1], [10], "both", tmp_path / "empty"),
        "a broken file": lambda: conditions([1], [10], "both", broken),
    }[what]()


@pytest.mark.parametrize(
    "what",
    [
        "no distance", "noise without a distance", "beyond the wall", "inside the array", "not a distance",
        "not a ratio", "a ratio too far", "no folder", "an empty folder", "a broken file",
    ],
)  # fmt: skip
def test_what_can_not_be_rendered_is_said_before_anything_is_heard(what: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises((LabError, HardwareError)) as refused:
        bad(tmp_path, what)
    assert "\n" not in str(refused.value)
    assert "; " in str(refused.value)


def study(woken: dict[str, list[bool]], rounds: int = 1) -> Study:
    """Files that say alexa, heard in conditions; `woken` says where they woke the speaker, file by file."""
    items, heard = [], []
    for condition, found in woken.items():
        for index, woke in enumerate(found):
            key = f"{index // rounds}.wav", index % rounds, condition
            items.append(Item(*key, 2.0, label="alexa"))
            if woke:
                heard.append(Heard(*key, "alexa", 1.0, 1.0, 0.99, None, True, 2.0, None, True))
    settings = Settings(("alexa",), "balanced", {}, {}, "/audio", rounds, False, "1", tuple(woken))
    return Study(settings, tuple(items), tuple(heard))


def paired(both: int, after: int, before: int, neither: int) -> tuple[list[bool], list[bool]]:
    first = [True] * both + [False] * after + [True] * before + [False] * neither
    second = [True] * both + [True] * after + [False] * before + [False] * neither
    return first, second


def test_the_gain_of_pairs_is_newcombes() -> None:
    """By hand, 20, 12, 2, 16: 0.64 (0.501 to 0.759), 0.44 (0.312 to 0.577), phi (320 - 24 - 25) / 594.1."""
    interval = gain(*paired(20, 12, 2, 16))
    assert interval is not None
    assert (interval.value, interval.low, interval.high) == pytest.approx((0.2, 0.0562, 0.3292), abs=5e-5)


def test_a_gain_turned_round_is_a_loss() -> None:
    up, down = gain(*paired(40, 9, 3, 8)), gain(*paired(40, 3, 9, 8))
    assert up is not None
    assert down is not None
    assert (-down.value, -down.high, -down.low) == pytest.approx((up.value, up.low, up.high))


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(any))
def test_a_gain_lies_in_its_interval_and_the_interval_between_all_and_nothing(
    counts: tuple[int, int, int, int],
) -> None:
    interval = gain(*paired(*counts))
    assert interval is not None
    assert -1 - 1e-9 <= interval.low <= interval.value <= interval.high <= 1 + 1e-9


def test_pairs_say_more_than_two_groups() -> None:
    together, apart = gain(*paired(80, 8, 0, 12)), gain(*paired(70, 18, 10, 2))
    assert together is not None
    assert apart is not None
    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low < apart.high - apart.low


def test_nothing_has_no_gain() -> None:
    assert gain([], []) is None
    assert gain_text(None) == "–"


def test_a_row_says_recall_of_both_beams_and_the_gain() -> None:
    first, second = paired(70, 12, 2, 16)
    (row,) = rows(
        study(
            {
                AS_IT_IS: [True] * 100,
                "3 m, 10 dB pink noise, one microphone": first,
                "3 m, 10 dB pink noise, delay-and-sum": second,
            }
        )
    )
    assert (row.word, row.distance_m, row.around, row.clips) == ("alexa", 3.0, "10 dB pink noise", 100)
    assert row.first is not None
    assert row.delay_and_sum is not None
    assert row.gain is not None
    assert (row.first.value, row.delay_and_sum.value) == (0.72, 0.82)
    assert row.first.low == pytest.approx(0.6251, abs=1e-3)  # Wilson, as any table has it
    assert row.gain.value == pytest.approx(0.10)
    assert row.gain.low > 0


def test_rounds_make_nothing_surer() -> None:
    once = paired(30, 10, 4, 6)
    thrice = tuple([each for each in found for _ in range(3)] for found in once)
    names = ("1 m, quiet, one microphone", "1 m, quiet, delay-and-sum")
    (one,), (three,) = (
        rows(study(dict(zip(names, found, strict=True)), rounds))
        for found, rounds in ((once, 1), (thrice, 3))
    )
    assert three == one


def test_one_beam_alone_has_no_gain() -> None:
    (row,) = rows(study({"1 m, quiet, delay-and-sum": [True, False]}))
    assert row.first is None
    assert row.gain is None
    assert row.delay_and_sum is not None


def test_what_broke_off_or_does_not_say_the_word_does_not_count() -> None:
    name = "1 m, quiet, one microphone"
    whole = study({name: [True, False]})
    broken = Item("2.wav", 0, name, 1.0, label="alexa", error="2.wav: damaged")
    other = Item("3.wav", 0, name, 1.0, label="computer")
    assert rows(Study(whole.settings, (*whole.items, broken, other), whole.heard)) == rows(whole)


def test_the_table_is_printed_and_a_study_without_rooms_prints_nothing() -> None:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as nothing:
        show(study({AS_IT_IS: [True]}), console)
    assert nothing.get() == ""
    first, second = paired(70, 12, 2, 16)
    names = ("5 m, 0 dB pink noise, one microphone", "5 m, 0 dB pink noise, delay-and-sum")
    with console.capture() as printed:
        show(study({names[0]: first, names[1]: second}), console)
    (line,) = [line for line in printed.get().splitlines() if "5 m" in line]
    assert "72 % (62.5 to 79.9)" in line
    assert "82 % (73.3 to 88.3)" in line
    assert "+10 (" in line


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "lab", "study", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_a_study_from_the_command_line_hears_what_says_the_word_in_rooms_too(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    shutil.copy(ALEXA, audio)
    (audio / "manifest.csv").write_text("file,label,group\nalexa.flac,alexa,all\n")
    rooms = ("--at-m", "1", "--snr-db", "20", "--noise", noises(tmp_path / "kitchen", 0.1))
    ears = ("--word", "alexa", "--head", head(tmp_path, "agrees"), "--jobs", "1")
    ran = command(audio, "--out", tmp_path / "out", *ears, *rooms)
    assert ran.returncode == 0, ran.stderr
    (line,) = [
        line for line in ran.stdout.splitlines() if line.split()[:5] == ["1", "m", "20", "dB", "kitchen"]
    ]
    assert "100 % (20.7 to 100)" in line
    assert "+0 (" in line


def test_a_wish_that_makes_no_sense_is_one_line_and_exit_code_3(tmp_path: Path) -> None:
    ran = command(tmp_path, "--out", tmp_path / "out", "--snr-db", "20")
    assert (ran.returncode, ran.stderr.count("\n")) == (3, 1)
    assert "--at-m" in ran.stderr
