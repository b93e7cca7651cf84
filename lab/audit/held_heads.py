"""The heads that the cloud wrote down as they came: `cloud/heads/heads.sqlite`, read as a file that somebody
handed over.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

from lab.audit.copies import copied
from lab.audit.errors import Damaged
from lab.audit.evidence import Evidence

HEADS = "cloud/heads/heads.sqlite"

_HELD = """
    SELECT note, 1 FROM (SELECT note FROM head WHERE device = :device ORDER BY size, note)
    UNION ALL SELECT note, 0 FROM cosigned WHERE device = :device
"""


class Held(NamedTuple):
    """A head as a signed note, where it is written, and whether the device's is the only line under it."""

    note: str
    where: str
    alone: bool


def read(evidence: Evidence) -> Iterator[Held]:
    """Every head of the device that a cloud kept or cosigned. None where no cloud kept any.

    Raises:
        Damaged: it is no such file.
    """
    path = evidence.given.directory / HEADS
    if not path.exists():
        return
    try:
        with copied(path) as copy, closing(sqlite3.connect(copy)) as sql:
            found = sql.execute(_HELD, {"device": evidence.device_key.name}).fetchall()
    except (sqlite3.Error, OSError, ValueError) as error:
        raise Damaged(HEADS, f"not the heads that a cloud keeps ({error})") from error
    for number, (note, alone) in enumerate(found):
        if not isinstance(note, str):
            raise Damaged(f"{HEADS}, head {number}", "not a signed note")
        yield Held(note, f"{HEADS}, head {number}", bool(alone))
