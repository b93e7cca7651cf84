"""Controls about who may sign in, and how. Pure."""

from collections.abc import Iterator
from datetime import timedelta

from cloud_stub.controls.evidence import Evidence
from cloud_stub.people.roles import conflicts
from cloud_stub.review.shifts import SHIFT

MOST_A_SHIFT = 200
"""The ceiling of [review] per_shift: no setting is higher."""


def second_factors(seen: Evidence) -> Iterator[str]:
    """All staff have a second factor that is not paper."""
    for person in seen.people.values():
        if (
            person.roles != {"owner"}
            and person.suspended is None
            and not person.factors & {"totp", "passkey"}
        ):
            yield f"{person.id}: signs in with a password alone; suspend them until they enrol"


def roles(seen: Evidence) -> Iterator[str]:
    """Nobody holds two roles that exclude each other."""
    for person in seen.people.values():
        for one, two in conflicts(person.roles):
            yield f"{person.id}: is both {one} and {two}; take one of them away"


def removals_and_suspensions(seen: Evidence) -> Iterator[str]:
    """Every suspension has a reason."""
    for event in seen.events:
        if event.did == "suspend" and not event.why.strip():
            yield f"row {event.index} of people: {event.whom} was suspended without a reason"


def caps(seen: Evidence) -> Iterator[str]:
    """Nobody was given more than a shift allows."""
    by_person: dict[str, list[float]] = {}
    for turn in seen.turns:
        by_person.setdefault(turn.person, []).append(turn.begun.timestamp())
    limit = min(seen.settings.per_shift, MOST_A_SHIFT)
    for person, moments in sorted(by_person.items()):
        most = _most_within(sorted(moments), SHIFT)
        if most > limit:
            yield f"{person}: was given {most} recordings within nine hours; {limit} are allowed"


def _most_within(moments: list[float], span: timedelta) -> int:
    first = most = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= span.total_seconds():
            first += 1
        most = max(most, last - first + 1)
    return most


def cases(seen: Evidence) -> Iterator[str]:
    """No case is late, and each that ended has an outcome."""
    for case in seen.cases:
        late = case.late_since(seen.now)
        if late is not None:
            yield f"case {case.id} ({case.kind}): nobody did anything since {late:%Y-%m-%d %H:%M}"
        if case.state == "ended" and case.outcome is None:
            yield f"case {case.id} ({case.kind}): ended without an outcome"
