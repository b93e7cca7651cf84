"""What happens after a listener stopped, or flagged something that is nobody's business. A table. Pure.

The people of 2019 were told that it was not the company's job to interfere. Here every path ends with an
outcome,
somebody named is late when nobody decides, and "nothing to do" needs a reason and a second person.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

CaseKind = Literal["distress", "critical"]
CaseState = Literal["open", "seen", "second_wanted", "ended"]
CaseEvent = Literal["see", "decide", "propose_nothing", "agree", "disagree"]
Outcome = Literal["owner_told", "authority_told", "deleted", "support_given", "nothing_to_do"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

TABLE: Mapping[tuple[CaseState, CaseEvent], CaseState] = {
    ("open", "see"): "seen",
    ("seen", "decide"): "ended",  # with any outcome but nothing_to_do
    ("seen", "propose_nothing"): "second_wanted",  # with a reason
    ("second_wanted", "agree"): "ended",  # nothing_to_do, by a second person
    ("second_wanted", "disagree"): "seen",
    ("second_wanted", "decide"): "ended",  # the second person does something instead
}

DEADLINES: Mapping[CaseKind, Mapping[CaseState, timedelta]] = {
    "distress": {
        "open": timedelta(hours=1),
        "seen": timedelta(hours=24),
        "second_wanted": timedelta(hours=24),
    },
    "critical": {
        "open": timedelta(hours=24),
        "seen": timedelta(hours=72),
        "second_wanted": timedelta(hours=72),
    },
}
"""How long a case may stay in a state before it is late."""

ON_CALL: Mapping[CaseKind, str] = {"distress": "privacy_officer", "critical": "privacy_officer"}
"""Whose case it is. When it is late the auditor's page and `overheard-cloud audit` say so."""


class Step(NamedTuple):
    """What somebody does to a case. reason: required where nothing is to be done."""

    event: CaseEvent
    by: str
    outcome: Outcome | None = None
    reason: str = ""


class Unfit(ValueError):  # noqa: N818 (it says what the step is)
    """A step that the table, or the rule of two people, does not allow. Its argument is one line."""


def step(state: CaseState, asked: Step, proposed_by: str | None = None) -> CaseState:
    """The next state. proposed_by: who proposed that nothing be done. Raises Unfit."""
    following = TABLE.get((state, asked.event))
    if following is None:
        raise Unfit(f"case that is {state}: nobody can {asked.event} it; reload the page")
    needs_outcome = asked.event == "decide"
    if needs_outcome and asked.outcome in (None, "nothing_to_do"):
        raise Unfit("case: name an outcome; nothing_to_do is proposed, with a reason, to a second person")
    if asked.event == "propose_nothing" and not asked.reason.strip():
        raise Unfit("case: nothing to do needs a reason; write it down")
    if asked.event in ("agree", "disagree") and asked.by == proposed_by:
        raise Unfit("case: a second person must agree; ask another privacy officer")
    return following


def outcome_of(asked: Step) -> Outcome | None:
    """How the case ends by this step, if it does."""
    if asked.event == "agree":
        return "nothing_to_do"
    return asked.outcome if asked.event == "decide" else None


def late_since(kind: CaseKind, state: CaseState, entered: datetime, now: datetime) -> datetime | None:
    """Since when a case is late; None while it is not, or has ended."""
    allowed = DEADLINES[kind].get(state)
    if allowed is None or now <= entered + allowed:
        return None
    return entered + allowed
