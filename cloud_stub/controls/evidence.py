"""What the audit looks at: everything the cloud wrote down, read once. It changes nothing but ledgers of
access.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from cloud_stub.access import Access
from cloud_stub.config import ReviewSection
from cloud_stub.errors import NotKept
from cloud_stub.held import Held
from cloud_stub.people.events import Event
from cloud_stub.people.people import People, Person
from cloud_stub.review import tables
from cloud_stub.review.casebook import Case
from cloud_stub.review.opening import Review
from cloud_stub.review.prepared import Prepared, from_bytes
from cloud_stub.review.tables import Task
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from cloud_stub.wishes import Said, Wishes


class Turn(NamedTuple):
    """That a person had a task, from when to when."""

    task: str
    person: str
    begun: datetime
    ended: datetime | None


class Evidence(NamedTuple):
    """Everything. directory: whose files are searched for what was deleted. left: what databases and blobs
    still have of that.
    """

    now: datetime
    directory: Path
    settings: ReviewSection
    key: bytes
    people: Mapping[str, Person]
    events: list[Event]
    accesses: list[Access]
    held: Mapping[Whose, Held]
    wishes: Mapping[str, list[Said]]
    tasks: Mapping[str, Task]
    turns: list[Turn]
    subjects: Mapping[Whose, str]
    tallies: Mapping[str, int]
    cases: list[Case]
    served: Mapping[Whose, Prepared]
    left: list[str]


class Sources(NamedTuple):
    """Where it is read from."""

    directory: Path
    vault: Vault
    wishes: Wishes
    review: Review
    people: People
    settings: ReviewSection
    key: bytes


def gather(sources: Sources, now: datetime) -> Evidence:
    """Read everything. What listeners may be given is read by the machine, with a row for each."""
    held = {each.whose: each for each in sources.vault.utterances()}
    devices = sorted({whose.device for whose in held})
    with sources.review.database.read() as sql:
        tasks = {task.id: task for task in tables.tasks(sql)}
        rows = sql.execute("SELECT task, person, at, until FROM given ORDER BY at").fetchall()
        subjects = sql.execute("SELECT device, utterance, state FROM subject").fetchall()
        tallies = tables.tallies(sql)
    turns = [Turn(task, who, _moment(at), _moment(until) if until else None) for task, who, at, until in rows]
    given = {task.whose for task in tasks.values()}
    accesses = sources.vault.accesses()  # before the audit's own
    return Evidence(
        now,
        sources.directory,
        sources.settings,
        sources.key,
        {person.id: person for person in sources.people.all()},
        sources.people.events(),
        accesses,
        held,
        {each: sources.wishes.said(each) for each in devices},
        tasks,
        turns,
        {Whose(device, utterance): state for device, utterance, state in subjects},
        tallies,
        sources.review.casebook.all(),
        _served(sources.vault, given, now),
        _left(sources.vault),
    )


def _served(vault: Vault, given: set[Whose], now: datetime) -> dict[Whose, Prepared]:
    found = {}
    for whose in sorted(given):
        with suppress(NotKept):
            found[whose] = from_bytes(vault.open_prepared(whose, "machine", "audit: is it blind?", now))
    return found


def _left(vault: Vault) -> list[str]:
    left = [f"the database: still has a piece of {each}, which was deleted" for each in vault.left_behind()]
    unfinished = [each for each in vault.errands() if each.remove and each.said]
    return left + [f"the blob of {each.whose}, which was deleted: {each.said}" for each in unfinished]


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
