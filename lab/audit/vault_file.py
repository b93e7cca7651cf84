"""The cloud's store, `cloud/vault/vault.sqlite`, read as a file that somebody handed over: none of its code
is asked, and nothing beside it is written.
"""

import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from lab.audit.errors import Damaged
from lab.audit.evidence import Evidence

STORE = "cloud/vault/vault.sqlite"
_STATES = frozenset({"arriving", "complete", "truncated", "forgotten"})
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


class Held(NamedTuple):
    """What the store says of an utterance; a forgotten one is a tombstone."""

    device: str
    state: str
    answered: bool
    save: bool


class Line(NamedTuple):
    """A row of the list of openings as it is stored."""

    number: int
    utterance: str
    row: bytes


class Vault(NamedTuple):
    """What the file says: utterances by name, the names of those that have pieces, those that have words, and
    the list of openings.
    """

    held: dict[str, Held]
    with_pieces: set[str]
    with_words: set[str]
    lines: list[Line]


def read(evidence: Evidence) -> Vault:
    """Read it. Raises NotGiven where there is none, Damaged where it is no store of a cloud."""
    path = evidence.path(STORE, f"the cloud's store: {STORE} of the run")
    try:
        with TemporaryDirectory(prefix="overheard-") as folder:
            for each in (path, path.with_name(path.name + "-wal")):
                if each.exists():
                    shutil.copy(each, folder)
            return _tables(Path(folder) / path.name)
    except (sqlite3.Error, OSError, OverflowError, ValueError, TypeError) as error:
        raise Damaged(path.name, f"not the store of a cloud ({error})") from error


def _tables(path: Path) -> Vault:
    with closing(sqlite3.connect(path)) as sql:
        if (said := sql.execute("PRAGMA integrity_check(1)").fetchone()) != ("ok",):
            raise ValueError(str(said[0]).splitlines()[0])
        held = {}
        for name, *fields in sql.execute("SELECT id, device, state, answered, save FROM utterance"):
            held[_text(name)] = _held(*fields)
        pieces = sql.execute("SELECT DISTINCT utterance, name FROM piece").fetchall()
        lines = [
            Line(_number(index), _text(utterance), _blob(row))
            for index, utterance, row in sql.execute("SELECT idx, utterance, row FROM access ORDER BY idx")
        ]
    words = {_text(name) for name, piece in pieces if piece == -4}
    return Vault(held, {_text(name) for name, _ in pieces}, words, lines)


def _held(device: object, state: object, answered: object, save: object) -> Held:
    if state not in _STATES or answered not in (0, 1) or save not in (0, 1):
        raise ValueError("an utterance is in no state that there is")
    return Held(_text(device), _text(state), bool(answered), bool(save))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a name is no text")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("an index is no number")
    return value


def _blob(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a row is no bytes")
    return value


def free_pages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every page that the database has freed, by number, without what the list of them needs (SQLite's file
    format, section 1.5). Raises ValueError for what is no list of free pages.
    """
    if len(data) < _HEADER_BYTES or not data.startswith(_MAGIC):
        raise ValueError("not a database")
    (size,) = struct.unpack_from(">H", data, 16)
    size = 65_536 if size == 1 else size
    trunk, count = struct.unpack_from(">II", data, 32)
    seen: set[int] = set()
    while trunk:
        page = _page(data, trunk, size, seen)
        trunk_number, (trunk, leaves) = trunk, struct.unpack_from(">II", page)
        if leaves > size // 4 - 2:
            raise ValueError("the list of free pages is damaged")
        yield trunk_number, page[8 + 4 * leaves :]
        for leaf in struct.unpack_from(f">{leaves}I", page, 8):
            yield leaf, _page(data, leaf, size, seen)
    if len(seen) != count:
        raise ValueError("the list of free pages is not whole")


def _page(data: bytes, number: int, size: int, seen: set[int]) -> bytes:
    page = data[(number - 1) * size : number * size] if number else b""
    if size < 512 or len(page) != size or number in seen:
        raise ValueError("the list of free pages is damaged")
    seen.add(number)
    return page
