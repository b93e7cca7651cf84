"""Everything of the review over one folder, put together."""

import os
from pathlib import Path
from typing import NamedTuple

from cloud_stub.config import ReviewSection
from cloud_stub.database import Database
from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep, private_directory
from cloud_stub.review.casebook import Casebook
from cloud_stub.review.desk import Desk
from cloud_stub.review.drawing import Drawing
from cloud_stub.review.sampler import KEY_BYTES
from cloud_stub.review.settling import Settling
from cloud_stub.review.tables import open_tables
from cloud_stub.vault import Vault
from cloud_stub.wishes import Wishes

KEY_FILE = "sampler.key"


class Review(NamedTuple):
    """What draws, what gives out, what decides, what was raised. Close it after use."""

    database: Database
    drawing: Drawing
    desk: Desk
    settling: Settling
    casebook: Casebook

    def close(self) -> None:
        """Close the file. Twice is harmless."""
        self.database.close()


def sampler_key(directory: Path) -> bytes:
    """The key of every draw, made on first use. Raises KeyFileError."""
    path = directory / KEY_FILE
    key = keep(path, lambda: os.urandom(KEY_BYTES))
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path}: not a sampler key; restore it, without it no draw can be checked")
    return key


def open_review(directory: Path, vault: Vault, wishes: Wishes, settings: ReviewSection) -> Review:
    """Open review.sqlite and sampler.key in `directory`. Raises StorageError, KeyFileError."""
    private_directory(directory)
    key = sampler_key(directory)
    database = open_tables(directory)
    drawing = Drawing(database, vault, wishes, key, settings)
    casebook = Casebook(database, vault)
    desk = Desk(database, vault, drawing, casebook, settings)
    return Review(database, drawing, desk, Settling(database, vault, settings), casebook)
