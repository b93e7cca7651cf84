"""What may be known of an utterance without opening it. It reads no sound, no word and no key."""

import sqlite3
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from cloud_stub.door import altered
from cloud_stub.pieces import BEGIN
from cloud_stub.whose import Whose
from device.envelope import EnvelopeError, Header
from device.envelope.layout import MAGIC, Cursor

State = Literal["arriving", "complete", "truncated", "forgotten"]

NOBODY_SPOKE = -1

_ALL = (
    "SELECT u.device, id, state, begun, news, completed, answered, ledger_index, p.content FROM utterance u"
)
_ALL += f" LEFT JOIN piece p ON p.device = u.device AND p.utterance = u.id AND p.name = {BEGIN}"


class Held(NamedTuple):
    """What is known of one. Times are UTC; a forgotten one has no header. news: when the last of it came.

    ledger_index: of its trigger in its device's ledger, or of its being sealed anew: the order of speaking,
    whatever the clocks said; of cover NOBODY_SPOKE.
    """

    whose: Whose
    state: State
    begun: datetime
    news: datetime
    completed: datetime | None
    answered: bool
    ledger_index: int
    header: Header | None


def is_cover(header: Header) -> bool:
    """Whether it holds no sound, and was sent to hide others: it is neither opened nor kept."""
    return header.trigger.kind == "cover"


def may_stay(header: Header) -> bool:
    """Whether the recording may be kept after it was answered."""
    return header.consent.save and not is_cover(header)


def select(sql: sqlite3.Connection, which: str, values: tuple[Any, ...]) -> list[Held]:
    """What the vault holds, tombstones included. which: the end of a query over the table `utterance u`."""
    return [_held(row) for row in sql.execute(f"{_ALL} {which}", values)]


def _held(row: tuple[str, str, State, float, float, float | None, int, int, bytes | None]) -> Held:
    device, utterance, state, begun, news, completed, answered, ledger_index, begin = row
    whose = Whose(device, utterance)
    done = _when(completed) if completed is not None else None
    header = _header(whose, begin) if begin else None
    return Held(whose, state, _when(begun), _when(news), done, bool(answered), ledger_index, header)


def _header(whose: Whose, begin: bytes) -> Header:
    cursor = Cursor(begin, "begin")
    try:
        cursor.take(len(MAGIC))
        return Header.from_bytes(cursor.json())
    except EnvelopeError as error:
        raise altered(whose) from error


def _when(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
