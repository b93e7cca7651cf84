"""When everybody has judged: agreed and settled, disputed, or a false wake, which shreds the recording."""

from contextlib import suppress
from datetime import datetime

import msgspec

from cloud_stub.config import ReviewSection
from cloud_stub.database import Database
from cloud_stub.errors import NotKept
from cloud_stub.review import tables
from cloud_stub.review.agreement import Agreement, Pair, agreement, pair
from cloud_stub.review.judgement import QUESTIONS, Judgement, agree, word_errors
from cloud_stub.review.tables import Task
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose

_PREFIX = "judgement "
_DISPUTE = "settled "


def note_name(task: Task) -> str:
    """Under which name the judgement of a task is sealed with its recording."""
    return (_DISPUTE if task.kind == "dispute" else _PREFIX) + task.id


class Settling:
    """Keeps judgements with their recordings, compares them, and counts how often people agree."""

    def __init__(self, database: Database, vault: Vault, settings: ReviewSection) -> None:
        self._database = database
        self._vault = vault
        self._settings = settings

    def keep(self, task: Task, judgement: Judgement) -> None:
        """Seal a judgement under its recording's key. Raises NotKept."""
        self._vault.add_note(task.whose, note_name(task), msgspec.json.encode(judgement).decode())

    def judgements(self, whose: Whose, who: str, why: str, now: datetime) -> list[Judgement]:
        """What reviewers said of a recording, without who, in no order that tells; through the door."""
        notes = self._vault.read(whose, who, why, now).notes
        said = [text for name, text in sorted(notes.items()) if name.startswith(_PREFIX)]
        return [msgspec.json.decode(text, type=Judgement) for text in said]

    def settle(self, task: Task, who: str, now: datetime) -> None:
        """Draw the conclusion, unless somebody is still to judge, or it was drawn. who: the last one, for the
        access ledger.
        """
        which = "WHERE device = ? AND utterance = ? AND state IN ('waiting', 'taken')"
        waits = "ready" if task.kind == "review" else "disputed"
        with self._database.write() as sql:  # two who are the last ones at once draw it once
            if tables.tasks(sql, which, *task.whose) or tables.subject_state(sql, task.whose) != waits:
                return
            with suppress(NotKept):  # its owner was quicker
                self._conclude(task, who, now)

    def settle_left(self, now: datetime) -> None:
        """Draw the conclusions that a stop of the program came before."""
        with self._database.read() as sql:
            left = tables.left_over(sql)
        for task in left:
            self.settle(task, "machine", now)

    def _conclude(self, task: Task, who: str, now: datetime) -> None:
        said = self.judgements(task.whose, "machine", "compare judgements", now)
        if task.kind == "dispute":
            notes = self._vault.read(task.whose, "machine", "settle a dispute", now).notes
            final = msgspec.json.decode(notes[note_name(task)], type=Judgement)
        else:
            final = said[0]
            self._tally(said)
            if len(said) == 2 and not agree(said[0], said[1], self._settings.most_word_errors):
                with self._database.write() as sql:
                    tables.set_subject(sql, task.whose, "disputed")
                    tables.add_task(sql, task.whose, "dispute")
                return
        with self._database.write() as sql:
            tables.set_subject(sql, task.whose, "false_wake" if final.false_wake else "settled")
            if final.false_wake:
                self._vault.forget(task.whose, who, "false wake, confirmed by a person", now)

    def _tally(self, said: list[Judgement]) -> None:
        with self._database.write() as sql:
            tables.count(sql, "judged")
            if len(said) != 2:
                return
            one, other = said
            for question in QUESTIONS:
                first, second = pair(one.says(question), other.says(question))
                tables.count(sql, f"pair {question} {first} {second}")
            errors, words = word_errors(one.transcript, other.transcript)
            tables.count(sql, "pair word errors", errors)
            tables.count(sql, "pair words", words)

    def agreements(self) -> list[Agreement]:
        """How far reviewers agree, question by question."""
        with self._database.read() as sql:
            tallies = tables.tallies(sql)
        counts: dict[str, dict[Pair, int]] = {question: {} for question in QUESTIONS}
        for name, count in tallies.items():
            match name.split():
                case ["pair", question, one, other] if question in counts:
                    counts[question][one, other] = count
        return [agreement(question, counts[question]) for question in QUESTIONS]
