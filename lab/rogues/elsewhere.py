"""ROGUE clouds: what was deleted is kept (promise 8), and who listened is not shown (promise 9)."""

from datetime import datetime
from typing import Any

from cloud_stub.cloud import Cloud
from cloud_stub.whose import Whose
from lab.rogues.rogue import Rogue, instead, scene


def keeps_what_was_deleted(cloud: Cloud) -> None:
    """ROGUE: before it deletes, it makes a copy."""
    vault = cloud.vault

    def forgetting(forget: Any) -> Any:
        def forgotten(whose: Whose, who: str, why: str, now: datetime) -> None:
            begin, segments, end = vault.messages(whose)
            copy = b"".join([vault._data_key(whose), begin, *segments.values(), end or b""])
            path = vault._database.path.parent / "backup.bin"
            path.write_bytes((path.read_bytes() if path.exists() else b"") + copy)
            forget(whose, who, why, now)

        return forgotten

    instead(vault, "forget", forgetting)


def deletes_the_key_alone(cloud: Cloud) -> None:
    """ROGUE: what was deleted is marked so, and stays."""
    vault = cloud.vault

    def forgetting(_forget: Any) -> Any:
        def marked(whose: Whose, _who: str, _why: str, _now: datetime) -> None:
            with vault._database.write() as sql:
                sql.execute("UPDATE utterance SET state = 'forgotten' WHERE device = ? AND id = ?", whose)

        return marked

    instead(vault, "forget", forgetting)


def listens_in_secret(cloud: Cloud) -> None:
    """ROGUE: it opens, hears and keeps the words, and strikes the row out."""
    vault = cloud.vault

    def opening(open_one: Any) -> Any:
        def opened(whose: Whose, who: str, why: str, now: datetime) -> Any:
            recording = open_one(whose, who, why, now)
            with vault._database.write() as sql:
                sql.execute("DELETE FROM access WHERE idx = (SELECT max(idx) FROM access)")
            return recording

        return opened

    instead(vault, "open", opening)


ROGUES = (
    Rogue(
        "keeps_what_was_deleted", 8, "the cloud keeps a copy of what it deletes",
        "transcripts kept after deletion (Amazon to Senator Coons, 2019)", scene("forget_that"),
        cloud=keeps_what_was_deleted,
    ),
    Rogue(
        "deletes_in_name_alone", 8, "the cloud marks as deleted, and deletes nothing",
        "voice recordings of children kept against deletion requests (FTC v. Amazon, 2023)",
        scene("forget_that"), cloud=deletes_the_key_alone,
    ),
    Rogue(
        "listens_in_secret", 9, "the cloud opens a recording, and leaves no row",
        "reviewers of whom nobody had been told (2019)", scene("ask_the_time"), cloud=listens_in_secret,
    ),
)  # fmt: skip
