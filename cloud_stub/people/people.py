"""The people: added, given roles, suspended, removed; and how they prove that they know or have something.

Nothing here decides what anybody may do. Time is an argument.
"""

import base64
import secrets
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pyotp
from pyotp.exceptions import OTPVerificationError

from cloud_stub.errors import PersonError
from cloud_stub.people import events
from cloud_stub.people.events import Event
from cloud_stub.people.roles import ROLES, Role, conflicts
from cloud_stub.people.secrets_at_rest import SeedKey, hashed, hashed_anew, is_outdated, matches, paper_hash
from cloud_stub.people.tables import KEY_FILE, open_tables
from cloud_stub.private_files import private_directory
from device.ledger import Checkpoint

ISSUER = "Overheard"
PAPERS = 10
LONGEST_NAME = 64


class Person(NamedTuple):
    """id: random, what ledgers say. name: to sign in with. devices: of an owner. factors: totp, passkey,
    paper.
    """

    id: str
    name: str
    roles: frozenset[Role]
    devices: tuple[str, ...]
    suspended: str | None
    factors: frozenset[str]


class Totp(NamedTuple):
    """What an authenticator app is given once."""

    uri: str
    secret: str


class People:
    """Everybody in `directory`. From any thread.

    by: who does it ("console" for a command line). Raises StorageError and KeyFileError, and PersonError
    for nobody of that id and for what is not allowed.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._seeds = SeedKey(directory / KEY_FILE)
        self.database = open_tables(directory)

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self.database.close()

    # Who there is

    def find(self, person_id: str) -> Person | None:
        """The person of that id."""
        with self.database.read() as sql:
            return next(iter(_people(sql, "WHERE id = ?", person_id)), None)

    def named(self, name: str) -> Person | None:
        """The person of that name."""
        with self.database.read() as sql:
            return next(iter(_people(sql, "WHERE name = ?", name)), None)

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self.database.read() as sql:
            return _people(sql, "ORDER BY name")

    def owner_of(self, device: str) -> Person | None:
        """Whose speaker it is."""
        with self.database.read() as sql:
            which = "WHERE id = (SELECT person FROM device WHERE device = ?)"
            return next(iter(_people(sql, which, device)), None)

    # What is done to them

    def add(
        self,
        name: str,
        password: str,
        roles: frozenset[Role],
        by: tuple[str, datetime],
        devices: tuple[str, ...] = (),
    ) -> Person:
        """Somebody new."""
        _check_name(name)
        _check_roles(name, roles, devices)
        person_id = base64.b32encode(secrets.token_bytes(15)).decode().lower()
        stored = hashed(password, name)
        with self.database.write() as sql:
            if _people(sql, "WHERE name = ?", name):
                raise PersonError(f"{name}: there is somebody of that name; take another")
            put = "INSERT INTO person (id, name, password, roles) VALUES (?, ?, ?, ?)"
            sql.execute(put, (person_id, name, stored, " ".join(sorted(roles))))
            for device in devices:
                _give_device(sql, device, person_id)
            events.append(sql, "add", person_id, (by[0], " ".join(sorted(roles)), by[1]))
            return _require(sql, person_id)

    def set_roles(self, person_id: str, roles: frozenset[Role], by: tuple[str, datetime]) -> None:
        """Other roles; whoever had them signs in anew."""
        with self.database.write() as sql:
            person = _require(sql, person_id)
            _check_roles(person.name, roles, person.devices)
            sql.execute("UPDATE person SET roles = ? WHERE id = ?", (" ".join(sorted(roles)), person_id))
            _sign_out(sql, person_id)
            events.append(sql, "roles", person_id, (by[0], " ".join(sorted(roles)), by[1]))

    def set_password(self, person_id: str, password: str, by: tuple[str, datetime]) -> None:
        """Another password."""
        with self.database.write() as sql:
            person = _require(sql, person_id)
            stored = hashed(password, person.name)
            sql.execute("UPDATE person SET password = ? WHERE id = ?", (stored, person_id))
            _sign_out(sql, person_id)
            events.append(sql, "password", person_id, (by[0], "changed", by[1]))

    def suspend(self, person_id: str, why: str, by: tuple[str, datetime]) -> None:
        """Out at once, until `restore`. It needs a reason."""
        if not why.strip():
            raise PersonError("suspend: no reason given; say why")
        with self.database.write() as sql:
            _require(sql, person_id)
            sql.execute("UPDATE person SET suspended = ? WHERE id = ?", (why, person_id))
            _sign_out(sql, person_id)
            events.append(sql, "suspend", person_id, (by[0], why, by[1]))

    def restore(self, person_id: str, by: tuple[str, datetime]) -> None:
        """In again."""
        with self.database.write() as sql:
            _require(sql, person_id)
            sql.execute("UPDATE person SET suspended = NULL WHERE id = ?", (person_id,))
            _sign_out(sql, person_id)  # what was begun meanwhile does not wake up now
            events.append(sql, "restore", person_id, (by[0], "restored", by[1]))

    def remove(self, person_id: str, by: tuple[str, datetime]) -> None:
        """Gone, with everything but the rows that name an id."""
        with self.database.write() as sql:
            _require(sql, person_id)
            for table in ("device", "paper", "passkey", "session", "asked"):
                sql.execute(f"DELETE FROM {table} WHERE person = ?", (person_id,))  # noqa: S608 (constants)
            sql.execute("DELETE FROM person WHERE id = ?", (person_id,))
            events.append(sql, "remove", person_id, (by[0], "removed", by[1]))
        self.database.shred_log()

    # How they prove who they are

    def check_password(self, name: str, password: str) -> Person | None:
        """The person whose name and password these are; suspended ones too. The same work for nobody."""
        with self.database.read() as sql:
            row = sql.execute("SELECT id, password FROM person WHERE name = ?", (name,)).fetchone()
        if not matches(password, row[1] if row else None):
            return None
        if is_outdated(row[1]):
            self._renew(row[0], row[1], password)
        return self.find(row[0])

    def _renew(self, person_id: str, seen: str, password: str) -> None:
        """Hash anew, unless the password was changed since its hash was `seen`."""
        anew = hashed_anew(password)
        with self.database.write() as sql:
            renew = "UPDATE person SET password = ? WHERE id = ? AND password = ?"
            sql.execute(renew, (anew, person_id, seen))

    def enrol_totp(self, person_id: str) -> Totp:
        """A new seed, to be confirmed with `confirm_totp`; nothing is stored until then."""
        with self.database.read() as sql:
            person = _require(sql, person_id)
        secret = pyotp.random_base32()
        return Totp(pyotp.TOTP(secret).provisioning_uri(name=person.name, issuer_name=ISSUER), secret)

    def confirm_totp(self, person_id: str, secret: str, code: str, now: datetime) -> list[str] | None:
        """Keep the seed if the app shows its code; return the new papers, or None."""
        step = _step(secret, code, now)
        if step is None:
            return None
        papers = [secrets.token_hex(10) for _ in range(PAPERS)]
        with self.database.write() as sql:
            _require(sql, person_id)
            sealed = self._seeds.seal(secret, person_id)
            sql.execute("UPDATE person SET seed = ?, last_step = ? WHERE id = ?", (sealed, step, person_id))
            sql.execute("DELETE FROM paper WHERE person = ?", (person_id,))
            rows = [(person_id, paper_hash(each)) for each in papers]
            sql.executemany("INSERT INTO paper VALUES (?, ?)", rows)
            events.append(sql, "totp", person_id, (person_id, "enrolled", now))
        return ["-".join(each[at : at + 5] for at in range(0, 20, 5)) for each in papers]

    def check_totp(self, person_id: str, code: str, now: datetime) -> bool:
        """Whether the app shows this code now, or half a minute from now; none counts twice, ever."""
        with self.database.write() as sql:
            row = sql.execute("SELECT seed, last_step FROM person WHERE id = ?", (person_id,)).fetchone()
            if row is None or row[0] is None:
                return False
            step = _step(self._seeds.open(row[0], person_id), code, now)
            if step is None or step <= row[1]:
                return False
            sql.execute("UPDATE person SET last_step = ? WHERE id = ?", (step, person_id))
            return True

    def check_paper(self, person_id: str, code: str, now: datetime) -> bool:
        """Whether it is a code on their paper; it counts once."""
        with self.database.write() as sql:
            spend = "DELETE FROM paper WHERE person = ? AND hash = ?"
            if not sql.execute(spend, (person_id, paper_hash(code))).rowcount:
                return False
            events.append(sql, "paper", person_id, (person_id, "spent", now))
            return True

    def events(self) -> list[Event]:
        """What was done to whom, in order."""
        with self.database.read() as sql:
            return events.rows(sql)

    def events_head(self) -> Checkpoint:
        """The Merkle head of these."""
        with self.database.read() as sql:
            return events.head(sql)


def _people(sql: sqlite3.Connection, which: str, *values: str) -> list[Person]:
    query = f"SELECT id, name, roles, suspended, seed IS NOT NULL FROM person {which}"  # noqa: S608 (constants)
    return [_person(sql, row) for row in sql.execute(query, values).fetchall()]


def _person(sql: sqlite3.Connection, row: tuple[str, str, str, str | None, int]) -> Person:
    person_id, name, roles, suspended, has_seed = row
    devices = sql.execute(
        "SELECT device FROM device WHERE person = ? ORDER BY device", (person_id,)
    ).fetchall()
    factors = {"totp"} if has_seed else set()
    for factor in ("passkey", "paper"):
        query = f"SELECT 1 FROM {factor} WHERE person = ? LIMIT 1"  # noqa: S608 (constants)
        if sql.execute(query, (person_id,)).fetchone():
            factors.add(factor)
    held = frozenset(each for each in ROLES if each in roles.split())
    return Person(
        person_id, name, held, tuple(device for (device,) in devices), suspended, frozenset(factors)
    )


def _require(sql: sqlite3.Connection, person_id: str) -> Person:
    found = _people(sql, "WHERE id = ?", person_id)
    if not found:
        raise PersonError(f"person {person_id}: nobody of that id; see `overheard-cloud people list`")
    return found[0]


def _step(secret: str, code: str, now: datetime) -> int | None:
    """Which half minute a code is of: this one, the last or the next; None if it is of none of them."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code.strip(), for_time=now, valid_window=1)
    except (OTPVerificationError, ValueError):
        return None


def _check_name(name: str) -> None:
    if not name.isprintable() or not name.strip() or name != name.strip() or len(name) > LONGEST_NAME:
        raise PersonError(f"{name[:20]!r}: no name; take printable characters, {LONGEST_NAME} at most")


def _check_roles(name: str, roles: frozenset[Role], devices: tuple[str, ...]) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown or not roles:
        raise PersonError(f"{name}: {unknown or 'no role'}; take one of {', '.join(ROLES)}")
    for one, two in conflicts(roles):
        raise PersonError(f"{name}: nobody is both {one} and {two}; add two people")
    if devices and roles != {"owner"}:
        raise PersonError(f"{name}: only an owner has devices; add the owner apart")


def _give_device(sql: sqlite3.Connection, device: str, person_id: str) -> None:
    if sql.execute("SELECT 1 FROM device WHERE device = ?", (device,)).fetchone():
        raise PersonError(f"{device}: has an owner; remove them first")
    sql.execute("INSERT INTO device VALUES (?, ?)", (device, person_id))


def _sign_out(sql: sqlite3.Connection, person_id: str) -> None:
    sql.execute("DELETE FROM session WHERE person = ?", (person_id,))
