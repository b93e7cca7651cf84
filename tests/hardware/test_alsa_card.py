"""The tests' sound cards, through PyAudio itself: what comes is the tape, and every fault is what it says."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.alsa.desk import FAULTS, Card, Desk, Pace, Samples, file_card, needs_alsa

pytestmark = needs_alsa

PATIENCE_S = 30
RATE = 16_000
NOISE = (
    np.random.default_rng(4).integers(-3000, 3000, (2 * RATE, 6)).astype(np.int16)
)  # no two places are alike


def command(name: str, channels: int, what: str) -> list[str]:
    return [sys.executable, "-m", "tests.alsa.hear", name, str(channels), what]


def led_to(config: Path) -> dict[str, str]:
    return os.environ | {"ALSA_CONFIG_PATH": str(config)}


def heard(desk: Desk, frames: int) -> Samples:
    """What PyAudio reads of the microphone, in a process of its own."""
    card = desk.microphone
    ran = subprocess.run(
        command(card.name, card.channels, str(frames)), env=led_to(desk.config), check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE_S,
    )  # fmt: skip
    return np.frombuffer(ran.stdout, "<i2").reshape(-1, card.channels)


@contextmanager
def hearing(desk: Desk, first: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that hears until it is killed; `first` frames have come when the block begins."""
    card = desk.microphone
    with subprocess.Popen(
        command(card.name, card.channels, str(10**9)), env=led_to(desk.config),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert len(process.stdout.read(first * 2 * card.channels)) == first * 2 * card.channels
            yield process
        finally:
            process.kill()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, NOISE, Pace(speed=20))


def test_every_sample_of_every_channel_comes_and_zeros_after_the_end(desk: Desk) -> None:
    samples = heard(desk, len(NOISE) + 3200)
    assert np.array_equal(samples[: len(NOISE)], NOISE)
    assert not samples[len(NOISE) :].any()
    assert (desk.microphone.position, desk.microphone.overruns) == (len(samples), 0)


def test_alsas_own_file_plug_in_gives_the_same(tmp_path: Path) -> None:
    config, name = file_card(tmp_path, NOISE)
    ran = subprocess.run(
        command(name, 6, str(len(NOISE) + 3200)), env=led_to(config), check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=PATIENCE_S,
    )  # fmt: skip
    samples = np.frombuffer(ran.stdout, "<i2").reshape(-1, 6)
    assert np.array_equal(samples[: len(NOISE)], NOISE)
    assert not samples[len(NOISE) :].any()


def test_the_tape_goes_on_where_the_stream_was_closed(desk: Desk) -> None:
    first = heard(desk, 3200)
    between = desk.microphone.position
    second = heard(desk, 3200)
    assert np.array_equal(first, NOISE[:3200])
    assert np.array_equal(second, NOISE[between : between + 3200])


def test_an_overrun_loses_as_many_frames_as_it_is_told_and_reading_goes_on(desk: Desk) -> None:
    desk.microphone.overrun(1234)
    samples = heard(desk, 6400)
    kept = int(np.argmax((samples != NOISE[:6400]).any(axis=1)))  # where it is not the tape any more
    after = samples[kept:]
    where = [at for at in range(kept, len(NOISE) - 320) if np.array_equal(NOISE[at : at + 320], after[:320])]
    assert where == [kept + 1234]
    assert np.array_equal(after, NOISE[where[0] : where[0] + len(after)])
    assert desk.microphone.overruns == 1


def drain(process: subprocess.Popen[bytes]) -> None:
    """Take what is on its way, until nothing comes for half a second: ten seconds of tape."""
    assert process.stdout is not None
    while select.select([process.stdout], [], [], 0.5)[0]:
        if not os.read(process.stdout.fileno(), 65_536):
            return  # it has ended


def test_a_pulled_plug_ends_the_stream_for_good_and_the_next_one_works(desk: Desk) -> None:
    with hearing(desk, 1600) as process:
        desk.microphone.unplug()
        with pytest.raises(subprocess.CalledProcessError):  # there is no such device now
            heard(desk, 320)
        desk.microphone.plug()
        drain(process)  # PortAudio may hang in it, or have given it up
        at = desk.microphone.position
        assert at < len(NOISE)
    assert not desk.microphone.in_use
    assert np.array_equal(heard(desk, 320), NOISE[at : at + 320])


def test_a_wedged_card_gives_nothing_and_says_nothing(desk: Desk) -> None:
    with hearing(desk, 320) as process:
        desk.microphone.wedge()
        drain(process)
        at = desk.microphone.position
        assert at < len(NOISE)
        assert process.poll() is None
    desk.microphone.mend()
    assert np.array_equal(heard(desk, 320), NOISE[at : at + 320])


@pytest.mark.parametrize("fault", FAULTS[2:])
def test_a_broken_microphone_gives_what_its_fault_says(desk: Desk, fault: str) -> None:
    desk.microphone.be(fault)
    samples = heard(desk, RATE)[:, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    fits = {
        "silent": not samples.any(),
        "constant": samples[0] != 0 and len(set(samples)) == 1,
        "humming": np.argmax(spectrum) == 50 and spectrum[50] > 0.9 * spectrum.sum(),
        "clipped": set(samples) == {-32768.0, 32767.0},
    }
    assert fits == {other: other == fault for other in FAULTS[2:]}


def test_a_card_has_one_user_at_a_time_and_a_killed_one_gives_it_back(desk: Desk) -> None:
    assert not desk.microphone.in_use
    with hearing(desk, 320):
        assert desk.microphone.in_use
        with pytest.raises(subprocess.CalledProcessError):
            heard(desk, 320)
    assert not desk.microphone.in_use


def played(card: Card, config: Path, samples: Samples) -> Samples:
    subprocess.run(
        command(card.name, card.channels, "play"), env=led_to(config), input=samples.tobytes(), check=True,
        stderr=subprocess.DEVNULL, timeout=PATIENCE_S,
    )  # fmt: skip
    return card.tape


def test_what_is_played_is_on_the_loudspeakers_tape(desk: Desk) -> None:
    sounded = played(desk.loudspeaker, desk.config, NOISE[:, :1])
    assert np.array_equal(sounded[: len(NOISE)], NOISE[:, :1])
    assert not sounded[len(NOISE) :].any()
    assert not desk.loudspeaker.in_use


def test_a_card_without_patience_loses_what_nobody_takes_in_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path, NOISE, Pace(speed=20, patient=False))
    with hearing(desk, 320) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        played(desk.loudspeaker, desk.config, NOISE[:RATE, :1])  # a second of the same pace
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        process.stdout.read(RATE * 2 * 6)
        assert desk.microphone.overruns > 0
        assert desk.microphone.position > 2 * RATE


def test_there_is_one_line_for_a_machine_on_which_nothing_can_be_heard() -> None:
    code = "import sys; sys.path.insert(0, '.'); sys.modules['pyaudio'] = None\n"
    code += "from tests.alsa import build; print(build.missing())"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("ALSA: ")
    assert ran.stdout.count("\n") == 1
