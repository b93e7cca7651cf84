"""Numbers spoken by synthetic voices in the middle of their sentence, and what the guard hides of them."""

import io
import random
import subprocess
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from cloud_stub.critical.bleep import MARGIN
from cloud_stub.critical.guard import guard
from cloud_stub.hearing.timed import TimedWord, open_timed
from critical.sentences import NUMBERS, Sentence, spelled

RATE_HZ = 16_000
VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-us+f3", "en-gb+m4", "en-us+f2", "en-gb-x-rp", "en-us+m7")
SPEEDS = (130, 150, 170)
AROUND = 10
"""Words of the sentence that are spoken on each side of the number."""
HIDDEN = 0.9
"""A number is hidden when so much of its sound is."""


class Clip(NamedTuple):
    """What is said, by whom; `kind` and `number` are "" where nothing critical is."""

    kind: str
    before: str
    number: str
    after: str
    voice: str
    speed: int


class Outcome(NamedTuple):
    """What became of a clip; times in seconds. `right` finds are for the most part in the number."""

    kind: str
    hidden: bool
    named: bool
    finds: int
    right: int
    hidden_s: float
    hidden_right_s: float
    length_s: float
    voice: str = ""


def clips(sentences: list[Sentence], limit: int, chance: random.Random) -> list[Clip]:
    """Up to `limit` of each kind of number, one a label."""
    drawn = [(sentence, at) for sentence in sentences for at in range(len(sentence.spans))]
    chance.shuffle(drawn)
    taken: list[Clip] = []
    for kind in NUMBERS:
        here = [each for each in drawn if each[0].spans[each[1]].kind == kind]
        taken += [_clip(sentence, at, chance) for sentence, at in here[:limit]]
    return taken


def _clip(sentence: Sentence, at: int, chance: random.Random) -> Clip:
    """No other label is spoken: one voice reads what is between the one before and the one after."""
    text, spans = sentence.text, sentence.spans
    start = spans[at - 1].end if at else 0
    end = spans[at + 1].first if at + 1 < len(spans) else len(text)
    before = text[start : spans[at].first].split()[-AROUND:]
    after = text[spans[at].end : end].split()[:AROUND]
    number = _said(spelled(text[spans[at].first : spans[at].end], chance), chance)
    voice, speed = chance.choice(VOICES), chance.choice(SPEEDS)
    return Clip(spans[at].kind, " ".join(before), number, " ".join(after), voice, speed)


def _said(words: list[str], chance: random.Random) -> str:
    """In one go, or in groups with a pause between; a letter is a capital, so that it is read as one."""
    group = chance.choice([3, 4, len(words)])
    said = [word.upper() if len(word) == 1 else word for word in words]
    return ", ".join(" ".join(said[at : at + group]) for at in range(0, len(said), group))


def without(sentences: list[Sentence], limit: int, chance: random.Random) -> list[Clip]:
    """Sentences with no digit and no label at all."""
    plain = [each.text for each in sentences if not each.spans and not any(map(str.isdigit, each.text))]
    drawn = chance.sample(sorted(set(plain)), min(limit, len(set(plain))))
    return [Clip("", text, "", "", chance.choice(VOICES), chance.choice(SPEEDS)) for text in drawn]


def speak(text: str, voice: str, speed: int) -> np.ndarray:
    """Sound at 16 kHz without the silence around it; an empty one for no words."""
    if not any(map(str.isalnum, text)):
        return np.zeros(0, np.int16)
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout"]
    wav = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
    sound, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float32")
    sound = 0.6 * soxr.resample(sound, rate_hz, RATE_HZ)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return (sound[loud[0] : loud[-1] + 1] * 32_767).astype(np.int16) if len(loud) else np.zeros(0, np.int16)


_ears: list[Callable[[bytes], list[TimedWord]]] = []


def outcome(clip: Clip) -> Outcome:
    """Speak, hear, guard, and look at what is hidden. Loads the ears once a process."""
    if not _ears:
        _ears.append(open_timed())
    parts = [speak(text, clip.voice, clip.speed) for text in (clip.before, clip.number, clip.after)]
    pause = np.zeros(RATE_HZ // 5, np.int16)
    sound = np.concatenate([pause, *parts, pause])
    first = len(pause) + len(parts[0])
    heard = _ears[0](sound.tobytes())
    return judge(clip.kind, sound, (first, first + len(parts[1])), heard)._replace(voice=clip.voice)


def judge(kind: str, sound: np.ndarray, number: tuple[int, int], words: list[TimedWord]) -> Outcome:
    """What the guard makes of these words beside where the number was. Names are not counted here."""
    true = np.zeros(len(sound), bool)
    true[number[0] : number[1]] = True
    hidden = np.zeros(len(sound), bool)
    right, named = 0, False
    finds = [each for each in guard(words, sound.tobytes()).found if each.kind != "name"]
    for each in finds:
        first, end = words[each.first].start_sample, words[each.last].end_sample
        hidden[max(0, first - MARGIN) : end + MARGIN] = True
        inside = bool(true[first:end].mean() >= 0.5)
        right += inside
        named |= inside and each.kind == kind
    covered = bool(kind) and bool(hidden[true].mean() >= HIDDEN)
    hidden_s, right_s = (float(each.sum()) / RATE_HZ for each in (hidden, hidden & true))
    return Outcome(kind, covered, named, len(finds), right, hidden_s, right_s, len(sound) / RATE_HZ)
