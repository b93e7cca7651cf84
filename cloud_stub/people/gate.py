"""The one place that says yes or no. It asks `roles.MAY`, and how sure it is of who asks. Pure."""

from datetime import datetime, timedelta
from typing import Literal

from cloud_stub.people.people import Person
from cloud_stub.people.roles import STEP_UP, Action, may
from cloud_stub.people.sessions import Session

FRESH = timedelta(minutes=5)

Why = Literal["sign_in", "second_factor", "step_up", "role"]


class Refused(Exception):  # noqa: N818 (it says what happened)
    """No. `why` says what is missing; "role" also stands for what does not exist."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


def check(session: Session | None, action: Action, now: datetime) -> Person:
    """Whoever may do this now. Raises Refused.

    A second factor is wanted of everybody, for everything: a password alone neither listens nor deletes, and
    lets nobody listen. A fresh one is wanted for what is in STEP_UP.
    """
    if session is None or session.person.suspended is not None:
        raise Refused("sign_in")
    if not may(session.person.roles, action):
        raise Refused("role")
    if session.second is None:
        raise Refused("second_factor")
    if action in STEP_UP and not is_fresh(session, now):
        raise Refused("step_up")
    return session.person


def is_fresh(session: Session, now: datetime) -> bool:
    """Whether a second factor was shown within the last minutes."""
    return session.second is not None and now - session.second <= FRESH
