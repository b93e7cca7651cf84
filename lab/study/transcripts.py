"""What is said in a file, if somebody wrote it down beside it.

The manifest's column `transcript`; `NAME.srt` or `NAME.vtt` with times; `NAME.txt`; or a line of
LibriSpeech's `*.trans.txt`: the first of these. Never guesses: without a transcript there are no words.
"""

import html
import re
from functools import lru_cache
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

from lab.study.files import Sound

NEAR_S = 5.0
"""A line whose time is so far from a wake or nearer was being said around it."""
_WIDTH = 240

_TIME = r"(?:(\d+):)?(\d+):(\d+)[.,](\d+)"
_CUE = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}")
_NOT_SAID = re.compile(r"<[^>]*>|\{\\[^}]*\}|\[[^\]]*\]|♪|♫")  # mark-up, [door slams], music


class Line(NamedTuple):
    """Something that is said, and from when to when; None where nobody wrote down when."""

    text: str
    span_s: tuple[float, float] | None = None

    def is_near(self, at_s: float) -> bool:
        """Whether it is said around `at_s`, for all that is known."""
        return self.span_s is None or self.span_s[0] - NEAR_S <= at_s <= self.span_s[1] + NEAR_S


class Transcript:
    """What is said in one file."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines
        self.words = sum(any(map(str.isalnum, word)) for line in lines for word in line.text.split())
        """How many words that is; a dash is none."""

    def near(self, at_s: float) -> str:
        """Return what is said around `at_s`, shortened: with times what they say, without them the text."""
        said = " ".join(line.text for line in self._lines if line.is_near(at_s))
        return shorten(said, _WIDTH, placeholder=" …")


def read(sound: Sound) -> Transcript | None:
    """Return the transcript of a file, or None. Raises OSError: it is there and cannot be read."""
    if sound.transcript:
        return Transcript([Line(sound.transcript)])
    for ending in (".srt", ".vtt"):
        subtitles = sound.path.with_suffix(ending)
        if subtitles.is_file():
            return Transcript(_cues(_text(subtitles)))
    plain = sound.path.with_suffix(".txt")
    if plain.is_file():
        return Transcript([Line(_text(plain))])
    for listed in _lists(sound.path.parent):
        if sound.path.stem in (texts := _listed(listed)):
            return Transcript([Line(texts[sound.path.stem])])
    return None


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # what old subtitles are written in


def _cues(text: str) -> list[Line]:
    lines: list[Line] = []
    span: tuple[float, float] | None = None
    said: list[str] = []
    for line in [*text.splitlines(), ""]:
        cue = _CUE.match(line)
        if cue:
            span, said = (_seconds(cue.groups()[:4]), _seconds(cue.groups()[4:])), []
        elif line.strip():
            said.append(line)
        elif span is not None:
            lines.append(Line(_spoken(" ".join(said)), span))
            span = None
    return lines


def _spoken(text: str) -> str:
    return " ".join(_NOT_SAID.sub("", html.unescape(text)).split())


def _seconds(time: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = time
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(f"{seconds}.{fraction}")


@lru_cache(maxsize=4)
def _lists(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.trans.txt"))


@lru_cache(maxsize=4)
def _listed(path: Path) -> dict[str, str]:
    """The lines `ID what is said` of a file, by ID."""
    pairs = (line.partition(" ") for line in _text(path).splitlines())
    return {name: said for name, _, said in pairs if name}
