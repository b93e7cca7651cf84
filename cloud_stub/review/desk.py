"""Where listeners are given a recording, one at a time and blind: take, hear, judge, flag, stop.

A task has no name, account, device, address or time in it. Whoever has not taken it is told nothing, not even
that it exists. Every look and every hearing passes the vault's door, under the person's role and for the
task.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from cloud_stub.config import ReviewSection
from cloud_stub.database import Database
from cloud_stub.errors import NoTask, NotKept
from cloud_stub.review import tables
from cloud_stub.review.casebook import Casebook
from cloud_stub.review.cases import CaseKind
from cloud_stub.review.categories import Category, from_bits, to_bits
from cloud_stub.review.drawing import Drawing
from cloud_stub.review.judgement import Judgement
from cloud_stub.review.prepared import Prepared, from_bytes
from cloud_stub.review.settling import Settling
from cloud_stub.review.shifts import Rest, rest
from cloud_stub.review.tables import Task, TaskKind, when
from cloud_stub.vault import Vault

ROLES: dict[TaskKind, str] = {"review": "reviewer", "dispute": "adjudicator"}


class Desk:
    """Gives tasks out and takes judgements in. person: who is signed in, checked by the caller. From any
    thread.

    Every method that names a task raises NoTask unless this person has taken it and it is not over, but for
    `flag` and `stop`.
    """

    def __init__(
        self, database: Database, vault: Vault, drawing: Drawing, casebook: Casebook, settings: ReviewSection
    ) -> None:
        self._database = database
        self._vault = vault
        self._drawing = drawing
        self._casebook = casebook
        self._settings = settings
        self._settling = Settling(database, vault, settings)

    def rest(self, person: str, now: datetime) -> Rest | None:
        """The rest that this person is due; None to go on."""
        with self._database.read() as sql:
            taken = sql.execute("SELECT at FROM given WHERE person = ?", (person,)).fetchall()
            stopped = sql.execute("SELECT at FROM stop WHERE person = ?", (person,)).fetchall()
        work, stops = ([each for (at,) in rows if (each := when(at))] for rows in (taken, stopped))
        return rest(work, stops, now, self._settings)

    def current(self, person: str, kind: TaskKind) -> Task | None:
        """The task that this person has taken and not finished."""
        which = "WHERE state = 'taken' AND person = ? AND kind = ?"
        with self._database.read() as sql:
            return next(iter(tables.tasks(sql, which, person, kind)), None)

    def take(self, person: str, kind: TaskKind, now: datetime) -> Task | None:
        """This person's task, or the next one; None when there is none, or rest is due."""
        self.give_back_late(now)
        held = self.current(person, kind)
        if held is not None or self.rest(person, now) is not None:
            return held
        while True:
            with self._database.read() as sql:
                found = tables.next_task(sql, person, kind)
            if found is None:
                return None
            allowed = self._drawing.may_serve(found.whose)  # opted out, or gone, since it was drawn
            with self._database.write() as sql:
                if not allowed:
                    tables.withdraw(sql, found.whose, "withdrawn", now)
                elif tables.give(sql, found.id, person, now):
                    return tables.find_task(sql, found.id)

    def show(self, task_id: str, person: str, now: datetime) -> Prepared:
        """What this person may read of it."""
        return self._prepared(task_id, person, "text", now)

    def sound(self, task_id: str, person: str, now: datetime) -> bytes:
        """What this person may hear of it (s16le mono 16 kHz); so often and no more."""
        with self._database.write() as sql:
            task = tables.held_task(sql, task_id, person)
            if task.plays >= self._settings.plays:
                raise NoTask(f"task: played {task.plays} times already; judge it, or give it back")
            sql.execute("UPDATE task SET plays = plays + 1 WHERE id = ?", (task_id,))
        return self._prepared(task_id, person, "sound", now).pcm

    def transcripts(self, task_id: str, person: str, now: datetime) -> list[Judgement]:
        """For an adjudicator: what the others said, without who."""
        with self._database.read() as sql:
            task = tables.held_task(sql, task_id, person)
        if task.kind != "dispute":
            raise NoTask("task: not a dispute; judge it yourself")
        return self._settling.judgements(task.whose, f"adjudicator:{person}", f"task {task_id}", now)

    def judge(self, task_id: str, person: str, judgement: Judgement, now: datetime) -> None:
        """Take a judgement, sealed with its recording; settle or dispute when it is the last one wanted."""
        with self._database.read() as sql:
            task = tables.held_task(sql, task_id, person)
        self._require_served(task, now)
        with self._database.write() as sql:
            tables.held_task(sql, task_id, person)
            self._settling.keep(task, judgement)  # first: what is judged has its judgement, come what may
            tables.finish(sql, task_id, "judged", now)
        self._settling.settle(task, f"{ROLES[task.kind]}:{person}", now)

    def take_in(self, judged: Mapping[str, Judgement], now: datetime) -> tuple[int, int]:
        """Judgements that were made elsewhere, by task; return how many were taken, and how many were
        not: over, given to somebody meanwhile, or not allowed any more.
        """
        taken = 0
        for task_id, judgement in judged.items():
            with suppress(NotKept), self._database.write() as sql:
                task = tables.find_task(sql, task_id)
                if task is None or task.state != "waiting" or not self._drawing.may_serve(task.whose):
                    continue
                self._settling.keep(task, judgement)
                tables.finish(sql, task_id, "judged", now)
                self._settling.settle(task, "reviewer:label-studio", now)
                taken += 1
        return taken, len(judged) - taken

    def flag(self, task_id: str, person: str, now: datetime) -> None:
        """Something is nobody's business: from now on the privacy officer alone may open it.

        Raises NoTask unless this person was ever given the task: late is better than not at all.
        """
        self._end(task_id, person, "critical", now)

    def stop(self, task_id: str, person: str, now: datetime) -> None:
        """It distresses: nobody is given it any more, and this person is asked nothing, not even why. Raises
        as `flag` does.
        """
        self._end(task_id, person, "distress", now)

    def give_back(self, task_id: str, person: str, now: datetime) -> None:
        """Rather not this one: it goes to somebody else."""
        with self._database.write() as sql:
            tables.held_task(sql, task_id, person)
            tables.take_back(sql, task_id, now)

    def give_back_late(self, now: datetime) -> None:
        """What was taken and not judged for too long waits for somebody again."""
        before = now - timedelta(seconds=self._settings.lease_s)
        with self._database.write() as sql:
            for task in tables.tasks(sql, "WHERE state = 'taken' AND taken < ?", before.timestamp()):
                tables.take_back(sql, task.id, now)

    def declined(self, person: str) -> frozenset[Category]:
        """What this person does not want to hear."""
        with self._database.read() as sql:
            return from_bits(tables.declined_bits(sql, person))

    def decline(self, person: str, categories: frozenset[Category]) -> None:
        """From now on this person is not given what may be of these; no reason is asked."""
        with self._database.write() as sql:
            sql.execute("REPLACE INTO declined VALUES (?, ?)", (person, to_bits(categories)))

    def _end(self, task_id: str, person: str, kind: CaseKind, now: datetime) -> None:
        state: tables.SubjectState = "stopped" if kind == "distress" else "quarantined"
        with self._database.write() as sql:
            task = tables.given_task(sql, task_id, person)
            if not self._casebook.begin(sql, kind, task, person, now):
                return
            if kind == "distress":
                sql.execute("INSERT INTO stop VALUES (?, ?)", (person, now.timestamp()))
            tables.withdraw(sql, task.whose, state, now)

    def _prepared(self, task_id: str, person: str, what: str, now: datetime) -> Prepared:
        with self._database.read() as sql:
            task = tables.held_task(sql, task_id, person)
        self._require_served(task, now)
        who = f"{ROLES[task.kind]}:{person}"
        return from_bytes(self._vault.open_prepared(task.whose, who, f"task {task_id}: {what}", now))

    def _require_served(self, task: Task, now: datetime) -> None:
        """The rule once more, at the last moment."""
        if self._drawing.may_serve(task.whose):
            return
        with self._database.write() as sql:
            tables.withdraw(sql, task.whose, "withdrawn", now)
        raise NoTask("task: its owner took it back; take the next one")
