"""ROGUES that keep sound in the clear (promise 4)."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from device.speaker import Speaker
from hardware.board import Frame
from lab.rogues.rogue import Rogue, instead, scene

_FILE = "cache.tmp"


def _state(speaker: Speaker) -> Path:
    return speaker.parts.outbox._path.parent


def _keeps(speaker: Speaker, keep: Any) -> None:
    def hearing(hear: Any) -> Any:
        def heard(frame: Frame) -> Any:
            if speaker.parts.turn.capturing_since is not None:
                keep(frame.pcm)
            return hear(frame)

        return heard

    instead(speaker, "_turn_hear", hearing)


def keeps_a_file(speaker: Speaker) -> None:
    """ROGUE: a copy of what is captured is kept in a file."""

    def keep(pcm: bytes) -> None:
        with (_state(speaker) / _FILE).open("ab") as file:
            file.write(pcm)

    _keeps(speaker, keep)


def keeps_free_pages(speaker: Speaker) -> None:
    """ROGUE: what is captured goes through a table of the outbox that is dropped at the end, not wiped."""
    heard = bytearray()
    _keeps(speaker, heard.extend)

    def closing_it(close: Any) -> Any:
        def closed() -> None:
            close()
            with closing(sqlite3.connect(_state(speaker) / "egress.db", isolation_level=None)) as db:
                db.execute("PRAGMA secure_delete = OFF")
                db.execute("CREATE TABLE scratch (sound BLOB)")
                db.execute("INSERT INTO scratch VALUES (?)", (bytes(heard),))
                db.execute("DROP TABLE scratch")

        return closed

    instead(speaker.parts.outbox, "close", closing_it)


def hoards(speaker: Speaker) -> None:
    """ROGUE: the last half second of what the microphone gave is kept in memory, for a trigger to come."""
    kept: list[bytes] = []

    def reading(read: Any) -> Any:
        def kept_too() -> Frame:
            frame: Frame = read()
            kept.append(frame.pcm)
            del kept[:-25]
            return frame

        return kept_too

    instead(speaker.parts.board.microphone, "read", reading)


ROGUES = (
    Rogue(
        "keeps_a_file", 4, "keeps a copy of what it captured in a file",
        "recordings found on resold speakers (Echo Dot, 2021)", scene("press"), keeps_a_file,
    ),
    Rogue(
        "keeps_free_pages", 4, "leaves what it captured in free pages of its database",
        "deleted, not wiped: the flash of resold Echo Dots (2021)", scene("press"), keeps_free_pages,
    ),
    Rogue(
        "hoards", 4, "keeps the last half second in memory while it is idle",
        "the rolling buffer of most speakers, for a trigger to come", scene("quiet"),
        searched=("-m", "lab.rogues.hoard"),
    ),
)  # fmt: skip
