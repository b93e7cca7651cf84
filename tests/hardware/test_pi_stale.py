"""What waits in the pipe of the Pi's microphone while the firmware is busy: little, and none is heard late.

A hand's movement is stamped with the index of the sound of its moment, or a capture would begin before it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hardware.board import FRAME_BYTES, FRAME_SAMPLES, RATE_HZ
from hardware.pi.capture import Pipe
from hardware.pi.frames import MESSAGE_BYTES, Heard, unpack
from tests.alsa.desk import Desk, needs_alsa
from tests.alsa.pi import PiOnADesk, array_profile
from tests.device.house import opened_from
from tests.device.test_alsa_firmware import CHANNEL, CHANNELS, Flat
from tests.secure_home import until

NOISE = np.random.default_rng(7).integers(-9000, 9000, (60 * RATE_HZ, CHANNELS)).astype(np.int16)


def stall(desk: Desk, samples: int) -> int:
    """Do nothing while so much is heard; return the place on the tape that was reached."""
    began = desk.microphone.position
    until(lambda: desk.microphone.position >= began + samples, "the card stands still")
    return desk.microphone.position


def test_twelve_frames_wait_in_the_pipe_and_the_others_are_one_overrun() -> None:
    ours, theirs = os.pipe()
    pipe = Pipe(theirs)
    for n in range(20):
        pipe.frame(n * FRAME_SAMPLES, bytes([n] * FRAME_BYTES))
    waiting = [unpack(os.read(ours, MESSAGE_BYTES)) for _ in range(12)]
    assert [each.offset for each in waiting if isinstance(each, Heard)] == [320 * n for n in range(12)]
    assert pipe.overruns == 1
    pipe.frame(20 * FRAME_SAMPLES, bytes(FRAME_BYTES))  # not the thirteenth of the first
    after = unpack(os.read(ours, MESSAGE_BYTES))
    assert isinstance(after, Heard)
    assert (after.offset, after.overruns) == (20 * FRAME_SAMPLES, 1)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, NOISE)


@pytest.fixture
def pi(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PiOnADesk]:
    pi = PiOnADesk(desk, array_profile(tmp_path, CHANNELS, CHANNEL), monkeypatch)
    yield pi
    pi.close()


@needs_alsa
@pytest.mark.parametrize("stalled_s", [0.5, 1.0])
def test_what_waited_longer_than_the_pipe_is_deep_is_lost_as_one_overrun(
    pi: PiOnADesk, desk: Desk, stalled_s: float
) -> None:
    microphone = pi.board.microphone
    microphone.open()
    microphone.read()
    before = microphone.overruns
    reached = stall(desk, int(stalled_s * RATE_HZ))
    frame = microphone.read()
    assert frame.index >= reached - (12 + 3) * FRAME_SAMPLES  # some had not been sent yet
    assert frame.pcm == NOISE[frame.index : frame.index + FRAME_SAMPLES, CHANNEL].tobytes()
    assert microphone.overruns == before + 1


@needs_alsa
def test_while_a_hand_waits_for_its_index_only_the_newest_frame_is_heard(pi: PiOnADesk, desk: Desk) -> None:
    microphone = pi.board.microphone
    microphone.open()

    def drops() -> bool:
        """Whether anything is dropped after 40 ms, of which nobody else would drop anything."""
        before = [microphone.read() for _ in range(10)][-1]  # nothing waits any more
        stall(desk, 2 * FRAME_SAMPLES)
        return microphone.read().index > before.index + FRAME_SAMPLES

    def drops_for_a_hand_alone() -> bool:
        pi.board.panel.edges.clear()
        if drops():  # this machine has no time
            return False
        pi.hands.press()
        pi.hands.release()
        return drops()

    assert any(drops_for_a_hand_alone() for _ in range(20))


@needs_alsa
@pytest.mark.parametrize("stalled_s", [0.15, 0.3, 1.0])
@pytest.mark.usefixtures("mock_pins")
def test_a_press_keeps_no_sound_from_before_it_however_long_the_firmware_was_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stalled_s: float
) -> None:
    flat = Flat(tmp_path, NOISE, monkeypatch)
    speaker, card = flat.speaker, flat.desk.microphone
    speaker.start()
    while flat.board.microphone.frames_read < 40:
        speaker.pass_frame()
    flat.hands.press()
    for _ in range(5):
        speaker.pass_frame()
    stall(flat.desk, int(stalled_s * RATE_HZ))
    trigger_at = card.position
    flat.hands.release()
    for _ in range(60):
        speaker.pass_frame()
    speaker.finish()
    (utterance,) = opened_from(tmp_path / "state")
    kept = np.frombuffer(utterance.pcm, "<i2")[:FRAME_SAMPLES]
    tape = card.tape[:, CHANNEL]
    around = range(trigger_at - RATE_HZ, trigger_at + RATE_HZ)
    (first,) = [at for at in around if np.array_equal(tape[at : at + FRAME_SAMPLES], kept)]
    assert first >= trigger_at
