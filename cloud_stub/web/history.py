"""What an owner sees of their speakers: what was heard, answered, and by whom. Machine, person or both:
never hidden.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from cloud_stub.access import NO_PERSON, Access
from cloud_stub.errors import NotKept
from cloud_stub.held import Held
from cloud_stub.review.judgement import Judgement
from cloud_stub.vault import Vault

PEOPLE = {"reviewer": "a reviewer", "adjudicator": "an adjudicator", "privacy_officer": "a privacy officer"}
"""Whoever may listen. Somebody else who did has no business to, and is shown all the same."""


class Listening(NamedTuple):
    """That a person heard or read it, or learned whose it is."""

    when: str
    role: str
    did: str
    why: str


class Entry(NamedTuple):
    """One recording, as its owner sees it. heard_by: machine, person, or both."""

    device: str
    utterance: str
    begun: datetime
    trigger: str
    heard: str
    answer: str
    heard_by: str
    listenings: tuple[Listening, ...]
    corrected: tuple[str, ...]


def listenings(rows: Sequence[Access], utterance: str | None = None) -> tuple[Listening, ...]:
    """What people did, in order. Their names stay away; their role and purpose do not."""
    found = []
    for row in rows:
        role = row.who.partition(":")[0]
        if role not in NO_PERSON and utterance in (None, row.utterance):
            who = PEOPLE.get(role, f"somebody else ({role})")
            found.append(Listening(row.when[:16].replace("T", " "), who, row.did, _purpose(role, row.why)))
    return tuple(found)


def _purpose(role: str, why: str) -> str:
    """In words for the owner: the id of a task says nothing to anybody but an auditor."""
    if why.startswith("task "):
        return "two reviewers differed" if role == "adjudicator" else "of a random share: was it understood?"
    return why


def entry(vault: Vault, held: Held, rows: Sequence[Access], who: str, now: datetime) -> Entry | None:
    """One of an owner's recordings, read at the door; None when it is gone."""
    if held.header is None:
        return None
    try:
        said = vault.read(held.whose, who, "history", now)
    except NotKept:
        return None
    people = listenings(rows, held.whose.utterance)
    by = "machine" if said.words else "nobody yet"
    if any(each.did in ("open", "read") for each in people):
        by = "machine and person" if said.words else "person"
    judged = [msgspec.json.decode(text, type=Judgement) for text in said.notes.values()]
    return Entry(
        *held.whose,
        held.begun,
        held.header.trigger.kind.replace("_", " "),
        said.words.heard if said.words else "",
        said.words.answer if said.words else "",
        by,
        people,
        tuple(dict.fromkeys(each.transcript for each in judged)),
    )
