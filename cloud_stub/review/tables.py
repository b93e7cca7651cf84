"""Who was given what to hear, and when. Not a word of what was said: that is sealed with the recording."""

import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from cloud_stub.database import Database
from cloud_stub.errors import NoTask
from cloud_stub.private_files import private_directory
from cloud_stub.whose import Whose

FILE = "review.sqlite"
SubjectState = Literal[
    "drawn", "ready", "disputed", "settled", "false_wake", "withdrawn", "quarantined", "stopped"
]
TaskKind = Literal["review", "dispute"]
TaskState = Literal["waiting", "taken", "judged", "withdrawn"]

SCHEMA = """
CREATE TABLE subject (
    device TEXT, utterance TEXT, state TEXT NOT NULL, drawn REAL NOT NULL,
    categories INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (device, utterance)
) WITHOUT ROWID;
CREATE TABLE task (
    id TEXT PRIMARY KEY, device TEXT NOT NULL, utterance TEXT NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL, person TEXT, taken REAL, done REAL, plays INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX of_subject ON task (device, utterance);
CREATE TABLE given (task TEXT NOT NULL, person TEXT NOT NULL, at REAL NOT NULL, until REAL);
CREATE TABLE stop (person TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE declined (person TEXT PRIMARY KEY, categories INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tally (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE cases (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, device TEXT NOT NULL, utterance TEXT NOT
    NULL,
    task TEXT NOT NULL, reporter TEXT NOT NULL, opened REAL NOT NULL, entered REAL NOT NULL,
    outcome TEXT, proposed_by TEXT
) WITHOUT ROWID;
CREATE TABLE case_step (
    cases TEXT NOT NULL, at REAL NOT NULL, event TEXT NOT NULL, by TEXT NOT NULL, outcome TEXT,
    reason TEXT NOT NULL
);
"""


class Task(NamedTuple):
    """One person's turn at one recording. id: 16 random bytes in hex, told to nobody but that person."""

    id: str
    whose: Whose
    kind: TaskKind
    state: TaskState
    person: str | None
    taken: datetime | None
    done: datetime | None
    plays: int


def open_tables(directory: Path) -> Database:
    """The file in `directory` (0700). Raises StorageError."""
    private_directory(directory)
    return Database(directory / FILE, SCHEMA, 1)


def find_task(sql: sqlite3.Connection, task_id: str) -> Task | None:
    """The task of that id."""
    return next(iter(tasks(sql, "WHERE id = ?", task_id)), None)


def tasks(sql: sqlite3.Connection, which: str = "", *values: object) -> list[Task]:
    """All tasks, or those that `which` (the end of a query over `task`) selects."""
    columns = "id, device, utterance, kind, task.state, person, taken, done, plays"
    rows = sql.execute(f"SELECT {columns} FROM task {which}", values)  # noqa: S608 (constants)
    return [
        Task(row[0], Whose(row[1], row[2]), row[3], row[4], row[5], when(row[6]), when(row[7]), row[8])
        for row in rows
    ]


def add_task(sql: sqlite3.Connection, whose: Whose, kind: TaskKind) -> None:
    """A turn for somebody, under a name that says nothing."""
    new = "INSERT INTO task (id, device, utterance, kind, state) VALUES (?, ?, ?, ?, 'waiting')"
    sql.execute(new, (secrets.token_hex(16), *whose, kind))


def held_task(sql: sqlite3.Connection, task_id: str, person: str) -> Task:
    """The task that this person has taken. Raises NoTask."""
    task = find_task(sql, task_id)
    if task is None or task.state != "taken" or task.person != person:
        raise NoTask("task: not yours, or over; take the next one")
    return task


def given_task(sql: sqlite3.Connection, task_id: str, person: str) -> Task:
    """The task that this person was given at some time, over or not. Raises NoTask."""
    was_given = "SELECT 1 FROM given WHERE task = ? AND person = ?"
    task = find_task(sql, task_id)
    if task is None or sql.execute(was_given, (task_id, person)).fetchone() is None:
        raise NoTask("task: not yours; take the next one")
    return task


def left_over(sql: sqlite3.Connection) -> list[Task]:
    """Tasks that were judged, the last ones of their recordings, of which no conclusion was drawn."""
    return tasks(
        sql,
        """
        JOIN subject USING (device, utterance) WHERE task.state = 'judged'
        AND subject.state = CASE kind WHEN 'review' THEN 'ready' ELSE 'disputed' END AND NOT EXISTS (
            SELECT 1 FROM task AS other WHERE other.state IN ('waiting', 'taken')
            AND other.device = task.device AND other.utterance = task.utterance)""",
    )


