"""What the device said on its line against what its ledger says that left, connection by connection.

Rows are written before what they are of. So what was said is, in order, what rows say; and rows may go on
where a connection was cut, or stand before its first message, made while nobody knew yet that the one before
it was gone. In between none may be missing, and after a goodbye none may follow.
"""

from collections.abc import Sequence
from typing import NamedTuple

from device.ledger import Row
from lab.audit.line.call import Call
from lab.audit.line.nonsense import MOST, place
from lab.audit.line.said import Said
from lab.audit.line.windows import Window, fits, packet_bytes, windows
from lab.audit.verdicts import Finding

_AHEAD = 256
"""So many rows may be missing from a connection and it still be found which they are."""


class Pair(NamedTuple):
    """What was said, and its row."""

    said: Said
    row: Row


class Reconciled(NamedTuple):
    """What comes of it. unledgered: said, and in no row; unsaid: rows of what was not said;
    elsewhere: connections of the ledger that are not in the capture, before or after what is.
    """

    pairs: list[Pair]
    unledgered: list[Finding]
    unsaid: list[Finding]
    elsewhere: list[Row]


def reconcile(calls: Sequence[Call], rows: Sequence[Row], client: str) -> Reconciled:
    """Find every call's rows. calls: in the order in which they began; client: the device's id."""
    found = Reconciled([], [], [], [])
    left = windows(rows)
    _before_the_first(left[0], found)
    spare, silent, nearest = None, 0, 1
    taken: set[int] = set()
    for call in calls:
        if not call.said:
            silent += 1
            continue
        at, start = _find(call, left, nearest, spare, client)
        if at is None:
            _no_row(call, found)
            continue
        taken.add(at)
        spare = _walk(call, left[at], start, client, found)
        nearest = at + 1
    _elsewhere(left, taken, silent, found)
    return found


def _before_the_first(window: Window, found: Reconciled) -> None:
    for row in window.left:
        found.unsaid.append(Finding(f"a {row.kind} that left before there was a connection", _row(row)))


def _find(
    call: Call, left: list[Window], nearest: int, spare: Row | None, client: str
) -> tuple[int | None, list[Row]]:
    """The first window that all of a call fits, or else the first that its CONNECT fits, and its rows."""
    second: tuple[int | None, list[Row]] = (None, [])
    for at in range(nearest, len(left)):
        connect, rows = left[at]
        if connect is None or not fits(call.said[0], connect, client):
            continue
        start = _start(call.said[1:], rows, client)
        if start is None and spare is not None and at == nearest:
            start = 0 if _start(call.said[1:], [spare, *rows], client) == 0 else None
            rows = [spare, *rows] if start == 0 else rows
        if start is not None:
            return at, rows[start:]
        if second[0] is None:
            second = at, rows
    return second


def _start(said: Sequence[Said], rows: list[Row], client: str) -> int | None:
    """From which row on all fit, one after the other."""
    for start in range(min(len(rows) - len(said), _AHEAD) + 1):
        if all(fits(each, row, client) for each, row in zip(said, rows[start:], strict=False)):
            return start
    return None


def _walk(call: Call, window: Window, rows: list[Row], client: str, found: Reconciled) -> Row | None:
    """Put what was said beside its rows; return the last row if it was not said."""
    if window.connect is not None:
        found.pairs.append(Pair(call.said[0], window.connect))
    next_row = 0
    for said in call.said[1:]:
        nearest = range(next_row, min(next_row + _AHEAD, len(rows)))
        at = next((n for n in nearest if fits(said, rows[n], client)), None)
        if at is None:
            if len(found.unledgered) < MOST:
                found.unledgered.append(_unledgered(said))
            continue
        found.unsaid.extend(_unsaid(row) for row in rows[next_row:at])
        found.pairs.append(Pair(said, rows[at]))
        next_row = at + 1
    rest = rows[next_row:]
    if call.bye:
        found.unsaid.extend(_unsaid(row) for row in rest)
    if call.cut and not _is_begun(call, rest, client):
        found.unledgered.append(
            Finding(
                f"{call.cut} bytes of something that never was whole, and is in no row", place(call.ended)
            )
        )
    return rest[-1] if rest else None


def _is_begun(call: Call, rest: list[Row], client: str) -> bool:
    """Whether what was cut off may be the next message that was to leave."""
    level = call.said[0].level
    return bool(rest) and call.cut < packet_bytes(rest[0], client, level) + 22


def _no_row(call: Call, found: Reconciled) -> None:
    first = call.said[0]
    found.unledgered.append(
        Finding("a connection whose CONNECT is in no row, or in another's place", place(first.at))
    )
    found.unledgered.extend(_unledgered(said) for said in call.said[1:])


def _elsewhere(left: list[Window], taken: set[int], silent: int, found: Reconciled) -> None:
    """Connections of the ledger that are not in the capture: as many as began and said nothing may be."""
    missing = [at for at in range(1, len(left)) if at not in taken]
    between = [at for at in missing if taken and min(taken) < at < max(taken)]
    quiet = silent
    for at in missing:
        row = left[at].connect
        if row is None:
            continue
        if quiet:
            quiet -= 1
        elif at in between:
            found.unsaid.append(Finding("a connection that is not on the line", _row(row)))
        else:
            found.elsewhere.append(row)


def _unledgered(said: Said) -> Finding:
    what = (
        f"{said.packet} bytes that nobody here can open"
        if said.sealed
        else f"{said.size} bytes at {said.topic}"
    )
    return Finding(f"{what}, which no row has in this place", place(said.at))


def _unsaid(row: Row) -> Finding:
    return Finding(
        f"a {row.kind} of {row.bytes} bytes that left by its row, and is not on the line", _row(row)
    )


def _row(row: Row) -> str:
    return f"ledger row {row.index}"
