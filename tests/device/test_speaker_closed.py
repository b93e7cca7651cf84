"""The whole firmware with its microphone closed: muted by a hand or from afar, or unplugged."""

from functools import partial
from pathlib import Path

import pytest
import soundfile

from device.envelope import downlink, topics
from hardware.board import FRAME_SAMPLES
from tests.device.house import CLOUD_SIGNING, House, keys_note, recording, s, span

HISS = 30


def frames(seconds: float) -> int:
    return s(seconds) // FRAME_SAMPLES


def test_mute_ends_the_utterance_in_the_frame_of_the_touch_and_reads_no_more(tmp_path: Path) -> None:
    house = House(tmp_path, 8, noise_floor=HISS)
    house.at(1, house.board.press)
    house.at(3, house.board.mute_on)
    house.run()
    (utterance,) = house.utterances()
    first, end = span(utterance)
    assert utterance.end.reason == "muted"
    assert end == s(3)
    assert utterance.pcm == house.room[2 * first : 2 * end]
    assert house.board.microphone.frames_read == frames(3)
    assert not house.board.microphone.is_open


@pytest.mark.parametrize("phase", ["idle", "processing", "responding"])
def test_mute_closes_the_microphone_in_every_phase(tmp_path: Path, phase: str) -> None:
    house = House(tmp_path, 9)
    house.link()
    if phase != "idle":
        house.at(1, house.board.press)
        house.at(2, house.board.release)
    if phase == "responding":
        house.at(3, lambda: house.answer(bytes(2 * s(4))))
    house.at(4, house.board.mute_on)
    is_open: list[bool] = []
    for at_s in (3.9, 4.1, 8.9):
        house.at(at_s, lambda: is_open.append(house.board.microphone.is_open))
    house.run()
    assert is_open == [True, False, False]
    assert house.phases()[-2:] == [phase, "muted"]
    assert house.board.microphone.frames_read == frames(4)


@pytest.mark.parametrize("muted", [True, False])
def test_muted_by_the_switch_before_it_listens_not_one_frame_is_read(tmp_path: Path, muted: bool) -> None:
    """The switch stood at muted at boot, or was slid there while the firmware was being put together."""
    house = House(tmp_path, 5, muted=muted)
    house.board.mute_on()
    house.say("wake/alexa", 0)
    house.run()
    assert house.board.microphone.frames_read == 0
    assert house.phases() == ["muted"]
    assert {cue for _, cue, _ in house.board.shown} == {"muted"}


