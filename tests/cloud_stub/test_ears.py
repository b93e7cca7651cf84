"""What is heard: real decoders on short synthetic speech (scripts/make_hearing_audio), and their grammar."""

import random
from pathlib import Path

import pytest
import soundfile
from hassil import Intents

from cloud_stub.hearing.artists import Catalogue, read_artists
from cloud_stub.hearing.ears import AGREEMENT, Ears
from cloud_stub.hearing.intents import Sentences
from cloud_stub.hearing.jsgf import number_words, write_grammar
from cloud_stub.hearing.lexicon import Lexicon

AUDIO = Path(__file__).resolve().parents[1] / "audio" / "hearing"

COMMANDS = {
    "time_slt": "what time is it",
    "timer_hts": "set a timer for twenty five seconds",
    "timer_awb": "set a ten minute timer",
    "volume_rms": "set the volume to thirty percent",
    "delete_rms": "delete what i just said",
    "swift_slt": "play taylor swift",
    "cash_kal16": "i want to hear johnny cash",
    "stop_kal": "stop the music",
}
OTHER_SPEECH = ("lights_slt", "dinner_slt", "salt_awb")


def speech(name: str) -> bytes:
    samples, rate_hz = soundfile.read(AUDIO / f"{name}.flac", dtype="int16")
    assert rate_hz == 16_000
    return bytes(samples.tobytes())


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon()


@pytest.fixture(scope="module")
def sentences() -> Sentences:
    return Sentences()


@pytest.fixture(scope="module")
def grammar(lexicon: Lexicon, sentences: Sentences) -> str:
    musicians = Catalogue(read_artists(), lexicon)
    return write_grammar(sentences.templates, lexicon.__contains__, {"artist": musicians.spoken}).text


def open_ears(grammar: str, lexicon: Lexicon, sentences: Sentences, agreement: float) -> Ears:
    def is_sentence(text: str) -> bool:
        return sentences.understand(text).intent != "none"

    return Ears(grammar, lexicon, is_sentence, agreement)


@pytest.fixture(scope="module")
def ears(grammar: str, lexicon: Lexicon, sentences: Sentences) -> Ears:
    return open_ears(grammar, lexicon, sentences, AGREEMENT)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_spoken_command_is_heard_word_for_word(ears: Ears, name: str) -> None:
    assert ears.hear(speech(name)) == COMMANDS[name]


@pytest.mark.parametrize("name", OTHER_SPEECH)
def test_speech_that_is_no_command_is_not_made_one(ears: Ears, sentences: Sentences, name: str) -> None:
    heard = ears.hear(speech(name))
    assert heard
    assert sentences.understand(heard).intent == "none"


def test_a_grammar_alone_would_have_made_it_one(grammar: str, lexicon: Lexicon, sentences: Sentences) -> None:
    gullible = open_ears(grammar, lexicon, sentences, agreement=0.0)
    assert sentences.understand(gullible.hear(speech("dinner_slt"))).intent != "none"


@pytest.mark.parametrize("pcm", [b"", b"\0", bytes(6_398)], ids=["nothing", "half a sample", "under 0.2 s"])
def test_too_little_sound_holds_no_words(ears: Ears, pcm: bytes) -> None:
    assert ears.hear(pcm) == ""


def test_an_odd_number_of_bytes_is_read_without_its_last(ears: Ears) -> None:
    assert ears.hear(speech("time_slt") + b"\x7f") == COMMANDS["time_slt"]


def test_silence_and_noise_hold_no_command(ears: Ears, sentences: Sentences) -> None:
    noise = random.Random(1).randbytes(2 * 16_000)
    for pcm in (bytes(2 * 16_000), noise):
        assert sentences.understand(ears.hear(pcm)).intent == "none"


def test_what_was_heard_before_changes_nothing(ears: Ears) -> None:
    first = ears.hear(speech("lights_slt"))
    ears.hear(speech("volume_rms"))
    assert ears.hear(speech("lights_slt")) == first


def intents_of(*sentences: str, **lists: object) -> Intents:
    data = [{"sentences": list(sentences)}]
    return Intents.from_dict({"language": "en", "intents": {"x": {"data": data}}, "lists": lists})


def everything(word: str) -> bool:
    return word != "zvooq"


@pytest.mark.parametrize(
    ("template", "jsgf"),
    [
        ("stop [it] (now|please)", "( stop [ it ] ( now | please ) )"),
        ("(a;b)", "( ( a b | b a ) )"),
        ("play (jazz|zvooq)", "( play ( jazz ) )"),
        ("go to {place}", "( go to <list_place> )"),
    ],
)
def test_templates_become_grammar(template: str, jsgf: str) -> None:
    grammar = write_grammar(intents_of(template, place={"values": ["home"]}), everything, {})
    assert f"public <command> = {jsgf};" in grammar.text


def test_a_number_is_listened_for_in_words() -> None:
    grammar = write_grammar(intents_of("{n} x", n={"range": {"from": 9, "to": 11}}), everything, {})
    assert "<list_n> = ( nine | ten | eleven );" in grammar.text


def test_what_cannot_be_said_is_left_out_by_name() -> None:
    intents = intents_of("stop", "zvooq", "play {artist}", "call {title}", title={"wildcard": True})
    grammar = write_grammar(intents, everything, {"artist": ["abba", "zvooq"]})
    assert sorted(grammar.left_out) == ["artist: zvooq", "call {title}", "zvooq"]
    assert "public <command> = ( stop | play <list_artist> );" in grammar.text


def test_a_template_that_builds_a_word_from_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="within a word"):
        write_grammar(intents_of("minute[s]"), everything, {})


def test_shipped_sentences_can_all_be_listened_for(lexicon: Lexicon, sentences: Sentences) -> None:
    grammar = write_grammar(sentences.templates, lexicon.__contains__, {"artist": ["abba"]})
    assert grammar.left_out == ()


def test_only_written_sentences_are_not_listened_for(grammar: str) -> None:
    assert "playlist" not in grammar


@pytest.mark.parametrize("number", [*range(1, 121)])
def test_numbers_are_said_as_they_are_understood(sentences: Sentences, number: int) -> None:
    understood = sentences.understand(f"set a timer for {number_words(number)} seconds")
    assert understood.slots == {"seconds": str(number)}