def next_task(sql: sqlite3.Connection, person: str, kind: TaskKind) -> Task | None:
    """The next one that waits for this person: of a recording that they were never given in another task, and
    of nothing that they decline.
    """
    which = """
        JOIN subject USING (device, utterance)
        WHERE task.state = 'waiting' AND kind = ? AND categories & ? = 0 AND NOT EXISTS (
            SELECT 1 FROM given JOIN task AS earlier ON given.task = earlier.id
            WHERE given.person = ? AND earlier.id != task.id
            AND earlier.device = task.device AND earlier.utterance = task.utterance)
        ORDER BY drawn, id LIMIT 1"""
    return next(iter(tasks(sql, which, kind, declined_bits(sql, person), person)), None)


def declined_bits(sql: sqlite3.Connection, person: str) -> int:
    """What this person does not want to hear, as a number."""
    row = sql.execute("SELECT categories FROM declined WHERE person = ?", (person,)).fetchone()
    return row[0] if row else 0


def give(sql: sqlite3.Connection, task_id: str, person: str, now: datetime) -> bool:
    """Give a task that waits to a person; False if somebody was quicker."""
    take = "UPDATE task SET state = 'taken', person = ?, taken = ? WHERE id = ? AND state = 'waiting'"
    if not sql.execute(take, (person, now.timestamp(), task_id)).rowcount:
        return False
    sql.execute("INSERT INTO given VALUES (?, ?, ?, NULL)", (task_id, person, now.timestamp()))
    return True


def take_back(sql: sqlite3.Connection, task_id: str, now: datetime) -> None:
    """Let a task wait for somebody again."""
    sql.execute("UPDATE task SET state = 'waiting', person = NULL, taken = NULL WHERE id = ?", (task_id,))
    _end_turn(sql, task_id, now)


def finish(sql: sqlite3.Connection, task_id: str, state: TaskState, now: datetime) -> None:
    """A turn is over."""
    sql.execute("UPDATE task SET state = ?, done = ? WHERE id = ?", (state, now.timestamp(), task_id))
    _end_turn(sql, task_id, now)


def _end_turn(sql: sqlite3.Connection, task_id: str, now: datetime) -> None:
    over = "UPDATE given SET until = ? WHERE until IS NULL AND task = ?"
    sql.execute(over, (now.timestamp(), task_id))


def subject_state(sql: sqlite3.Connection, whose: Whose) -> SubjectState | None:
    """How far the review of a recording is; None if it was never drawn."""
    row = sql.execute("SELECT state FROM subject WHERE device = ? AND utterance = ?", whose).fetchone()
    return row[0] if row else None


def set_subject(sql: sqlite3.Connection, whose: Whose, state: SubjectState) -> None:
    """Say how far the review is. What it may be about is forgotten as soon as nobody waits for it."""
    to = "state = ?" if state == "disputed" else "state = ?, categories = 0"
    over = f"UPDATE subject SET {to} WHERE device = ? AND utterance = ?"  # noqa: S608 (constants)
    sql.execute(over, (state, *whose))


def withdraw(sql: sqlite3.Connection, whose: Whose, state: SubjectState, now: datetime) -> None:
    """Take a recording away from everyone at once."""
    set_subject(sql, whose, state)
    ended = "UPDATE task SET state = 'withdrawn', done = ? WHERE device = ? AND utterance = ?"
    sql.execute(ended + " AND state IN ('waiting', 'taken')", (now.timestamp(), *whose))
    over = "UPDATE given SET until = ? WHERE until IS NULL AND task IN"
    over += " (SELECT id FROM task WHERE device = ? AND utterance = ?)"
    sql.execute(over, (now.timestamp(), *whose))


def count(sql: sqlite3.Connection, name: str, by: int = 1) -> None:
    """Add to a tally: a number that names no recording and no person."""
    add = "INSERT INTO tally VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"
    sql.execute(add, (name, by))


def tallies(sql: sqlite3.Connection) -> dict[str, int]:
    """Every tally by name."""
    return dict(sql.execute("SELECT name, count FROM tally ORDER BY name").fetchall())


def when(at: float | None) -> datetime | None:
    """A moment of a table, in UTC."""
    return datetime.fromtimestamp(at, UTC) if at is not None else None
