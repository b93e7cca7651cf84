"""What the owner of a device wishes done with its recordings, and since when. Without a word: the quiet
choice.

A recording carries the consent that its device signed; a wish can only take away from that, never add.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from cloud_stub.database import Database
from cloud_stub.private_files import private_directory

FILE = "wishes.sqlite"
Keep = Literal["never", "3_months", "18_months", "until_deleted"]
KEEPS: tuple[Keep, ...] = get_args(Keep)

_KEPT_DAYS: dict[Keep, int | None] = {"never": 0, "3_months": 92, "18_months": 549, "until_deleted": None}
_SCHEMA = """
    CREATE TABLE wish (device TEXT PRIMARY KEY, keep TEXT NOT NULL, review INTEGER NOT NULL, at REAL NOT NULL)
                      WITHOUT ROWID;
"""


class Wish(NamedTuple):
    """keep: for how long. review: whether people may hear a tiny sample; only an owner says so."""

    keep: Keep = "3_months"
    review: bool = False

    @property
    def kept_for(self) -> timedelta | None:
        """For how long after it began; None for until it is deleted."""
        days = _KEPT_DAYS[self.keep]
        return None if days is None else timedelta(days=days)

    def is_over(self, begun: datetime, now: datetime) -> bool:
        """Whether what began then is to be shredded by now."""
        kept_for = self.kept_for
        return kept_for is not None and now - begun >= kept_for


class Wishes:
    """The wishes of all owners in `directory`/wishes.sqlite; from any thread.

    Raises:
        StorageError: as `Database` does, here and in every method.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._database = Database(directory / FILE, _SCHEMA, 1)

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self._database.close()

    def of(self, device: str) -> Wish:
        """The wish for a device; the quiet one where nothing was ever said."""
        with self._database.read() as sql:
            row = sql.execute("SELECT keep, review FROM wish WHERE device = ?", (device,)).fetchone()
        return Wish(row[0], bool(row[1])) if row else Wish()

    def since(self, device: str) -> datetime | None:
        """When the wish for a device was last said."""
        with self._database.read() as sql:
            row = sql.execute("SELECT at FROM wish WHERE device = ?", (device,)).fetchone()
        return datetime.fromtimestamp(row[0], UTC) if row else None

    def say(self, device: str, wish: Wish, now: datetime) -> None:
        """Keep the wish for a device in place of the last one."""
        if wish.keep not in KEEPS:
            raise ValueError(f"wish for {device}: unknown keep {wish.keep!r}; one of {', '.join(KEEPS)}")
        with self._database.write() as sql:
            row = (device, wish.keep, wish.review, now.timestamp())
            sql.execute("REPLACE INTO wish VALUES (?, ?, ?, ?)", row)
