"""The mind of the cloud stub: one utterance in, one answer out.

It keeps nothing of what it heard, and opens no connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from cloud_stub.hearing.answers import Action, reply
from cloud_stub.hearing.artists import Catalogue, read_artists
from cloud_stub.hearing.ears import Ears
from cloud_stub.hearing.intents import NONE, Sentences
from cloud_stub.hearing.jsgf import write_grammar
from cloud_stub.hearing.lexicon import Lexicon
from cloud_stub.hearing.voice import find_voice, say

_LOG = logging.getLogger(__name__)


SPOKEN = 600
"""So many ways of saying musicians are listened for: the first of the catalogue."""


class Hears(Protocol):
    """Whatever has ears."""

    def hear(self, pcm: bytes) -> str:
        """The words in one utterance (s16le mono 16 kHz), lower case; "" when there are none."""


class Answer(NamedTuple):
    """What was heard, what it meant, and what is said and done about it."""

    heard: str
    """The words, lower case; "" when there were none."""
    intent: str
    """An intent of intents.yaml, or `none`."""
    slots: dict[str, str]
    """What filled the sentence. `artist` is what was said, `artist_link` the musician it was linked to."""
    text: str
    actions: list[Action]
    pcm: bytes
    """The spoken answer, s16le mono 16 kHz, at most 10 s; b"" without a voice."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose about hearing."""

    artists: str | Path = ""
    """The catalogue of musicians; "" for the shipped one."""
    ears: str = "pocketsphinx"
    """Or the address of a Wyoming server."""
    may_leave: bool = False
    """Whether that may be another machine."""
    voice: bool = True
    """Speak answers, where espeak-ng is installed."""


class Mind:
    """Ears, sentences, musicians and a voice. Any thread may ask; one is answered at a time."""

    def __init__(
        self,
        ears: Hears,
        sentences: Sentences,
        musicians: Catalogue,
        voice: Callable[[], str | None],
        now: Callable[[], datetime],
    ) -> None:
        """`voice` finds the program that speaks (see voice.say), or None: one that is installed meanwhile."""
        self._ears = ears
        self._sentences = sentences
        self._musicians = musicians
        self._voice = voice
        self._now = now
        self._one = threading.Lock()

    def answer(self, pcm: bytes) -> Answer:
        """Answer one complete utterance (s16le mono 16 kHz)."""
        with self._one:
            heard = self._ears.hear(pcm)
            intent, slots = self._sentences.understand(heard)
        link = self._musicians.link(slots.get("artist", ""))
        if link:
            slots = {**slots, "artist_link": link.name}
        text, actions = reply(heard, intent, slots, self._now())
        return Answer(heard, intent, slots, text, actions, say(text, self._voice()))


def local_now() -> datetime:
    """The time of day where the cloud stub runs."""
    return datetime.now().astimezone()


def open_mind(settings: Settings | None = None, now: Callable[[], datetime] = local_now) -> Mind:
    """Load the models (about a second, 140 MB).

    Raises:
        ConfigError: the catalogue of musicians cannot be read, or the address of ears is none.
    """
    settings = settings or Settings()
    lexicon, sentences = Lexicon(), Sentences()
    musicians = Catalogue(read_artists(settings.artists), lexicon)
    if settings.ears != "pocketsphinx":
        from cloud_stub.hearing.wyoming_ears import WyomingEars

        there = WyomingEars(settings.ears, may_leave=settings.may_leave)
        return Mind(there, sentences, musicians, find_voice if settings.voice else lambda: None, now)
    grammar = write_grammar(sentences.templates, lexicon.__contains__, {"artist": musicians.spoken[:SPOKEN]})
    unheard = [*grammar.left_out, *musicians.unspoken]
    if unheard:
        _LOG.info("hearing: %d sentences and names cannot be listened for: %s", len(unheard), unheard)
    ears = Ears(grammar.text, lexicon, lambda text: sentences.understand(text).intent != NONE)
    return Mind(ears, sentences, musicians, find_voice if settings.voice else lambda: None, now)
