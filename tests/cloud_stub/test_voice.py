"""The spoken answer, with the real espeak-ng where it is installed, and with broken ones."""

import wave
from pathlib import Path

import numpy as np
import pytest

from cloud_stub.hearing import open_mind
from cloud_stub.hearing.voice import LIMIT_S, find_voice, say, voice_line

HAS_VOICE = pytest.mark.skipif(find_voice() is None, reason="espeak-ng is not installed")


def program(folder: Path, script: str) -> str:
    path = folder / "espeak"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@HAS_VOICE
def test_an_answer_is_spoken_at_the_rate_of_the_speaker() -> None:
    samples = np.frombuffer(say("It is half past eight.", find_voice()), dtype="<i2")
    assert 0.8 * 16_000 < len(samples) < 3 * 16_000
    assert np.abs(samples).max() > 3_000


@HAS_VOICE
def test_a_long_answer_is_cut_at_ten_seconds() -> None:
    assert len(say("one two three four five " * 20, find_voice())) == 10 * 16_000 * 2


@HAS_VOICE
def test_an_answer_that_looks_like_an_option_is_spoken() -> None:
    assert say("--help", find_voice())


def test_without_a_voice_or_words_there_is_no_sound() -> None:
    assert say("hello", None) == b""
    assert say("", "/bin/false") == b""


@pytest.mark.parametrize(
    "script",
    ["exit 1", "echo not a sound", "exec true", "head -c 30 /dev/zero", "exec sleep 600"],
    ids=["fails", "prints text", "prints nothing", "prints half a header", "hangs"],
)
def test_a_broken_voice_leaves_the_text(tmp_path: Path, script: str) -> None:
    limit_s = 0.3 if "sleep" in script else LIMIT_S
    assert say("hello", program(tmp_path, script), limit_s) == b""


def test_a_voice_that_is_gone_leaves_the_text(tmp_path: Path) -> None:
    assert say("hello", str(tmp_path / "espeak")) == b""


def test_words_never_reach_the_command_line(tmp_path: Path) -> None:
    script = f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/words'
    say("delete what i said", program(tmp_path, script))
    assert (tmp_path / "words").read_text() == "delete what i said"
    assert "delete" not in (tmp_path / "arguments").read_text()


def test_a_voice_that_is_installed_meanwhile_speaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mind = open_mind()
    quiet = bytes(2 * 16_000)
    assert mind.answer(quiet).pcm == b""
    assert voice_line() == "no voice: answers are a tone (apt install espeak-ng)"
    with wave.open(str(tmp_path / "words.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(range(1, 201)) * 160)
    program(tmp_path, f"exec /bin/cat {tmp_path}/words.wav")
    assert len(mind.answer(quiet).pcm) == 200 * 160
    assert voice_line() == f"voice: {tmp_path}/espeak"