def test_a_remote_wish_mutes_and_is_remembered_until_a_hand_moves_the_switch(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.at(1, lambda: house.command("mute"))
    house.run()
    assert house.board.microphone.frames_read == frames(1)

    house = House(tmp_path, 8)
    house.at(4, house.board.mute_on)
    house.at(5, house.board.mute_off)
    house.run()
    assert house.phases() == ["muted", "idle"]
    assert [cue for _, cue, _ in house.board.shown][:2] == ["muted_soft", "muted"]
    assert frames(2.9) <= house.board.microphone.frames_read < frames(3)

    house = House(tmp_path, 1)
    house.run()
    assert house.phases() == ["idle"], "the hand's word is remembered too"


@pytest.mark.parametrize("content", [None, b"", b"open", b"?"])
def test_a_device_that_does_not_know_whether_it_is_muted_is(tmp_path: Path, content: bytes | None) -> None:
    House(tmp_path, 0.1).run()
    path = tmp_path / "state" / "mute"
    path.unlink() if content is None else path.write_bytes(content)
    house = House(tmp_path, 2)
    house.run()
    assert house.board.microphone.frames_read == 0


@pytest.mark.parametrize("way", ["tap", "press"])
def test_a_press_while_muted_is_denied_aloud_and_written_down(tmp_path: Path, way: str) -> None:
    house = House(tmp_path, 4)
    house.board.mute_on()
    house.at(1, getattr(house.board, way))
    house.at(2, house.board.release)
    house.run()
    cause = {"tap": "button_tap", "press": "button_hold"}[way]
    assert [(row.kind, row.cause) for row in house.rows()] == [("boot", "muted"), ("muted", cause)]
    assert len(house.board.played) == 1
    assert house.board.microphone.frames_read == 0


@pytest.mark.parametrize("muted", [True, False])
def test_a_word_half_heard_before_mute_does_not_wake_after_it(tmp_path: Path, muted: bool) -> None:
    """The world stands still for the recording while it is muted: what is heard is the same, but for mute."""
    house = House(tmp_path, 6)
    word = soundfile.read(recording("wake/alexa"), dtype="int16")[0]
    middle, gap = s(2.1), s(0.5) if muted else 0
    house.board.room.say(word[:middle], 0)
    house.board.room.say(word[middle:], middle + gap)
    if muted:
        house.at(2.09, house.board.mute_on)
        house.board.at(middle + gap - 4 * FRAME_SAMPLES, house.board.mute_off)
    house.run()
    assert len(house.of("trigger")) == (0 if muted else 1)


def test_nothing_heard_before_mute_colours_what_is_heard_after_it(tmp_path: Path) -> None:
    """Whoever was muted from the beginning wakes in the same frame with the same score."""
    wakes = []
    for name in ("muted at 1 s", "muted from the beginning"):
        (tmp_path / name).mkdir()
        house = House(tmp_path / name, 6, noise_floor=HISS)
        house.at(1 if name == "muted at 1 s" else 0, house.board.mute_on)
        house.at(2, house.board.mute_off)
        house.say("wake/alexa", 2.5)
        house.run()
        wakes += [(sample, fields["score"]) for sample, fields in house.of("trigger")]
    assert len(wakes) == 2
    assert wakes[0] == wakes[1]


def every_message(house: House) -> list[tuple[str, bytes, bool]]:
    """All that a network could say, from the rightful cloud and from others, live and retained."""
    device = house.speaker.parts.device
    said = [(topics.KEYS, keys_note().encode())]
    for serial, do in enumerate(["stop", "volume", "checkpoint", "unmute", "listen", "wake", "open"]):
        body = {"v": 1, "device": device, "serial": serial, "do": do, "to": 1.0}
        said.append((topics.command(device), downlink.sign("command", body, CLOUD_SIGNING)))
    for kind in (topics.ack, topics.response, topics.command):
        said += [(kind(device), b""), (kind(device), b"mute_off"), (kind(device), bytes(100))]
    return [(topic, payload, retained) for topic, payload in said for retained in (False, True)]


@pytest.mark.parametrize("muted", [True, False])
def test_nothing_that_arrives_starts_a_recording_or_unmutes(tmp_path: Path, muted: bool) -> None:
    house = House(tmp_path, 6)
    if muted:
        house.board.mute_on()
    house.link()
    for n, (topic, payload, retained) in enumerate(every_message(house)):
        house.at(1 + n * 0.1, partial(house.arrive, topic, payload, retained=retained))
    house.run()
    assert set(house.phases()) == {"muted" if muted else "idle"}
    assert house.utterances() == []
    assert house.lit() == []
    assert house.board.microphone.frames_read == (0 if muted else frames(6))


def test_a_microphone_that_is_pulled_out_ends_the_utterance_and_is_found_again(tmp_path: Path) -> None:
    house = House(tmp_path, 12, noise_floor=HISS)
    for at_s in (1, 6):
        house.at(at_s, house.board.press)
        house.at(at_s + 2, house.board.unplug)
        house.at(at_s + 2.5, house.board.plug)
        house.at(at_s + 2.6, house.board.release)
    house.run()
    for utterance, pulled_s in zip(house.utterances(), (3, 8), strict=True):
        first, end = span(utterance)
        assert utterance.end.reason == "mic_lost"
        assert end == s(pulled_s)
        assert utterance.pcm == house.room[2 * first : 2 * end]
    assert [sample for sample, cue, _ in house.board.shown if cue == "error"] == [s(3), s(8)]
    assert house.board.microphone.is_open is False
    assert house.phases() == ["idle", "listening", "idle", "listening", "idle"]


@pytest.mark.parametrize("way", ["tap", "press"])
def test_without_a_microphone_a_press_is_refused_and_no_light_lies(tmp_path: Path, way: str) -> None:
    house = House(tmp_path, 6)
    house.at(1, house.board.unplug)
    house.at(2, getattr(house.board, way))
    house.run()
    assert house.phases() == ["idle"]
    assert house.lit() == []
    assert ("refused", "no_microphone") in [(row.kind, row.cause) for row in house.rows()]
    assert house.utterances() == []


@pytest.mark.parametrize("plugged", [True, False])
def test_unmuting_without_a_microphone_looks_for_it(tmp_path: Path, plugged: bool) -> None:
    house = House(tmp_path, 8)
    house.at(1, house.board.mute_on)
    house.at(2, house.board.unplug)
    house.at(3, house.board.mute_off)
    if plugged:
        house.at(5, house.board.plug)
    house.run()
    assert house.phases() == ["idle", "muted", "idle"]
    assert (house.board.microphone.frames_read > frames(1)) == plugged
    assert ("error" in [cue for _, cue, _ in house.board.shown]) is True


def test_muting_while_the_microphone_is_lost_stops_looking_for_it(tmp_path: Path) -> None:
    house = House(tmp_path, 8)
    house.at(1, house.board.unplug)
    house.at(1.5, house.board.mute_on)
    house.at(2, house.board.plug)
    house.run()
    assert house.board.microphone.frames_read == frames(1)
