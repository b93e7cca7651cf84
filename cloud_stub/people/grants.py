"""What needs two people: one asks with a reason, another agrees, the first does it, once and soon."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cloud_stub.errors import PersonError
from cloud_stub.people import events
from cloud_stub.people.people import People
from cloud_stub.people.roles import may

GOOD_FOR = timedelta(hours=1)


class Asked(NamedTuple):
    """Something that somebody asked for."""

    id: str
    person: str
    what: str
    reason: str
    at: datetime
    approved_by: str | None
    used: bool


class Grants:
    """Raises PersonError for whatever the rule of two does not allow."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._database = people.database

    def ask(self, person: str, what: str, reason: str, now: datetime) -> str:
        """Ask; return an id."""
        if not reason.strip():
            raise PersonError(f"{what}: no reason given; say why")
        grant = secrets.token_hex(8)
        with self._database.write() as sql:
            row = (grant, person, what, reason, now.timestamp())
            sql.execute("INSERT INTO asked (id, person, what, reason, at) VALUES (?, ?, ?, ?, ?)", row)
            events.append(sql, f"ask {what}", person, (person, reason, now))
        return grant

    def all(self, now: datetime) -> list[Asked]:
        """What was asked and is still good, the newest first."""
        query = "SELECT id, person, what, reason, at, approved_by, used FROM asked WHERE at > ?"
        with self._database.read() as sql:
            rows = sql.execute(f"{query} ORDER BY at DESC", ((now - GOOD_FOR).timestamp(),)).fetchall()
        return [
            Asked(one, person, what, reason, datetime.fromtimestamp(at, UTC), approved_by, used is not None)
            for one, person, what, reason, at, approved_by, used in rows
        ]

    def approve(self, grant: str, other: str, now: datetime) -> None:
        """Agree to what somebody else asked; the first who does stands."""
        asked = self._good(grant, now)
        if asked.person == other:
            raise PersonError("agree: nobody agrees to what they asked for themselves; ask another officer")
        if not self._agrees(other):
            raise PersonError("agree: not an officer who may; ask another officer")
        with self._database.write() as sql:
            agree = "UPDATE asked SET approved_by = ? WHERE id = ? AND used IS NULL AND approved_by IS NULL"
            if not sql.execute(agree, (other, grant)).rowcount:
                raise PersonError("agree: agreed to already, or done; nothing is left to do")
            events.append(sql, f"approve {asked.what}", asked.person, (other, asked.reason, now))

    def use(self, grant: str, person: str, what: str, now: datetime) -> None:
        """Do it, once, and only while whoever agreed still may."""
        asked = self._good(grant, now)
        if (asked.person, asked.what) != (person, what) or not self._agreed(asked):
            raise PersonError(f"{what}: a second person has not agreed; ask, and let another officer agree")
        with self._database.write() as sql:
            spend = "UPDATE asked SET used = ? WHERE id = ? AND used IS NULL"
            if not sql.execute(spend, (now.timestamp(), grant)).rowcount:
                raise PersonError(f"{what}: done once already; ask anew")
            events.append(sql, f"use {what}", person, (person, f"{grant}: {asked.reason}", now))

    def _agreed(self, asked: Asked) -> bool:
        return asked.approved_by not in (None, asked.person) and self._agrees(asked.approved_by or "")

    def _agrees(self, person_id: str) -> bool:
        person = self._people.find(person_id)
        return person is not None and person.suspended is None and may(person.roles, "export.approve")

    def _good(self, grant: str, now: datetime) -> Asked:
        found = next((each for each in self.all(now) if each.id == grant and not each.used), None)
        if found is None:
            raise PersonError("grant: not asked, done already, or over; ask anew")
        return found
