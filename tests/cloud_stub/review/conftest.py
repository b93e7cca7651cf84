"""A cloud without a broker whose every recording is drawn, and people who may hear it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from cloud_stub.config import ReviewSection, load
from cloud_stub.door import Words
from cloud_stub.hearing.timed import TimedWord
from cloud_stub.review.judgement import Judgement
from cloud_stub.review.opening import Review, open_review
from cloud_stub.review.prepared import prepare
from cloud_stub.whose import Whose
from cloud_stub.wishes import Wish, Wishes
from tests.cloud_stub.conftest import NOW, Other, Spoken, Voice

HEARD = "call five four one seven one four one three double eight please"
GOOD = Judgement("call me please", "right", "right", False)


def listen(sound: bytes) -> list[TimedWord]:
    """Ears that hear the same in everything, evenly."""
    words = HEARD.split()
    each = len(sound) // 2 // len(words)
    return [TimedWord(word, at * each, (at + 1) * each) for at, word in enumerate(words)]


class House:
    """Recordings of one device whose owner allows review, and everything of the review."""

    def __init__(self, directory: Path, voice: Voice, **settings: object) -> None:
        self.other = Other(directory)
        self.vault = self.other.vault
        self.voice = voice
        self.wishes = Wishes(directory / "wishes")
        self.settings: ReviewSection = msgspec.structs.replace(
            load(None).review, **{"share": 1.0, "double_share": 0.0, **settings}
        )
        self.review: Review = open_review(directory / "review", self.vault, self.wishes, self.settings)
        self.desk, self.drawing = self.review.desk, self.review.drawing
        self.wishes.say(voice.device, Wish("until_deleted", review=True), NOW)

    def say(self, *, review: bool = True, draw: bool = True, voice: Voice | None = None) -> Spoken:
        """An utterance that was heard and answered."""
        spoken = (voice or self.voice).say(self.other.reader, review=review)
        self.other.take(spoken.messages)
        self.vault.put_words(spoken.whose, Words(HEARD, "none", "I did not understand."))
        if draw:
            self.drawing.consider(spoken.whose, NOW)
        return spoken

    def prepare(self, now: datetime = NOW) -> None:
        """Prepare everything that was drawn."""
        while self.drawing.prepare_next(lambda recording: prepare(recording, listen), now):
            pass

    def ready(self, **said: bool) -> Spoken:
        """One that waits for a listener."""
        spoken = self.say(**said)
        self.prepare()
        return spoken

    def forgotten(self, whose: Whose) -> bool:
        """Whether it was shredded."""
        return self.vault.state(whose) == "forgotten"

    def close(self) -> None:
        self.review.close()
        self.wishes.close()
        self.vault.close()


@pytest.fixture
def house(tmp_path: Path, voice: Voice) -> Iterator[House]:
    made = House(tmp_path / "cloud", voice)
    yield made
    made.close()


@pytest.fixture
def house_of_two(tmp_path: Path, voice: Voice) -> Iterator[House]:
    """Everything is heard by two."""
    made = House(tmp_path / "cloud", voice, double_share=1.0)
    yield made
    made.close()
