"""Whether the firmware that runs was welcomed when it called last, by its own ledger. It only looks: a second
session under the device's name would throw out the first.
"""

from collections.abc import Set
from contextlib import closing

from device.doctor.finding import Finding, failed, ok, warn
from device.doctor.subject import Subject
from device.errors import DeviceError
from device.ledger import Row, parse_row
from device.outbox_file import look, storage

_TELLS = {"connect", "status", "boot"}


def session(subject: Subject) -> Finding:
    """Its call has a row before it is made, and a status leaves once broker and cloud have welcomed it."""
    try:
        last = last_row(subject, _TELLS)
    except DeviceError as error:
        return failed("broker", error)
    if last is None or last.kind == "boot":
        return warn(
            "broker", "the firmware runs, and has not called since it started", "see the findings above"
        )
    if last.kind == "connect":
        return warn(
            "broker",
            "the firmware called last and was not welcomed (yet), so what it keeps waits",
            "read what it prints, and the broker's log; see `certificate`; start overheard-cloud, "
            "whose keys a welcome needs",
        )
    return ok("broker", "MQTT not tried: the firmware runs, and was welcomed when it called last")


def last_row(subject: Subject, kinds: Set[str]) -> Row | None:
    """The last row of one of these kinds. Raises DeviceError."""
    with storage(subject.outbox), closing(look(subject.outbox)) as db:
        rows = (parse_row(row) for (row,) in db.execute("SELECT row FROM ledger ORDER BY idx DESC"))
        return next((row for row in rows if row.kind in kinds), None)
