"""The people around the household's cloud, and what they do in a day. They use the same doors as anybody."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import pyotp

from cloud_stub.errors import NoTask, NotKept
from cloud_stub.month.household import Sentence
from cloud_stub.month.presets import Preset
from cloud_stub.people.people import People
from cloud_stub.people.roles import Role
from cloud_stub.review.cases import Step
from cloud_stub.review.judgement import Judgement
from cloud_stub.review.opening import Review
from cloud_stub.review.tables import Task, TaskKind
from cloud_stub.vault import Vault

TEAM: dict[str, Role] = {
    "rita": "reviewer",
    "rob": "reviewer",
    "ada": "adjudicator",
    "olga": "privacy_officer",
    "otto": "privacy_officer",
    "uma": "auditor",
    "oskar": "operator",
}
MINUTE = timedelta(minutes=1)


class SignIn(NamedTuple):
    """How somebody signs in to the simulated cloud."""

    name: str
    role: Role
    password: str
    seed: str


class Team:
    """Everybody, and the truth that they hear."""

    def __init__(self, people: People, review: Review, vault: Vault, preset: Preset) -> None:
        self._people = people
        self._review = review
        self._vault = vault
        self._preset = preset
        self.sign_ins: list[SignIn] = []

    def hire(self, now: datetime, devices: tuple[str, ...]) -> None:
        """Add the team, and the owner of these speakers."""
        for name, role in TEAM.items():
            self._add(name, role, now)
        self._add("anna", "owner", now, devices)

    def id_of(self, name: str) -> str:
        """The id of somebody of the team."""
        return next(person.id for person in self._people.all() if person.name == name)

    def work(self, day: datetime, truth: dict[str, Sentence]) -> None:
        """A day's work, from nine o'clock."""
        now = day + timedelta(hours=9)
        for name in ("rita", "rob"):
            now = self._listen(name, "review", now, truth)
        now = self._listen("ada", "dispute", now, truth)
        if self._preset.handles_distress:
            self._decide(now)

    def _add(self, name: str, role: Role, now: datetime, devices: tuple[str, ...] = ()) -> None:
        password = secrets.token_urlsafe(12)
        person = self._people.add(name, password, frozenset({role}), ("console", now), devices)
        seed = ""
        if self._preset.second_factors or role == "owner":
            seed = self._people.enrol_totp(person.id).secret
            self._people.confirm_totp(person.id, seed, pyotp.TOTP(seed).at(now), now)
        self.sign_ins.append(SignIn(name, role, password, seed))

    def _listen(self, name: str, kind: TaskKind, now: datetime, truth: dict[str, Sentence]) -> datetime:
        person, desk = self.id_of(name), self._review.desk
        while (task := desk.take(person, kind, now)) is not None:
            with suppress(NoTask, NotKept):  # its owner was quicker
                self._hear(task, person, now, truth[task.whose.utterance])
            now += 2 * MINUTE
        return now

    def _hear(self, task: Task, person: str, now: datetime, sentence: Sentence) -> None:
        desk = self._review.desk
        shown = desk.show(task.id, person, now)
        desk.sound(task.id, person, now)
        later = now + MINUTE
        if sentence.strikes == "distress" and task.kind == "review":
            desk.stop(task.id, person, later)
        elif sentence.strikes == "critical" and not shown.hidden:
            desk.flag(task.id, person, later)
        else:
            desk.judge(task.id, person, self._judgement(sentence, person), later)

    def _judgement(self, sentence: Sentence, person: str) -> Judgement:
        """Two people hear the same; one of them is stricter with answers that help nobody."""
        understood = sentence.said == sentence.heard
        strict = self.id_of("rob") == person
        said = Judgement(
            sentence.said,
            "right" if understood else "wrong",
            "right" if understood else "wrong",
            sentence.strikes == "false_wake",
            sentence.answer.removeprefix("Playing ").rstrip(".") if sentence.intent == "music" else "",
        )
        vague = sentence.answer == "Playing something." and strict
        return msgspec.structs.replace(said, answer="unclear") if vague else said

    def _decide(self, now: datetime) -> None:
        olga, otto, book = self.id_of("olga"), self.id_of("otto"), self._review.casebook
        for case in book.all():
            if case.state == "open":
                book.take_step(case.id, Step("see", olga), now)
                with suppress(NotKept):
                    book.open(case.id, olga, now + MINUTE)
                if case.kind == "distress":
                    book.take_step(case.id, Step("decide", olga, "support_given"), now + 5 * MINUTE)
                else:
                    why = Step("propose_nothing", olga, reason="hidden already")
                    book.take_step(case.id, why, now + 5 * MINUTE)
                    book.take_step(case.id, Step("agree", otto), now + 10 * MINUTE)
