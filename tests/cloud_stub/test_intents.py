"""What is understood: words to intents and slots."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from cloud_stub.hearing.intents import Sentences

PLAYMUSIC = Path(__file__).resolve().parents[3] / "shared" / "data" / "playmusic"
BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "artist_slots.py"


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences()


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("what time is it", "time", {}),
        ("What's the date?", "date", {}),
        ("what day is it today", "date", {}),
        ("set a timer for five minutes", "set_timer", {"minutes": "5"}),
        ("set a timer for one minute and twenty seconds", "set_timer", {"minutes": "1", "seconds": "20"}),
        ("set a timer for half an hour", "set_timer", {"minutes": "30"}),
        ("start a 10 minute timer", "set_timer", {"minutes": "10"}),
        ("cancel the timer", "cancel_timer", {}),
        ("will it rain tomorrow", "weather", {}),
        ("stop", "stop", {}),
        ("stop the music please", "stop", {}),
        ("turn it up", "volume_up", {}),
        ("quieter please", "volume_down", {}),
        ("set the volume to thirty percent", "volume_set", {"percent": "30"}),
        ("set the volume to a thousand percent", "none", {}),
        ("delete what i just said", "delete_last", {}),
        ("forget that recording", "delete_last", {}),
        ("what can i say", "help", {}),
        ("play taylor swift", "play_music", {"artist": "taylor swift"}),
        ("play something by nina simone please", "play_music", {"artist": "nina simone"}),
        ("play some music", "play_music", {}),
    ],
)
def test_a_sentence_has_its_intent(
    sentences: Sentences, text: str, intent: str, slots: dict[str, str]
) -> None:
    assert sentences.understand(text) == (intent, slots)


@pytest.mark.parametrize(
    "text", ["", "turn on the bedroom lights", "time", "delete everything", "play", "a " * 400]
)
def test_anything_else_is_none(sentences: Sentences, text: str) -> None:
    assert sentences.understand(text) == ("none", {})


def test_the_reading_that_guesses_least_wins(sentences: Sentences) -> None:
    understood = sentences.understand("Play Making Out by Nina Simone off Google Music.", typed=True)
    assert understood.slots == {"title": "Making Out", "artist": "Nina Simone", "service": "google music"}


def test_loose_sentences_count_only_when_written(sentences: Sentences) -> None:
    text = "find something by the artist adele on spotify"
    assert sentences.understand(text, typed=True).slots == {"artist": "adele", "service": "spotify"}
    assert sentences.understand(text).intent == "none"


def load_benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("artist_slots", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not PLAYMUSIC.exists(), reason="the Snips PlayMusic queries are not in ../shared/data")
def test_typed_music_queries_give_up_their_artist(sentences: Sentences) -> None:
    benchmark = load_benchmark()
    result, _ = benchmark.score(sentences, benchmark.read_queries(PLAYMUSIC / benchmark.SEEN))
    assert result.f1 >= 0.84
