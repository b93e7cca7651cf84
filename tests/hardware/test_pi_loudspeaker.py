"""The Pi's loudspeaker through PyAudio, PortAudio and ALSA: exact, silent at once, and never in the way."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardware.errors import BoardError
from hardware.pi.loudspeaker import PiLoudspeaker
from hardware.profiles import load_profile
from tests.alsa.desk import Desk, Samples, needs_alsa
from tests.hardware.test_pi_microphone import until

pytestmark = needs_alsa

RAMP = np.arange(1, 5001, dtype=np.int16)
PROFILE = load_profile("generic-usb").loudspeaker


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path, np.zeros((1, 1), np.int16))
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(desk.config))
    return desk


Make = Callable[..., PiLoudspeaker]


@pytest.fixture
def make(desk: Desk) -> Iterator[Make]:
    made = []

    def make(own: str = desk.loudspeaker.name, **settings: Any) -> PiLoudspeaker:
        made.append(PiLoudspeaker(PROFILE, own, **({"grace_s": 20.0} | settings)))
        return made[-1]

    yield make
    for loudspeaker in made:
        loudspeaker.close()


def play(loudspeaker: PiLoudspeaker, sound: Samples) -> None:
    """Play it to the end."""
    loudspeaker.play(sound.astype("<i2").tobytes())
    until(lambda: not loudspeaker.playing, "it plays on and on")


def sounded(desk: Desk) -> Samples:
    """What was heard of it, without the silence that fills the last period."""
    tape: Samples = np.trim_zeros(desk.loudspeaker.tape[:, 0])
    return tape


def test_a_sound_is_played_to_its_last_sample_and_the_card_is_given_back(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    play(loudspeaker, RAMP)
    assert np.array_equal(sounded(desk), RAMP)
    assert not desk.loudspeaker.in_use
    assert loudspeaker.trouble is None


def test_its_child_is_kept_for_the_next_sound(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    play(loudspeaker, RAMP[:700])
    child = loudspeaker.pid
    play(loudspeaker, RAMP[700:1500])
    assert loudspeaker.pid == child
    tape = desk.loudspeaker.tape[:, 0]
    assert np.array_equal(tape[tape != 0], RAMP[:1500])


def test_volume_makes_it_quieter_and_no_other_volume_is_taken(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    loudspeaker.volume = 0.25
    with pytest.raises(BoardError, match="out of range"):
        loudspeaker.volume = 1.5
    play(loudspeaker, RAMP[3:])
    assert np.array_equal(sounded(desk), np.rint(RAMP[3:] * 0.25))


def test_stopping_silences_it_whatever_is_left(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    loudspeaker.play(np.tile(RAMP, 100).tobytes())
    until(lambda: desk.loudspeaker.position > 0, "nothing is played")
    loudspeaker.stop()
    assert not loudspeaker.playing
    until(lambda: not desk.loudspeaker.in_use, "it plays on")
    assert len(sounded(desk)) < 50 * len(RAMP)
    play(loudspeaker, RAMP[:640])
    assert np.array_equal(desk.loudspeaker.tape[:, 0][-1280:-640], RAMP[:640]) or np.array_equal(
        sounded(desk)[-640:], RAMP[:640]
    )


def test_a_new_sound_takes_the_place_of_the_one_that_plays(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    loudspeaker.play(np.full(16_000 * 60, 77, np.int16).tobytes())
    until(lambda: desk.loudspeaker.position > 0, "nothing is played")
    play(loudspeaker, RAMP[999:])
    assert np.array_equal(sounded(desk)[-len(RAMP[999:]) :], RAMP[999:])
    assert len(sounded(desk)) < 16_000 * 30


def test_a_loudspeaker_that_is_missing_costs_the_sound_and_one_line(
    make: Make, desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    loudspeaker = make()
    desk.loudspeaker.unplug()
    for _ in range(2):
        play(loudspeaker, RAMP)
        assert loudspeaker.trouble is not None
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("loudspeaker: no sound card called desk_loudspeaker")
    desk.loudspeaker.plug()
    play(loudspeaker, RAMP)
    assert np.array_equal(sounded(desk), RAMP)
    assert loudspeaker.trouble is None
    desk.loudspeaker.unplug()
    loudspeaker.close()
    play(loudspeaker, RAMP)
    assert len(capfd.readouterr().err.splitlines()) == 1  # it worked in between, so it is said again


def test_a_usb_id_that_no_card_has_is_said_at_once_and_looked_for_again(
    make: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    loudspeaker = make("2886:0018", proc=tmp_path)
    for _ in range(2):
        play(loudspeaker, RAMP)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("loudspeaker: no sound card has the USB id 2886:0018")
    assert loudspeaker.pid is None


def test_a_loudspeaker_that_hangs_is_given_up_and_its_child_killed(make: Make, desk: Desk) -> None:
    loudspeaker = make(grace_s=0.5)
    desk.loudspeaker.wedge()
    play(loudspeaker, RAMP)
    assert (loudspeaker.trouble, loudspeaker.pid) == ("it hangs", None)
    until(lambda: not desk.loudspeaker.in_use, "its child lives on")
    desk.loudspeaker.mend()
    patient = make()
    play(patient, RAMP)
    assert np.array_equal(sounded(desk)[-len(RAMP) :], RAMP)


def test_a_child_that_stands_still_never_holds_up_who_plays(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    play(loudspeaker, RAMP)
    assert loudspeaker.pid is not None
    os.kill(loudspeaker.pid, signal.SIGSTOP)
    for _ in range(2000):
        loudspeaker.play(np.tile(RAMP, 20).tobytes())
        if loudspeaker.trouble is not None:
            break
    assert str(loudspeaker.trouble).startswith("it takes no sound")  # the way to it was full
    play(loudspeaker, RAMP)
    assert np.array_equal(sounded(desk)[-len(RAMP) :], RAMP)


def test_a_child_that_cannot_be_started_costs_the_sound(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    loudspeaker = make()
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        play(loudspeaker, RAMP)
        assert loudspeaker.trouble == "its process does not start: No such file or directory"
    play(loudspeaker, RAMP)
    assert loudspeaker.trouble is None


def test_a_child_that_was_killed_is_replaced(make: Make, desk: Desk) -> None:
    loudspeaker = make()
    loudspeaker.play(np.tile(RAMP, 100).tobytes())
    until(lambda: desk.loudspeaker.position > 0, "nothing is played")
    assert loudspeaker.pid is not None
    os.kill(loudspeaker.pid, signal.SIGKILL)
    until(lambda: not loudspeaker.playing, "it plays on")
    assert "has ended" in str(loudspeaker.trouble)
    play(loudspeaker, RAMP)
    assert loudspeaker.trouble is None


def test_a_card_of_another_form_gets_the_sound_in_its_own(make: Make, desk: Desk) -> None:
    text = desk.config.read_text(encoding="utf-8")
    text = text.replace('"loudspeaker" channels 1', '"loudspeaker" channels 2 rate 48000')
    desk.config.write_text(text, encoding="utf-8")
    desk.loudspeaker.channels = 2
    tone = np.rint(8000 * np.cos(2 * np.pi * 500 * np.arange(8000) / 16_000))
    play(make(), tone)
    left, right = desk.loudspeaker.tape.T.astype(float)
    assert np.array_equal(left, right)
    exact = np.rint(8000 * np.cos(2 * np.pi * 500 * np.arange(24_000) / 48_000))
    first = int(np.argmax(left != 0))  # a card may begin with silence
    assert np.abs(left[first:][1000:23_000] - exact[1000:23_000]).max() < 40
