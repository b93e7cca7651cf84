"""The rows of a ledger, connection by connection: each with what is said to have left before the next."""

from collections.abc import Iterable
from typing import NamedTuple

from device.envelope import topics
from device.ledger import Row
from device.ledger.rows import LEFT
from lab.audit.line import mqtt
from lab.audit.line.said import Said
from lab.audit.line.sizes import connect_bytes, publish_bytes


class Window(NamedTuple):
    """A row `connect`, and the rows of publishes from there to the next one; of those before the first
    connection `connect` is None.
    """

    connect: Row | None
    left: list[Row]


def windows(rows: Iterable[Row]) -> list[Window]:
    """Every connection that the ledger has."""
    found = [Window(None, [])]
    for row in rows:
        if row.kind == "connect":
            found.append(Window(row, []))
        elif row.kind in LEFT:
            found[-1].left.append(row)
    return found


def fits(said: Said, row: Row, client: str) -> bool:
    """Whether this row is what was said: its topic, length and hash, or, of what nobody opened, the length of
    all of it.
    """
    if said.publish == (row.kind == "connect"):
        return False
    if not said.sealed:
        topic = topic_of(row, client)
        return (said.topic, said.size, said.sha256) == (topic, row.bytes or 0, row.sha256 or "")
    levels = (said.level,) if said.level else (mqtt.THREE, mqtt.FIVE)
    return any(said.packet == packet_bytes(row, client, level) for level in levels)


def packet_bytes(row: Row, client: str, level: int) -> int:
    """How long the packet of a row is."""
    if row.kind == "connect":
        will = None if row.bytes is None else (topic_of(row, client), row.bytes)
        return connect_bytes(client, will, level)
    return publish_bytes(row.topic or "", row.bytes or 0, level)


def topic_of(row: Row, client: str) -> str:
    """The topic of what a row is of: a last will's is the status, and its row need not say so."""
    if row.kind == "connect" and row.topic is None:
        return topics.status(client) if row.sha256 is not None else ""
    return row.topic or ""
