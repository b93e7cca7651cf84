"""Passkeys as a second factor (WebAuthn, by py_webauthn). A challenge is good once, for five minutes, for
one person.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.parse_authentication_credential_json import parse_authentication_credential_json
from webauthn.helpers.structs import PublicKeyCredentialDescriptor

from cloud_stub.people import events
from cloud_stub.people.people import People, Person

GOOD_FOR = timedelta(minutes=5)
MOST_WAITING = 1000


class _Challenge(NamedTuple):
    value: bytes
    person: str
    at: datetime


class Passkeys:
    """Keys that these people hold. site: where the pages are, "https://cloud.example" (or
    http://localhost:port). From one thread at a time.
    """

    def __init__(self, people: People, site: str) -> None:
        self._database = people.database
        self._people = people
        self._origin = site.rstrip("/")
        self._host = self._origin.split("://")[-1].split(":")[0]
        self._waiting: dict[tuple[str, str], _Challenge] = {}

    def offer_registration(self, person: Person, now: datetime) -> str:
        """The options for the browser, as JSON."""
        options = generate_registration_options(
            rp_id=self._host,
            rp_name="Overheard",
            user_name=person.name,
            user_id=person.id.encode(),
            challenge=self._challenge("new", person, now),
            exclude_credentials=self._held(person),
        )
        return options_to_json(options)

    def register(self, person: Person, response: str, now: datetime) -> bool:
        """Keep a key that answered the offer; whether it did."""
        challenge = self._spend("new", person, now)
        if challenge is None:
            return False
        try:
            found = verify_registration_response(
                credential=response,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return False
        with self._database.write() as sql:
            row = (found.credential_id, person.id, found.credential_public_key, found.sign_count)
            if sql.execute("SELECT 1 FROM passkey WHERE id = ?", row[:1]).fetchone():
                return False
            sql.execute("INSERT INTO passkey VALUES (?, ?, ?, ?, ?)", (*row, now.timestamp()))
            events.append(sql, "passkey", person.id, (person.id, "enrolled", now))
        return True

    def offer(self, person: Person, now: datetime) -> str:
        """The options for showing one of their keys, as JSON."""
        options = generate_authentication_options(
            rp_id=self._host,
            challenge=self._challenge("show", person, now),
            allow_credentials=self._held(person),
        )
        return options_to_json(options)

    def check(self, person: Person, response: str, now: datetime) -> bool:
        """Whether a key of theirs answered the offer. A counter that does not go on is a copy, and
        refused.
        """
        challenge = self._spend("show", person, now)
        try:
            key_id = base64url_to_bytes(parse_authentication_credential_json(response).id)
            with self._database.write() as sql:
                query = "SELECT public, count FROM passkey WHERE id = ? AND person = ?"
                row = sql.execute(query, (key_id, person.id)).fetchone()
                if challenge is None or row is None:
                    return False
                found = verify_authentication_response(
                    credential=response,
                    expected_challenge=challenge,
                    expected_rp_id=self._host,
                    expected_origin=self._origin,
                    credential_public_key=row[0],
                    credential_current_sign_count=row[1],
                )
                sql.execute("UPDATE passkey SET count = ? WHERE id = ?", (found.new_sign_count, key_id))
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return False
        return True

    def _held(self, person: Person) -> list[PublicKeyCredentialDescriptor]:
        with self._database.read() as sql:
            rows = sql.execute("SELECT id FROM passkey WHERE person = ?", (person.id,)).fetchall()
        return [PublicKeyCredentialDescriptor(id=key) for (key,) in rows]

    def _challenge(self, what: str, person: Person, now: datetime) -> bytes:
        while len(self._waiting) >= MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        challenge = _Challenge(secrets.token_bytes(32), person.id, now)
        self._waiting[what, person.id] = challenge
        return challenge.value

    def _spend(self, what: str, person: Person, now: datetime) -> bytes | None:
        challenge = self._waiting.pop((what, person.id), None)
        return challenge.value if challenge and now - challenge.at <= GOOD_FOR else None
