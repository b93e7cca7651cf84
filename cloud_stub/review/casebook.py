"""The cases that listeners raised: who must do what by when, and what was done. Read `cases` for the
rules.
"""

import secrets
import sqlite3
from datetime import datetime
from typing import NamedTuple

from cloud_stub.database import Database
from cloud_stub.door import Recording
from cloud_stub.errors import NoTask
from cloud_stub.review.cases import CaseKind, CaseState, Outcome, Step, late_since, outcome_of, step
from cloud_stub.review.tables import Task, when
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose


class Case(NamedTuple):
    """A case. whose is for the vault alone: an officer learns of it by `identify`, with a reason."""

    id: str
    kind: CaseKind
    state: CaseState
    whose: Whose
    opened: datetime
    entered: datetime
    outcome: Outcome | None
    proposed_by: str | None
    reporter: str

    def late_since(self, now: datetime) -> datetime | None:
        """Since when nobody did what had to be done."""
        return late_since(self.kind, self.state, self.entered, now)


class Taken(NamedTuple):
    """A step that was taken."""

    at: datetime
    event: str
    by: str
    outcome: Outcome | None
    reason: str


_ALL = "SELECT id, kind, state, device, utterance, opened, entered, outcome, proposed_by, reporter FROM cases"


class Casebook:
    """Every case there ever was: none is deleted, and it says nothing of what was said. From any thread."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def begin(self, sql: sqlite3.Connection, kind: CaseKind, task: Task, by: str, now: datetime) -> bool:
        """Open a case in the caller's transaction, unless this person raised the same before; whether it was
        opened.
        """
        same = "SELECT 1 FROM cases WHERE kind = ? AND task = ? AND reporter = ?"
        if sql.execute(same, (kind, task.id, by)).fetchone():
            return False
        case_id, at = secrets.token_hex(8), now.timestamp()
        row = (case_id, kind, "open", *task.whose, task.id, by, at, at, None, None)
        sql.execute(f"INSERT INTO cases VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 (marks alone)
        return True

    def all(self) -> list[Case]:
        """Every case, the oldest first."""
        with self._database.read() as sql:
            return [_case(row) for row in sql.execute(f"{_ALL} ORDER BY opened, id")]

    def late(self, now: datetime) -> list[Case]:
        """The cases in which a deadline has passed."""
        return [case for case in self.all() if case.late_since(now) is not None]

    def find(self, case_id: str) -> Case:
        """The case of that id. Raises NoTask."""
        with self._database.read() as sql:
            return _find(sql, case_id)

    def steps(self, case_id: str) -> list[Taken]:
        """What was done so far, in order."""
        query = "SELECT at, event, by, outcome, reason FROM case_step WHERE cases = ? ORDER BY at, rowid"
        with self._database.read() as sql:
            rows = sql.execute(query, (case_id,)).fetchall()
        return [Taken(at, *rest) for moment, *rest in rows if (at := when(moment))]

    def take_step(self, case_id: str, asked: Step, now: datetime) -> CaseState:
        """Do something about it. The outcome `deleted` shreds the recording.

        Raises:
            NoTask: there is no such case.
            Unfit: the rules do not allow this step now.
        """
        with self._database.write() as sql:
            case = _find(sql, case_id)
            state = step(case.state, asked, case.proposed_by)
            proposed = asked.by if asked.event == "propose_nothing" else case.proposed_by
            row = (state, now.timestamp(), outcome_of(asked), proposed, case_id)
            sql.execute(
                "UPDATE cases SET state = ?, entered = ?, outcome = ?, proposed_by = ? WHERE id = ?", row
            )
            done = (case_id, now.timestamp(), asked.event, asked.by, asked.outcome, asked.reason)
            sql.execute("INSERT INTO case_step VALUES (?, ?, ?, ?, ?, ?)", done)
            if outcome_of(asked) == "deleted":  # before it is said that it is
                self._vault.forget(case.whose, f"privacy_officer:{asked.by}", f"case {case_id}", now)
        return state

    def open(self, case_id: str, officer: str, now: datetime) -> Recording:
        """The recording itself, for the officer who has seen the case. Raises NoTask, NotKept."""
        case = self.find(case_id)
        if case.state not in ("seen", "second_wanted"):
            raise NoTask("case: not under way; say first that you have seen it")
        return self._vault.open(case.whose, f"privacy_officer:{officer}", f"case {case_id}", now)

    def identify(self, case_id: str, officer: str, reason: str, now: datetime) -> str:
        """Of which device it is; its owner will read who asked, and why. Raises NoTask, NotKept,
        ValueError.
        """
        if not reason.strip():
            raise ValueError("identify: no reason given; the owner will read it, so write it down")
        case = self.find(case_id)
        if case.state not in ("seen", "second_wanted"):
            raise NoTask("case: not under way; say first that you have seen it")
        why = f"case {case_id}: {reason.strip()}"
        return self._vault.identify(case.whose, f"privacy_officer:{officer}", why, now)


def _find(sql: sqlite3.Connection, case_id: str) -> Case:
    row = sql.execute(f"{_ALL} WHERE id = ?", (case_id,)).fetchone()
    if row is None:
        raise NoTask("case: there is none of that id; choose one that is listed")
    return _case(row)


def _case(
    row: tuple[str, CaseKind, CaseState, str, str, float, float, Outcome | None, str | None, str],
) -> Case:
    case_id, kind, state, device, utterance, opened, entered, outcome, proposed_by, reporter = row
    began, since = when(opened), when(entered)
    assert began is not None  # noqa: S101 (for the type checker: the columns are NOT NULL)
    assert since is not None  # noqa: S101 (as above)
    return Case(case_id, kind, state, Whose(device, utterance), began, since, outcome, proposed_by, reporter)
