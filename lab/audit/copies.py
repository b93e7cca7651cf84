"""A SQLite file, with the log beside it, copied to be read: reading it where it lies could change it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def copied(path: Path) -> Iterator[Path]:
    """A copy, for as long as the block lasts. Raises OSError."""
    with TemporaryDirectory(prefix="overheard-") as folder:
        for each in (path, path.with_name(path.name + "-wal")):
            if each.exists():
                shutil.copy(each, folder)
        yield Path(folder) / path.name
