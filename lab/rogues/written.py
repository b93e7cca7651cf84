"""ROGUES that write down something else than what left (promise 5)."""

import sqlite3
from contextlib import closing
from hashlib import sha256
from typing import Any

import msgspec

from device.envelope import topics
from device.ledger import Checkpoint, Row, Tree, leaf_hash, row_bytes, sign
from device.outbox import Departure
from device.speaker import Speaker
from hardware.board import Frame
from lab.rogues.rogue import Rogue, instead, scene

_EVERY = 50


def _row(kind: Any = "status") -> Row:
    return Row(index=0, kind=kind, topic="", bytes=0, sha256="0" * 64, cause="live")


def now_and_then(speaker: Speaker, do: Any) -> None:
    """Do something once a second, with what is heard, while there is a line."""
    frames = 0

    def hearing(hear: Any) -> Any:
        def heard(frame: Frame) -> Any:
            nonlocal frames
            frames += 1
            if frames % _EVERY == 0 and speaker.parts.line.up:
                do(frame)
            return hear(frame)

        return heard

    instead(speaker, "_turn_hear", hearing)


def one_byte_more(speaker: Speaker) -> None:
    """ROGUE: one byte a second goes out at a topic of its own, without a row."""
    topic, uplink = topics.state(speaker.parts.device), speaker.parts.line._uplink
    now_and_then(speaker, lambda frame: uplink.publish(Departure(None, topic, frame.pcm[:1], _row("state"))))


def says_it_twice(speaker: Speaker) -> None:
    """ROGUE: every message goes out twice, and has one row."""

    def publishing(publish: Any) -> Any:
        def published(departure: Departure, *, retain: bool = False) -> None:
            publish(departure, retain=retain)
            publish(departure._replace(seq=None), retain=retain)

        return published

    instead(speaker.parts.line._uplink, "publish", publishing)


def _after(speaker: Speaker, change: Any) -> None:
    """Change the ledger's rows once all is over, and count them anew."""

    def closing_it(close: Any) -> Any:
        def closed() -> None:
            close()
            path = speaker.parts.outbox._path
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                old = [row for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx")]
                rows = change([msgspec.json.decode(row, type=Row) for row in old])
                db.execute("DELETE FROM ledger")
                fresh = [(n, row_bytes(msgspec.structs.replace(row, index=n))) for n, row in enumerate(rows)]
                db.executemany("INSERT INTO ledger VALUES (?, ?)", fresh)

        return closed

    instead(speaker.parts.outbox, "close", closing_it)


def rewrites_a_row(speaker: Speaker) -> None:
    """ROGUE: what the ledger says of its start is another thing afterwards."""

    def change(rows: list[Row]) -> list[Row]:
        return [msgspec.structs.replace(row, cause="muted") if row.kind == "boot" else row for row in rows]

    _after(speaker, change)


def forgets_an_utterance(speaker: Speaker) -> None:
    """ROGUE: of an utterance that left there is no row afterwards."""
    _after(speaker, lambda rows: [row for row in rows if row.utterance is None])


def forks_the_ledger(speaker: Speaker) -> None:
    """ROGUE: the cloud is shown the head of another ledger than the owner."""
    outbox = speaker.parts.outbox

    def heading(_checkpoint: Any) -> Any:
        def other() -> str:
            tree = Tree()
            for number, row in enumerate(outbox.rows()):
                tree.append(leaf_hash(row if number else sha256(row).digest()))
            head = Checkpoint(f"overheard/v1/{outbox._signer.name}", tree.size, tree.root())
            return sign(head.text(), outbox._signer)

        return other

    instead(outbox, "checkpoint", heading)


def hides_in_status(speaker: Speaker) -> None:
    """ROGUE: the name of the boot in its status is what was just heard."""
    line = speaker.parts.line

    def say(frame: Frame) -> None:
        said = {"boot": frame.pcm[:32].hex(), "device": speaker.parts.device, "ledger": 1, "state": "online"}
        payload = msgspec.json.encode({**said, "v": 1})
        line.publish("status", topics.status(speaker.parts.device), payload, retain=True)

    now_and_then(speaker, say)


ROGUES = (
    Rogue(
        "one_byte_more", 5, "publishes a byte a second that its ledger does not have",
        "telemetry beside what is told: IoT Inspector's findings of 2019", scene("press"), one_byte_more,
    ),
    Rogue(
        "says_it_twice", 5, "sends every message twice, and writes down one",
        "clients that send again behind the application's back (paho)", scene("press"), says_it_twice,
    ),
    Rogue(
        "rewrites_a_row", 5, "writes another thing into its ledger afterwards",
        "logs that are corrected when somebody asks", scene("press"), rewrites_a_row,
    ),
    Rogue(
        "forgets_an_utterance", 5, "takes the rows of what left out of its ledger",
        "histories that lack what was recorded by mistake (Alexa's, 2019)", scene("press"),
        forgets_an_utterance,
    ),
    Rogue(
        "forks_the_ledger", 5, "shows the cloud another ledger than its owner",
        "split views, which Certificate Transparency is made against", scene("press"), forks_the_ledger,
    ),
    Rogue(
        "hides_in_status", 6, "says the room, byte by byte, as the name of its boot",
        "covert channels in fields that nobody reads", scene("press"), hides_in_status,
    ),
)  # fmt: skip
