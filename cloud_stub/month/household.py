"""What a household says to its speakers, and when: drawn from a seed. Pure.

The sentences are made up; so are the names and numbers in them.
"""

import random
from datetime import datetime, timedelta
from typing import NamedTuple

WAKING_H = (7, 22)
A_DAY = 12
FALSE_WAKES = 0.08


class Sentence(NamedTuple):
    """What is said, what the machine hears, takes it for and answers; and how it strikes a listener."""

    said: str
    heard: str
    intent: str
    answer: str
    strikes: str = ""
    """"": nothing special; "critical", "distress", "false_wake"."""


SENTENCES = (
    Sentence("play taylor swift", "play taylor swift", "music", "Playing Taylor Swift."),
    Sentence("play the beatles", "play the beatles", "music", "Playing The Beatles."),
    Sentence("set a timer for ten minutes", "set a timer for ten minutes", "timer", "Ten minutes, from now."),
    Sentence("what time is it", "what time is it", "time", "It is half past eight."),
    Sentence("turn the lights off", "turn the light soft", "none", "I did not understand."),
    Sentence("will it rain tomorrow", "will it train tomorrow", "none", "I did not understand."),
    Sentence("stop", "stop", "stop", "All right."),
    Sentence("play something quiet", "play something quiet", "music", "Playing something."),
)
RARE = (
    Sentence(
        "my card is four one one one one one one one one one one one one one one one",
        "my card is four one one one one one one one one one one one one one one one",
        "none",
        "I did not understand.",
        "critical",
    ),
    Sentence("my name is jane doe and i live alone", "my name is jane doe and i live alone", "none",
             "I did not understand.", "critical"),
    Sentence("please stop you are hurting me", "please stop you are hurting me", "none",
             "I did not understand.", "distress"),
)  # fmt: skip
TELEVISION = Sentence(
    "and now the weather", "and now the weather", "none", "I did not understand.", "false_wake"
)
RARELY = 0.12


class Saying(NamedTuple):
    """A sentence at a moment, to one of the household's speakers."""

    at: datetime
    speaker: int
    sentence: Sentence


def a_month(seed: int, first: datetime, days: int, speakers: int) -> list[Saying]:
    """Everything that is said, in order."""
    chance = random.Random(f"household {seed}")  # noqa: S311 (a story, not a secret)
    said = []
    for day in range(days):
        for _ in range(chance.randint(A_DAY // 2, A_DAY * 3 // 2)):
            minute = chance.randint(WAKING_H[0] * 60, WAKING_H[1] * 60)
            at = first + timedelta(days=day, minutes=minute, seconds=chance.randint(0, 59))
            said.append(Saying(at, chance.randrange(speakers), _sentence(chance)))
    return sorted(said, key=lambda each: each.at)


def _sentence(chance: random.Random) -> Sentence:
    roll = chance.random()
    if roll < FALSE_WAKES:
        return TELEVISION
    return chance.choice(RARE if roll < FALSE_WAKES + RARELY else SENTENCES)
