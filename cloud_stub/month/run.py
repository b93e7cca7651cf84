"""From an empty folder to a cloud that has been lived with."""

import random
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec

from cloud_stub.chores import Chores
from cloud_stub.config import Config, load
from cloud_stub.controls.evidence import Sources
from cloud_stub.door import Recording, Words
from cloud_stub.ingest import Ingest
from cloud_stub.keys import Keys
from cloud_stub.month.household import Saying, Sentence, a_month
from cloud_stub.month.misdeeds import Wronged, commit, keep_elsewhere, with_names
from cloud_stub.month.presets import PRESETS, Preset
from cloud_stub.month.speaker import Speaker, sound_of, times_of
from cloud_stub.month.team import SignIn, Team
from cloud_stub.people.people import People
from cloud_stub.private_files import private_directory, write_private
from cloud_stub.review.opening import KEY_FILE, open_review, sampler_key
from cloud_stub.review.prepared import Made, prepare
from cloud_stub.review.sampler import KEY_BYTES
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from cloud_stub.wishes import Wish, Wishes
from device.envelope import Consent, Trigger

SPEAKERS = 2
FIRST = datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = """# A simulated cloud: nobody lives here. It draws more than a real one, to show something.
[storage]
directory = "."
[review]
share = {share}
declared_share = {declared}
"""


class Lived(NamedTuple):
    """A cloud that has been lived with, and when it is now there. Close it after use."""

    config: Config
    sources: Sources
    sign_ins: list[SignIn]
    now: datetime

    def close(self) -> None:
        """Close every file."""
        self.sources.review.close()
        self.sources.people.close()
        self.sources.wishes.close()
        self.sources.vault.close()


class _Life:
    """Everything of one simulated cloud."""

    def __init__(self, directory: Path, seed: int, preset: Preset, first: datetime) -> None:
        self._chance = random.Random(f"life {seed}")  # noqa: S311 (a story, not a secret)
        self._preset = preset
        self._first = first
        self.config = _settings(directory, preset)
        storage = self.config.storage
        self._running = 0.0
        self._keys = Keys(storage.keys, self.config.keys, lambda: self._running)
        self.vault = Vault(storage.vault)
        self.wishes = Wishes(storage.wishes)
        private_directory(storage.review)
        write_private(storage.review / KEY_FILE, self._chance.randbytes(KEY_BYTES))
        self.review = open_review(storage.review, self.vault, self.wishes, self.config.review)
        self.people = People(storage.people)
        self._ingest = Ingest(self.vault, self._keys, self.config.ingest)
        self.team = Team(self.people, self.review, self.vault, preset)
        self.speakers = [Speaker(self._chance) for _ in range(SPEAKERS)]
        self._truth: dict[str, Sentence] = {}
        self.kept: list[Whose] = []

    def begin(self) -> None:
        """The team is hired, and the owner says what they wish."""
        self.team.hire(self._first - timedelta(days=1), tuple(each.device for each in self.speakers))
        begun = self._first - timedelta(hours=1)
        for speaker in self.speakers:
            self.wishes.say(speaker.device, Wish("3_months", review=True), begun)

    def hear(self, saying: Saying) -> None:
        """One utterance, from the speaker to what is kept."""
        now, sentence = saying.at, saying.sentence
        self._running = (now - self._first).total_seconds()
        speaker = self.speakers[saying.speaker]
        trigger = Trigger("button_tap")
        consent = Consent(save=True, review=True)
        sound = sound_of(sentence.said, self._chance)
        utc = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        reader = self._keys.epoch(now).key.public
        utterance, messages = speaker.say(sound, utc, reader, consent, trigger)
        for topic, payload in messages:
            self._ingest.take(topic, payload, now)
        whose = Whose(speaker.device, utterance)
        self._truth[utterance] = sentence
        self.vault.put_words(whose, Words(sentence.heard, sentence.intent, sentence.answer))
        self.vault.mark_answered(whose)
        self.kept.append(whose)
        self.review.drawing.consider(whose, now)

    def end_day(self, day: datetime) -> None:
        """The night's preparing, the owner's deleting, the team's work of the next day."""
        night = day + timedelta(hours=23)
        while self.review.drawing.prepare_next(self._prepare, night):
            pass
        if self._chance.random() < 0.3 and self.kept:
            whose = self._chance.choice(self.kept)
            if self.vault.state(whose) == "complete":
                keep_elsewhere(self._preset, self.vault, whose, Path(self.config.storage.directory))
                self.vault.forget(whose, f"owner:{self.team.id_of('anna')}", "asked for it", night)
        Chores(self.vault, self.wishes, self.review).do(night)
        self.team.work(day + timedelta(days=1), self._truth)

    def misbehave(self, now: datetime) -> None:
        """What this preset's cloud did besides."""
        if self._preset.ignores_opt_out:
            for speaker in self.speakers:
                self.wishes.say(speaker.device, Wish("3_months", review=False), now - timedelta(hours=1))
        commit(self._preset, Wronged(self.vault, self.review, self.team), self.kept, now)

    def _prepare(self, recording: Recording) -> Made:
        made = prepare(recording, lambda _: times_of(self._truth[recording.header.utterance].heard))
        return with_names(made, self._preset, recording.header.device)


def live_through(
    directory: Path,
    days: int,
    seed: int,
    preset: str = "",
    first: datetime = FIRST,
    progress: Iterable[int] | None = None,
) -> Lived:
    """Live through so many days in `directory`, which must be empty. first: midnight of the first day, UTC.
    progress: what to count days with.
    """
    life = _Life(directory, seed, PRESETS[preset], first)
    with ExitStack() as if_it_fails:
        for each in (life.vault, life.wishes, life.review, life.people):
            if_it_fails.callback(each.close)
        life.begin()
        said = a_month(seed, first, days, SPEAKERS)
        for number in progress if progress is not None else range(days):
            day = first + timedelta(days=number)
            for saying in (each for each in said if each.at.date() == day.date()):
                life.hear(saying)
            life.end_day(day)
        now = first + timedelta(days=days, hours=20)
        life.misbehave(now)
        if_it_fails.pop_all()
    config, key = life.config, sampler_key(life.config.storage.review)
    sources = Sources(directory, life.vault, life.wishes, life.review, life.people, config.review, key)
    return Lived(config, sources, life.team.sign_ins, now)


def _settings(directory: Path, preset: Preset) -> Config:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / "cloud.toml"
    file.write_text(SETTINGS.format(share=preset.share, declared=preset.declared_share), encoding="utf-8")
    config = load(file)
    keys = msgspec.structs.replace(config.keys, suite="x25519")
    return msgspec.structs.replace(config, keys=keys)
