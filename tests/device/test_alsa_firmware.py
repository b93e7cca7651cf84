"""The whole firmware on the real board: a wake word comes out of ALSA, through PyAudio, and what is kept is
the recording, bit for bit; and mute closes the sound card.

The pins are gpiozero's mock pins, the sound cards are the tests' own, at the pace of real ones.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gpiozero import Device

from device.__main__ import open_configured_board
from device.assemble import assemble
from device.envelope import Utterance
from device.speaker import Speaker
from hardware.board import FRAME_SAMPLES, RATE_HZ
from tests.alsa.desk import Desk, Samples, needs_alsa
from tests.alsa.pi import Hands, array_profile
from tests.device.house import NOW, configure, opened_from, recording, span
from tests.secure_home import until

pytestmark = needs_alsa

LOST_SAMPLES = 3_200
CHANNELS, CHANNEL = 6, 0
"""As the ReSpeaker array has them: the first is the one to hear."""
HISS = 30
"""No two stretches of the room are alike, and the microphone is not silent after the recording."""


def room(name: str, length_s: int) -> Samples:
    """A recording in one channel, a second after the start, among hiss in all."""
    tape = np.random.default_rng(3).normal(0, HISS, (length_s * RATE_HZ, CHANNELS)).astype(np.int16)
    said, _ = soundfile.read(recording(name), dtype="int16")
    tape[RATE_HZ : RATE_HZ + len(said), CHANNEL] += said
    return tape


class Flat:
    """A flat with the real board on a desk in it, configured as an owner would, and the firmware on it."""

    def __init__(self, folder: Path, tape: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = Desk(folder, tape)
        self._state = folder / "state"
        monkeypatch.setenv("ALSA_CONFIG_PATH", str(self.desk.config))
        config = configure(
            folder,
            f'[board]\nname = "pi"\nprofile = "{array_profile(folder, CHANNELS, CHANNEL)}"\n'
            f'microphone = "{self.desk.microphone.name}"\nloudspeaker = "{self.desk.loudspeaker.name}"\n',
        )
        self.board = open_configured_board(config)
        self.hands = Hands(Device.pin_factory)
        self.hands.mute_off()
        self.phase, self.utterances = "starting", 0
        self.faults: list[object] = []
        self.speaker: Speaker = assemble(config, self.board, self._take_note, lambda: NOW)

    def _take_note(self, kind: str, _sample: int, /, **fields: object) -> None:
        if kind == "phase":
            self.phase = str(fields["phase"])
        if kind == "microphone":
            self.faults.append(fields)
        self.utterances += kind == "utterance"

    def run(self, hands: Callable[[], None]) -> None:
        """Run the firmware until `hands`, in a thread, are done."""

        def then_stop() -> None:
            try:
                hands()
            finally:
                self.speaker.stopping = True

        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(then_stop)
            self.speaker.run()
            done.result()

    def kept(self) -> Utterance:
        """The one utterance, opened with the owner's key, once the firmware has stopped."""
        assert not self.faults  # else it was opened again, and the tape stood still in between
        (utterance,) = opened_from(self._state)
        return utterance


def on_the_tape(flat: Flat, kept: Samples) -> int:
    """Where on the tape what was kept begins: the firmware's time began before the card was opened."""
    tape = flat.desk.microphone.tape[:, CHANNEL]
    begins = np.flatnonzero(tape[:-FRAME_SAMPLES] == kept[0])
    (place,) = [at for at in begins if np.array_equal(tape[at : at + FRAME_SAMPLES], kept[:FRAME_SAMPLES])]
    return int(place)


@pytest.fixture
def flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mock_pins: None) -> Flat:  # noqa: ARG001 - pins come first
    return Flat(tmp_path, room("alexa_time", 60), monkeypatch)


def test_what_is_kept_of_a_question_is_the_recording_bit_for_bit(flat: Flat) -> None:
    flat.run(lambda: until(lambda: flat.utterances, "it did not hear the question to its end"))
    utterance = flat.kept()
    first, end = span(utterance)
    assert utterance.header.trigger.kind == "wake_word"
    assert utterance.end.reason == "silence"
    assert RATE_HZ < first < end
    kept = np.frombuffer(utterance.pcm, "<i2")
    place = on_the_tape(flat, kept)
    expected = flat.desk.microphone.tape[place : place + len(kept), CHANNEL].copy()
    for gap in utterance.gaps:  # none, unless this machine stood still; they are owned up to
        expected[gap.first : gap.end] = 0
    assert np.array_equal(kept, expected)
    assert np.count_nonzero(expected) > (end - first) // 2


def test_what_the_sound_card_loses_of_a_question_is_marked_in_what_is_kept(flat: Flat) -> None:
    def hands() -> None:
        until(lambda: flat.phase == "listening", "it did not wake")
        flat.desk.microphone.overrun(LOST_SAMPLES)
        until(lambda: flat.utterances, "it did not hear the question to its end")

    flat.run(hands)
    utterance = flat.kept()
    tape, kept = flat.desk.microphone.tape[:, CHANNEL], np.frombuffer(utterance.pcm, "<i2")
    gap = max(utterance.gaps, key=lambda each: each.samples)
    assert abs(gap.samples - LOST_SAMPLES) < 3 * FRAME_SAMPLES  # what was on its way is lost with it
    assert not kept[gap.first : gap.end].any()
    first = on_the_tape(flat, kept)
    before = kept[: utterance.gaps[0].first]
    assert np.array_equal(before, tape[first : first + len(before)])
    after = kept[gap.end : gap.end + FRAME_SAMPLES]
    near = range(first + gap.end - FRAME_SAMPLES, first + gap.end + FRAME_SAMPLES)
    assert [at for at in near if np.array_equal(tape[at : at + FRAME_SAMPLES], after)] != []


def test_mute_closes_the_sound_card_and_only_a_hand_opens_it_again(flat: Flat) -> None:
    card, microphone = flat.desk.microphone, flat.board.microphone

    def hands() -> None:
        until(lambda: microphone.frames_read > 10, "it does not hear")
        assert card.in_use
        flat.hands.mute_on()
        until(lambda: flat.phase == "muted", "it does not notice the switch")
        assert not card.in_use
        position, read, sample = card.position, microphone.frames_read, flat.speaker.sample
        until(lambda: flat.speaker.sample > sample + RATE_HZ // 2, "its time stands still")
        assert not card.in_use
        assert (card.position, microphone.frames_read) == (position, read)
        flat.hands.mute_off()
        until(lambda: microphone.frames_read > read + 10, "it stays deaf")
        assert card.in_use
        assert card.position > position

    flat.run(hands)
    assert not card.in_use
