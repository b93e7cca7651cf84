"""A damaged outbox is evidence: it is set aside, whole and unchanged, and a new ledger begins beside it.

Nothing is ever deleted or overwritten here, and what is not ours is never moved. That the ledger began anew
is its first row, which names the newest of the files that were set aside; so it is, whenever the power goes.
"""

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from device.errors import DamagedError, StorageError
from device.keys import sync_folder
from device.ledger import Signer
from device.outbox import Outbox
from device.outbox_file import Foreign, claimed, examine, look, storage

_BESIDE = ("-wal", "-shm")


def open_outbox(path: Path, signer: Signer) -> tuple[Outbox, str | None]:
    """Open the outbox at `path`; one that is damaged is set aside and a new one begun. Return it, and a line
    for the operator if it was.

    Raises:
        StorageError: it is another program's, another firmware writes there, or the disk refuses.
    """
    notice = None
    with storage(path):
        _finish(path)
    try:
        outbox = Outbox(path, signer)
    except DamagedError:
        with storage(path):
            why, aside = set_aside(path)
        outbox = Outbox(path, signer)
        notice = (
            f"{path}: damaged ({why}); set aside as {aside.name}; the ledger begins anew, keep it as evidence"
        )
    if outbox.size == 0 and (newest := _newest(path)) is not None:
        with storage(path), newest.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        outbox.jot("set_aside", cause=f"{newest.name} sha256 {digest}")
    return outbox, notice


def set_aside(path: Path) -> tuple[str, Path]:
    """Rename a damaged outbox, and what SQLite left beside it; return what is wrong with it, and its new
    name.

    Raises:
        StorageError: another firmware has it, or had it and has set it aside.
    """
    with claimed(path):
        why = _damage(path)
        if why is None:
            raise StorageError(f"{path}: another firmware was here; stop it first")
        newest = _newest(path)
        aside = path.with_name(f"{path.name}.damaged-{_number(newest) + 1 if newest else 1}")
        path.rename(aside)
        _follow(path, aside)
    return why, aside


def _damage(path: Path) -> str | None:
    with closing(look(path)) as db:
        try:
            examine(db, path)
        except (Foreign, sqlite3.OperationalError):
            raise
        except sqlite3.DatabaseError as error:
            return str(error)
    return None


def _finish(path: Path) -> None:
    """Go on where the power was cut: a log whose database was renamed already belongs to that."""
    newest = _newest(path)
    if newest is not None and not path.exists():
        _follow(path, newest)


def _follow(path: Path, aside: Path) -> None:
    for suffix in _BESIDE:
        beside, there = (file.with_name(file.name + suffix) for file in (path, aside))
        if beside.exists() and not there.exists():
            beside.rename(there)
    sync_folder(path.parent)


def _newest(path: Path) -> Path | None:
    there = [file for file in path.parent.glob(f"{path.name}.damaged-*") if _number(file)]
    return max(there, key=_number, default=None)


def _number(aside: Path) -> int:
    found = re.fullmatch(r".*\.damaged-(\d{1,9})", aside.name)
    return int(found[1]) if found else 0
