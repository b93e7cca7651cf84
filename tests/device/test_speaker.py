"""The whole firmware in a simulated room, with no broker: what it keeps, from when, until when."""

from pathlib import Path

import pytest

from device.envelope import EnvelopeError, ReaderKey
from hardware.board import FRAME_SAMPLES
from tests.device.house import CLOUD, OWNER, House, s, span

WORDS = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
HISS = 30  # no two stretches of the room are alike


def assert_kept_from_the_room(house: House, reason: str) -> tuple[int, int]:
    """The one utterance is the room, bit for bit, from its trigger on. Returns its span."""
    (utterance,) = house.utterances()
    first, end = span(utterance)
    ((triggered, _),) = house.of("trigger")
    assert first >= triggered
    assert utterance.pcm == house.room[2 * first : 2 * end]
    assert utterance.end.reason == reason
    return first, end


@pytest.mark.parametrize("word", WORDS)
def test_what_is_kept_is_the_room_from_the_trigger_on_and_nothing_before(tmp_path: Path, word: str) -> None:
    house = House(tmp_path, 9, f'wakeword.words = ["{word}"]\n', noise_floor=HISS)
    end_of_word = house.say(f"wake/{word}", 0.5) - s(1)
    house.run()
    first, end = assert_kept_from_the_room(house, "no_speech")
    assert abs(first - end_of_word) < s(0.5)
    assert end - first == s(4)
    (trigger,) = [row for row in house.rows() if row.kind == "trigger"]
    assert trigger.first_sample == first
    assert all((row.first_sample or 0) >= first for row in house.rows() if row.kind == "segment")


@pytest.mark.parametrize("piece", ["alexa_time", "alexa_timer", "alexa_weather", "alexa_volume"])
def test_a_question_is_kept_whole_and_ends_after_its_silence(tmp_path: Path, piece: str) -> None:
    house = House(tmp_path, 8, noise_floor=HISS)
    said = house.say(piece, 1)
    house.run()
    _, end = assert_kept_from_the_room(house, "silence")
    assert said + s(0.4) < end < said + s(1.2)


def test_both_named_readers_open_it_and_nobody_else(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    house.at(1, house.board.tap)
    house.at(2, house.board.tap)
    house.run()
    assert house.utterances(OWNER) == house.utterances(CLOUD) != []
    with pytest.raises(EnvelopeError):
        house.utterances(ReaderKey("x25519", b"x" * 32))


@pytest.mark.parametrize("piece", ["talk_card", "television"])
def test_without_a_trigger_nothing_is_kept_or_written_down(tmp_path: Path, piece: str) -> None:
    house = House(tmp_path, 13)
    house.say(piece, 0)
    house.run()
    assert house.utterances() == []
    assert [row.kind for row in house.rows()] == ["boot"]
    assert house.phases() == ["idle"]


def test_a_tap_listens_from_when_the_finger_left_and_gives_up_without_speech(tmp_path: Path) -> None:
    house = House(tmp_path, 7, noise_floor=HISS)
    house.at(1, lambda: house.board.tap(1_600))
    house.run()
    first, end = assert_kept_from_the_room(house, "no_speech")
    assert s(1) + 1_600 < first < s(1) + 1_600 + s(0.1)
    assert end - first == s(4)
    assert house.utterances()[0].header.trigger.kind == "button_tap"


def test_a_second_tap_cancels(tmp_path: Path) -> None:
    house = House(tmp_path, 4, noise_floor=HISS)
    house.at(1, house.board.tap)
    house.at(2, house.board.tap)
    house.run()
    first, end = assert_kept_from_the_room(house, "cancelled")
    assert end - first == s(1)
    assert house.phases() == ["idle", "listening", "idle"]


def test_a_held_button_listens_until_it_is_released_however_quiet_it_is(tmp_path: Path) -> None:
    house = House(tmp_path, 9, noise_floor=HISS)
    house.at(1, house.board.press)
    house.at(7, house.board.release)
    house.run()
    first, end = assert_kept_from_the_room(house, "released")
    assert s(1.3) <= first < s(1.4)
    assert s(7) <= end < s(7.1)
    assert house.utterances()[0].header.trigger.kind == "button_hold"


@pytest.mark.parametrize(("maximum_s", "button"), [(10, "tap"), (10, "hold"), (30, "tap"), (0.5, "tap")])
def test_however_long_it_is_spoken_to_it_ends_at_the_maximum(
    tmp_path: Path, maximum_s: float, button: str
) -> None:
    house = House(tmp_path, maximum_s + 4, f"endpoint.maximum_s = {maximum_s}\nendpoint.silence_s = 5\n")
    house.say("talk_supper", 0, loop=True)
    house.at(1, house.board.tap if button == "tap" else house.board.press)
    house.run()
    first, end = assert_kept_from_the_room(house, "max_duration")
    assert end - first == s(maximum_s)
    assert [row.samples for row in house.rows() if row.kind == "segment"] == []  # no link: kept, nothing left


def test_a_button_let_go_after_the_maximum_does_not_prolong_the_wait_for_an_answer(tmp_path: Path) -> None:
    house = House(tmp_path, 8, "endpoint.maximum_s = 1\ncloud.answer_s = 3\n")
    house.link()
    house.at(1, house.board.press)
    house.at(4, house.board.release)
    house.run()
    (_, end) = span(house.utterances()[0])
    waited = [sample for sample, fields in house.of("phase") if fields["phase"] == "idle"][-1] - end
    assert waited == s(3)


def test_without_a_link_nobody_waits_for_an_answer(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    house.at(1, house.board.press)
    house.at(2, house.board.release)
    house.run()
    assert house.phases() == ["idle", "listening", "processing", "idle"]
    assert len(house.board.played) == 1, "the error earcon"


@pytest.mark.parametrize("way", ["wake", "tap", "hold"])
def test_without_a_key_to_seal_for_it_refuses_and_writes_so(tmp_path: Path, way: str) -> None:
    house = House(tmp_path, 5, keys=False)
    if way == "wake":
        house.say("wake/alexa", 0)
    else:
        house.at(1, house.board.tap if way == "tap" else house.board.press)
    house.run()
    assert house.phases() == ["idle"]
    assert [(row.kind, row.cause) for row in house.rows()] == [("boot", "live"), ("refused", "no_key")]
    assert house.lit() == []
    assert len(house.board.played) == 1, "the error earcon"


def test_a_firmware_that_stops_ends_what_it_was_capturing(tmp_path: Path) -> None:
    house = House(tmp_path, 2, noise_floor=HISS)
    house.at(1, house.board.tap)
    house.run()
    _, end = assert_kept_from_the_room(house, "cancelled")
    assert end == s(2)
    assert not house.board.microphone.is_open


def test_the_wake_word_said_again_while_listening_starts_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, 8, "wakeword.refractory_s = 0\n")
    house.at(0.5, house.board.press)
    house.say("wake/alexa", 1)
    house.at(6, house.board.release)
    house.run()
    assert_kept_from_the_room(house, "released")


def test_every_frame_is_either_kept_or_gone(tmp_path: Path) -> None:
    house = House(tmp_path, 6)
    house.at(1, house.board.tap)
    house.at(2, house.board.tap)
    house.run()
    (utterance,) = house.utterances()
    assert house.board.microphone.frames_read == s(6) // FRAME_SAMPLES
    assert len(utterance.pcm) == 2 * s(1)
    files = {path.name for path in house.state.iterdir()}
    assert files == {"egress.db", "identity.key", "reply.key", "mute", "hardware"}
    assert house.room[: 2 * s(1)] not in b"".join(path.read_bytes() for path in house.state.iterdir())
