"""Who is signed in. A token is kept as a hash alone, and changes whenever it comes to mean more."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cloud_stub.people.people import People, Person

_STAFF = (timedelta(minutes=30), timedelta(hours=12))
_OWNER = (timedelta(days=14), timedelta(days=90))
SEEN_EVERY = timedelta(minutes=1)


class Session(NamedTuple):
    """second: when a second factor was last shown; None before. csrf: what every form must send back."""

    person: Person
    csrf: str
    begun: datetime
    seen: datetime
    second: datetime | None


class Sessions:
    """The sessions of these people. Staff are signed out after 30 minutes without a sign and after 12
    hours, owners after 14 and 90 days. From any thread.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._database = people.database

    def begin(self, person: Person, now: datetime) -> str:
        """Sign somebody in who knows their password; return the token for their cookie."""
        token = secrets.token_urlsafe(32)
        row = (_hash(token), person.id, secrets.token_urlsafe(32), now.timestamp(), now.timestamp(), None)
        with self._database.write() as sql:
            sql.execute("DELETE FROM session WHERE begun < ?", ((now - _OWNER[1]).timestamp(),))
            sql.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", row)
        return token

    def find(self, token: str, now: datetime) -> Session | None:
        """Whose token it is; None once it is over, or they are suspended or gone."""
        with self._database.read() as sql:
            query = "SELECT person, csrf, begun, seen, second FROM session WHERE token = ?"
            row = sql.execute(query, (_hash(token),)).fetchone()
        person = self._people.find(row[0]) if row else None
        if row is None or person is None or person.suspended is not None:
            return None
        begun, seen = (datetime.fromtimestamp(at, UTC) for at in row[2:4])
        idle, longest = _OWNER if person.roles == {"owner"} else _STAFF
        if not (seen <= now + SEEN_EVERY and now < seen + idle and now < begun + longest):
            return None
        if now - seen >= SEEN_EVERY:
            with self._database.write() as sql:
                sql.execute("UPDATE session SET seen = ? WHERE token = ?", (now.timestamp(), _hash(token)))
        second = datetime.fromtimestamp(row[4], UTC) if row[4] is not None else None
        return Session(person, row[1], begun, seen, second)

    def showed_second(self, token: str, now: datetime) -> str | None:
        """A second factor was shown: a new token for the same session, and the old one is none any more."""
        new = secrets.token_urlsafe(32)
        row = (_hash(new), now.timestamp(), secrets.token_urlsafe(32), _hash(token))
        with self._database.write() as sql:
            done = sql.execute("UPDATE session SET token = ?, second = ?, csrf = ? WHERE token = ?", row)
            return new if done.rowcount else None

    def end(self, token: str) -> None:
        """Sign out. Twice is harmless."""
        with self._database.write() as sql:
            sql.execute("DELETE FROM session WHERE token = ?", (_hash(token),))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
