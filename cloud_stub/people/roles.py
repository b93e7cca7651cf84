"""Roles, and what each may do. What does not stand in the table is refused. Pure."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal, get_args

Role = Literal["owner", "reviewer", "adjudicator", "privacy_officer", "auditor", "operator"]
Action = Literal[
    "history.see",
    "history.play",
    "history.delete",
    "wish.say",
    "export.own",
    "task.take",
    "task.play",
    "task.judge",
    "dispute.take",
    "dispute.play",
    "dispute.judge",
    "case.see",
    "case.act",
    "case.play",
    "identify",
    "export.bulk",
    "export.approve",
    "ledger.read",
    "audit.run",
    "people.manage",
]
ROLES: tuple[Role, ...] = get_args(Role)
ACTIONS: tuple[Action, ...] = get_args(Action)

MAY: Mapping[Role, frozenset[Action]] = {
    "owner": frozenset({"history.see", "history.play", "history.delete", "wish.say", "export.own"}),
    "reviewer": frozenset({"task.take", "task.play", "task.judge"}),
    "adjudicator": frozenset({"dispute.take", "dispute.play", "dispute.judge"}),
    "privacy_officer": frozenset(
        {"case.see", "case.act", "case.play", "identify", "export.bulk", "export.approve"}
    ),
    "auditor": frozenset({"ledger.read", "audit.run"}),
    "operator": frozenset({"people.manage"}),
}

LISTENS: frozenset[Action] = frozenset(
    {
        "history.see",
        "history.play",
        "export.own",
        "task.take",
        "task.play",
        "task.judge",
        "dispute.take",
        "dispute.play",
        "dispute.judge",
        "case.play",
        "export.bulk",
    }
)
"""What reaches sound or words. Auditors and operators have none of it."""

STEP_UP: frozenset[Action] = frozenset({"export.own", "identify", "export.bulk", "people.manage"})
"""What needs a second factor shown within the last minutes."""

TWO_PEOPLE: frozenset[Action] = frozenset({"export.bulk"})
"""What needs another person's consent."""

_HEARS: frozenset[Role] = frozenset({"reviewer", "adjudicator", "privacy_officer"})
CONFLICTS: frozenset[frozenset[Role]] = frozenset(
    frozenset(each)
    for each in combinations(ROLES, 2)
    if set(each) & {"owner", "auditor", "operator"} or set(each) <= _HEARS
)
"""Roles that nobody holds both: today all pairs. Whoever judges settles no dispute about it, whoever
audits does nothing else, and staff who own a speaker do so under another name.
"""


def may(roles: Iterable[Role], action: Action) -> bool:
    """Whether one of these roles may do it."""
    return any(action in MAY.get(role, frozenset()) for role in roles)


def conflicts(roles: Iterable[Role]) -> list[tuple[Role, Role]]:
    """The pairs among these that nobody may hold both, in order."""
    return [
        (one, two) for one, two in combinations(sorted(set(roles)), 2) if frozenset({one, two}) in CONFLICTS
    ]
