"""Controls about what was heard, by whom, and whether they had to. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from cloud_stub.access import NO_PERSON, Access
from cloud_stub.controls.evidence import Evidence
from cloud_stub.people.roles import LISTENS, MAY, ROLES
from cloud_stub.whose import Whose
from cloud_stub.wishes import at_that_time

LISTENERS = ("reviewer", "adjudicator")
SEATS = 3
"""Two reviewers and an adjudicator: nobody else hears one recording in review."""

_TASK = re.compile(r"task ([0-9a-f]{32}): (text|sound)|task ([0-9a-f]{32})")
_CASE = re.compile(r"case ([0-9a-f]{16})(: .*)?")


def tasks(seen: Evidence) -> Iterator[str]:
    """Whoever listens in review has the task for it at that moment; and nobody else listens at all."""
    for row in seen.accesses:
        role, _, person = row.who.partition(":")
        if row.did == "forget" or role in NO_PERSON:
            continue
        if role not in ROLES or not MAY[role] & LISTENS:
            yield f"row {row.index}: {row.who} {row.did} {_id(row)}: nobody of that role may"
        elif role in LISTENERS and not _had_task(seen, row, person):
            yield f"row {row.index}: {row.who} {row.did} {_id(row)} without a task ({row.why})"
        elif role == "privacy_officer" and not _had_case(seen, row):
            yield f"row {row.index}: {row.who} {row.did} {_id(row)} without a case ({row.why})"


def _had_task(seen: Evidence, row: Access, person: str) -> bool:
    named = _TASK.fullmatch(row.why)
    task = seen.tasks.get(named[1] or named[3]) if named else None
    if task is None or task.whose != _whose(row):
        return False
    at = _when(row)
    turns = [turn for turn in seen.turns if turn.task == task.id and turn.person == person]
    return any(turn.begun <= at and (turn.ended is None or at <= turn.ended) for turn in turns)


def _had_case(seen: Evidence, row: Access) -> bool:
    if row.why.startswith("export "):
        used = {
            (event.why.partition(":")[0], event.who)
            for event in seen.events
            if event.did == "use export.bulk"
        }
        return (row.why.removeprefix("export "), row.who.partition(":")[2]) in used
    named = _CASE.fullmatch(row.why)
    return named is not None and any(each.id == named[1] and each.whose == _whose(row) for each in seen.cases)


def passed_around(seen: Evidence) -> Iterator[str]:
    """No recording was heard by more people than there are seats, or oftener than a task allows."""
    heard: dict[Whose, Counter[str]] = defaultdict(Counter)
    for row in seen.accesses:
        if row.did == "open" and row.who.partition(":")[0] in LISTENERS and not row.why.endswith(": text"):
            heard[_whose(row)][row.who] += 1
    for whose, by in sorted(heard.items()):
        if len(by) > SEATS:
            yield f"{whose}: heard by {len(by)} people; {SEATS} at most are wanted"
        for who, times in sorted(by.items()):
            if times > seen.settings.plays:
                yield f"{whose}: {who} played it {times} times; {seen.settings.plays} are allowed"


def consent(seen: Evidence) -> Iterator[str]:
    """Nothing was heard in review whose device, or whose owner by then, did not allow it."""
    for row in seen.accesses:
        if row.who.partition(":")[0] not in LISTENERS or row.did == "forget":
            continue
        held = seen.held.get(_whose(row))
        if held is not None and held.header is not None and not held.header.consent.review:
            yield f"row {row.index}: {row.who} heard {_id(row)}, which its device does not let people hear"
        if not at_that_time(seen.wishes.get(row.device, ()), _when(row)).review:
            yield f"row {row.index}: {row.who} heard {_id(row)}, which its owner did not allow by then"


def identification(seen: Evidence) -> Iterator[str]:
    """Whoever learned whose a recording is was a privacy officer with a case and a reason."""
    for row in seen.accesses:
        if row.did == "identify":
            named = _CASE.fullmatch(row.why)
            if (
                not row.who.startswith("privacy_officer:")
                or named is None
                or not (named[2] or "")[2:].strip()
            ):
                yield f"row {row.index}: {row.who} learned whose {_id(row)} is, without a case and a reason"


def blind(seen: Evidence) -> Iterator[str]:
    """What waits for listeners says nothing of whose it is."""
    names = {device: person.name for person in seen.people.values() for device in person.devices}
    for whose, prepared in seen.served.items():
        text = " ".join(
            [prepared.heard, prepared.answer, prepared.intent, *(word.text for word in prepared.words)]
        )
        for secret in (whose.device, whose.utterance, names.get(whose.device)):
            if secret and secret.lower() in text.lower():
                yield f"a task of {whose}: says whose it is"
                break


def _whose(row: Access) -> Whose:
    return Whose(row.device, row.utterance)


def _id(row: Access) -> str:
    return str(_whose(row))


def _when(row: Access) -> datetime:
    return datetime.fromisoformat(row.when).astimezone(UTC)
