"""What is answered, and the whole way from sound to answer."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import soundfile

from cloud_stub.errors import ConfigError
from cloud_stub.hearing import Mind, Settings, open_mind
from cloud_stub.hearing.answers import reply
from cloud_stub.hearing.intents import Sentences

AUDIO = Path(__file__).resolve().parents[1] / "audio" / "hearing"
NOW = datetime(2026, 11, 23, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("intent", "slots", "actions"),
    [
        ("set_timer", {"minutes": "1", "seconds": "20"}, [{"do": "timer", "after_s": 80}]),
        ("set_timer", {"hours": "2"}, [{"do": "timer", "after_s": 7200}]),
        ("cancel_timer", {}, [{"do": "stop"}]),
        ("stop", {}, [{"do": "stop"}]),
        ("volume_set", {"percent": "30"}, [{"do": "volume", "to": 0.3}]),
        ("volume_set", {"percent": "0"}, [{"do": "volume", "to": 0.0}]),
        ("volume_up", {}, [{"do": "volume", "to": 0.8}]),
        ("volume_down", {}, [{"do": "volume", "to": 0.3}]),
        ("time", {}, []),
        ("delete_last", {}, []),
        ("none", {}, []),
    ],
)
def test_an_intent_has_its_actions(intent: str, slots: dict[str, str], actions: list[object]) -> None:
    assert reply("words", intent, slots, NOW).actions == actions


@pytest.mark.parametrize(
    ("intent", "slots", "text"),
    [
        ("time", {}, "It is 12:05 AM."),
        ("date", {}, "Today is Monday, 23 November 2026."),
        ("set_timer", {"minutes": "1", "seconds": "20"}, "Timer set for 1 minute and 20 seconds."),
        ("play_music", {"artist": "serge robert"}, "I know no musician called serge robert."),
        ("none", {}, "I heard: open the pod bay doors. I have no answer to that."),
    ],
)
def test_an_intent_has_its_words(intent: str, slots: dict[str, str], text: str) -> None:
    assert reply("open the pod bay doors", intent, slots, NOW).text == text


def test_what_the_stub_cannot_do_it_says() -> None:
    assert "canned" in reply("", "weather", {}, NOW).text
    assert "no music to play" in reply("", "play_music", {"artist_link": "Adele"}, NOW).text
    assert reply("", "none", {}, NOW).text == "I did not hear any words."


def test_a_caller_may_keep_and_change_an_answer() -> None:
    reply("", "stop", {}, NOW).actions[0]["do"] = "volume"
    assert reply("", "stop", {}, NOW).actions == [{"do": "stop"}]


def test_every_intent_of_the_templates_has_an_answer() -> None:
    slots = {"minutes": "1", "percent": "1"}
    unanswered = reply("words", "none", {}, NOW).text
    for intent in Sentences().templates.intents:
        assert reply("words", intent, slots, NOW).text != unanswered


@pytest.fixture(scope="module")
def mind() -> Mind:
    return open_mind(Settings(voice=False), now=lambda: NOW)


def utterance(name: str) -> bytes:
    samples, _ = soundfile.read(AUDIO / f"{name}.flac", dtype="int16")
    return bytes(samples.tobytes())


def test_an_utterance_is_heard_understood_linked_and_answered(mind: Mind) -> None:
    answer = mind.answer(utterance("swift_slt"))
    assert answer.heard == "play taylor swift"
    assert answer.intent == "play_music"
    assert answer.slots == {"artist": "taylor swift", "artist_link": "Taylor Swift"}
    assert answer.text.startswith("That is Taylor Swift.")
    assert (answer.actions, answer.pcm) == ([], b"")


def test_the_time_comes_from_the_clock_that_was_given(mind: Mind) -> None:
    assert mind.answer(utterance("time_slt")).text == "It is 12:05 AM."


def test_an_utterance_without_words_is_answered_honestly(mind: Mind) -> None:
    answer = mind.answer(b"")
    assert (answer.heard, answer.intent, answer.text) == ("", "none", "I did not hear any words.")


def test_a_mind_without_its_catalogue_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_mind(Settings(artists=tmp_path / "nobody.txt"))
