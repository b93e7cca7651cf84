"""What the owner of a device wishes done with its recordings, and what they wished before, for the audit.
Without a word: the quiet choice.

A recording carries the consent that its device signed; a wish can only take away from that, never add.
"""

from collections.abc import Iterable
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
    CREATE TABLE wish (idx INTEGER PRIMARY KEY, device TEXT NOT NULL, keep TEXT NOT NULL,
                       review INTEGER NOT NULL, at REAL NOT NULL);
    CREATE INDEX wish_device ON wish (device);
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


class Said(NamedTuple):
    """A wish, and when it was said."""

    at: datetime
    wish: Wish


def at_that_time(said: Iterable[Said], when: datetime) -> Wish:
    """The wish that was the last by then; the quiet one before any was said."""
    return next((each.wish for each in reversed([*said]) if each.at <= when), Wish())


class Wishes:
    """The wishes of all owners in `directory`/wishes.sqlite; from any thread.

    Raises:
        StorageError: as `Database` does, here and in every method.
    """

    def __init__(self, directory: Path) -> None:
        private_directory(directory)
        self._database = Database(directory / FILE, _SCHEMA, 2)

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self._database.close()

    def of(self, device: str) -> Wish:
        """The wish for a device; the quiet one where nothing was ever said."""
        last = "SELECT keep, review FROM wish WHERE device = ? ORDER BY idx DESC LIMIT 1"
        with self._database.read() as sql:
            row = sql.execute(last, (device,)).fetchone()
        return Wish(row[0], bool(row[1])) if row else Wish()

    def said(self, device: str) -> list[Said]:
        """Everything that was ever wished for a device, in order."""
        every = "SELECT at, keep, review FROM wish WHERE device = ? ORDER BY idx"
        with self._database.read() as sql:
            rows = sql.execute(every, (device,)).fetchall()
        return [Said(datetime.fromtimestamp(at, UTC), Wish(keep, bool(review))) for at, keep, review in rows]

    def say(self, device: str, wish: Wish, now: datetime) -> None:
        """From now on, this is the wish for a device."""
        if wish.keep not in KEEPS:
            raise ValueError(f"wish for {device}: unknown keep {wish.keep!r}; one of {', '.join(KEEPS)}")
        with self._database.write() as sql:
            row = (device, wish.keep, wish.review, now.timestamp())
            sql.execute("INSERT INTO wish (device, keep, review, at) VALUES (?, ?, ?, ?)", row)
