"""The cloud's store, as a file that somebody handed over (promises 8 and 9): none of its code is asked."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec
import rfc8785

from device.envelope import EnvelopeError
from lab.audit.disk import files
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence, begins
from lab.audit.verdicts import Check, Finding


class _Held(NamedTuple):
    """What the cloud's store says of an utterance."""

    state: str
    answered: bool


class _Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    index: int
    did: str
    utterance: str
    device: str
    who: str
    why: str
    when: str


def _gone(evidence: Evidence) -> Iterator[Finding]:
    """Nothing is left in the store of what is forgotten, and what may not be saved is forgotten."""
    store = _store(evidence)
    held, pieces = _held(store), _pieces(store)
    gone = [
        sent
        for sent, begin in begins(evidence)
        if _must_be_gone(held.get(sent.name), begin.header.consent.save)
    ]
    if not gone:
        raise NotGiven("a run in which something is deleted, or was not to be saved")
    stored = b"".join(path.read_bytes() for path in files(evidence.given.directory / "cloud"))
    keys = _data_keys(evidence)
    for sent in gone:
        if held[sent.name].state != "forgotten" or sent.name in pieces:
            yield Finding(f"utterance {sent.name} was answered and not to be saved, and is kept", store.name)
        if any(segment[4:68] in stored for segment in sent.segments):
            yield Finding(
                f"utterance {sent.name} is forgotten, and its ciphertext is still there", store.name
            )
        if any(key in stored or key.hex().encode() in stored for key in keys.get(sent.name, [])):
            yield Finding(f"utterance {sent.name} is forgotten, and its data key is still there", store.name)


def _must_be_gone(held: _Held | None, save: bool) -> bool:
    return held is not None and (held.state == "forgotten" or (held.answered and not save))


def _door(evidence: Evidence) -> Iterator[Finding]:
    """The list of openings is whole, and has one of each utterance that was answered, before its end."""
    store = _store(evidence)
    openings = []
    for index, line in enumerate(_query(store, "SELECT row FROM access ORDER BY idx")):
        opening = _opening(line[0]) if isinstance(line[0], bytes) else None
        if opening is None or opening.index != index:
            yield Finding(f"row {index} of the list of openings is not what was written", store.name)
        elif not opening.who.strip() or not opening.why.strip():
            yield Finding(f"row {index} of the list of openings does not say who, or why", store.name)
        else:
            openings.append(opening)
    held = _held(store)
    opened = {each.utterance for each in openings if each.did == "open"}
    forgotten = {each.utterance for each in openings if each.did == "forget"}
    for name, state in held.items():
        if state.answered and name not in opened:
            yield Finding(f"utterance {name} was answered, and nobody is said to have opened it", store.name)
        if state.state == "forgotten" and name not in forgotten:
            yield Finding(f"utterance {name} is forgotten, and nobody is said to have deleted it", store.name)
    for name in sorted((opened | forgotten) - set(held)):
        yield Finding(f"utterance {name} was opened or deleted, and never came", store.name)


def _opening(line: bytes) -> _Opening | None:
    try:
        opening = msgspec.json.decode(line, type=_Opening)
    except (msgspec.DecodeError, TypeError):
        return None
    return opening if rfc8785.dumps(msgspec.to_builtins(opening)) == line else None


def _store(evidence: Evidence) -> Path:
    return evidence.path("cloud/vault/vault.sqlite", "the cloud's store: cloud/vault/vault.sqlite of the run")


def _held(store: Path) -> dict[str, _Held]:
    rows = _query(store, "SELECT id, state, answered FROM utterance")
    return {str(name): _Held(str(state), bool(answered)) for name, state, answered in rows}


def _pieces(store: Path) -> set[str]:
    return {str(name) for (name,) in _query(store, "SELECT DISTINCT utterance FROM piece")}


def _query(store: Path, query: str) -> list[tuple[object, ...]]:
    try:
        with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True)) as sql:
            return sql.execute(query).fetchall()
    except sqlite3.Error as error:
        raise Damaged(store.name, f"not the store of a cloud ({error})") from error


def _data_keys(evidence: Evidence) -> dict[str, list[bytes]]:
    keys: dict[str, list[bytes]] = {}
    for sent, begin in begins(evidence):
        for key in evidence.reader_keys:
            try:
                keys.setdefault(sent.name, []).append(begin.data_key(key))
            except EnvelopeError:
                continue  # another reader's
    return keys


CHECKS = (
    Check(
        "cloud.gone", 8, "of what is forgotten neither ciphertext nor data key is in the cloud's files", _gone
    ),
    Check("cloud.door", 9, "every opening and deletion has its row, with who and why", _door),
)
