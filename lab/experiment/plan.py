"""What is played, in which order and how loud: the seed chooses. It reads the audio, and plays none.

Files are shuffled, and each is 0 to 6 dB softer than it was recorded. Between two there is a pause in which
an utterance can end. A session is about ten minutes long; a file that is longer is a session of its own.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from hardware.board import RATE_HZ
from hardware.errors import SoundError
from hardware.sound import FileSound
from lab.experiment.records import Made, Plan, Played, Session
from lab.study import files
from lab.study.errors import StudyError
from lab.study.files import Sound

LEAD_S, PAUSE_S, TAIL_S = 1.0, 1.5, 12.0
"""Before the first sound; after each; and after the last, so that what it began is over."""
SESSION_S = 600.0
SOFTEST_DB = -6.0


def plan(audio: Path, made: Made) -> Plan:
    """Return what `made` makes of a folder of audio: all of it without the word, or the hours asked for.

    Raises:
        StudyError: no audio without the wake word that can be played.
    """
    sounds = [sound for sound in files.find(audio).sounds if sound.label != made.word]
    chance = random.Random(made.seed)  # noqa: S311 - no secret
    chance.shuffle(sounds)
    broken: list[str] = []
    plays = list(_plays(sounds, chance, made.hours, broken))
    if not plays:
        why = f" ({broken[0]})" if broken else f" that does not say {made.word}"
        raise StudyError(f"{audio}: no audio to play{why}; name a folder of WAV, FLAC, OGG or MP3 files")
    return Plan(made, tuple(_sessions(plays)), tuple(broken))


def _plays(
    sounds: list[Sound], chance: random.Random, hours: float | None, broken: list[str]
) -> Iterator[Played]:
    """Yield sounds until there are so many hours of them; what can't be played is said in `broken`."""
    left_s = float("inf") if hours is None else hours * 3600
    for sound in sounds:
        if left_s <= 0:
            return
        gain_db = round(chance.uniform(SOFTEST_DB, 0), 1)
        try:
            seconds = _length_s(sound.path)
        except SoundError as error:
            broken.append(str(error))
            continue
        left_s -= seconds
        yield Played(sound.file, sound.group or "no group", 0, seconds, gain_db)


def _length_s(path: Path) -> float:
    """Read a sound to its end, so that damage comes up before anything is played."""
    sound = FileSound(path)
    for _ in sound.pieces():
        pass
    return sound.samples / RATE_HZ


def _sessions(plays: list[Played]) -> Iterator[Session]:
    number, now, mine = 1, LEAD_S, list[Played]()
    for each in plays:
        if mine and now + each.seconds + PAUSE_S > SESSION_S:
            yield Session(number, now + TAIL_S, tuple(mine))
            number, now, mine = number + 1, LEAD_S, []
        mine.append(Played(each.file, each.group, round(now, 3), each.seconds, each.gain_db))
        now = round(now + each.seconds + PAUSE_S, 3)
    yield Session(number, now + TAIL_S, tuple(mine))
