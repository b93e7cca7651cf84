"""The heads that the cloud wrote down as they came: `cloud/heads/heads.sqlite`, read as a file that somebody
handed over.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from lab.audit.copies import copied
from lab.audit.errors import Damaged
from lab.audit.evidence import Evidence

HEADS = "cloud/heads/heads.sqlite"


def read(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Every head of the device as a signed note, and where it is written. None where no cloud kept any.

    Raises:
        Damaged: it is no such file.
    """
    path = evidence.given.directory / HEADS
    if not path.exists():
        return
    try:
        with copied(path) as copy, closing(sqlite3.connect(copy)) as sql:
            found = sql.execute(
                "SELECT note FROM head WHERE device = ? ORDER BY size, note", (evidence.device_key.name,)
            ).fetchall()
    except (sqlite3.Error, OSError, ValueError) as error:
        raise Damaged(HEADS, f"not the heads that a cloud keeps ({error})") from error
    for number, (note,) in enumerate(found):
        if not isinstance(note, str):
            raise Damaged(f"{HEADS}, head {number}", "not a signed note")
        yield note, f"{HEADS}, head {number}"
