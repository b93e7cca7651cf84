"""What is around the firmware: the clock, and the box that it runs in."""

import ctypes

from device.doctor.finding import Finding, fail, failed, ok, warn
from device.doctor.session import last_row
from device.doctor.subject import Subject
from device.errors import DeviceError
from device.protections import Protections, look

_FIRST_YEAR = 2026
"""This firmware was not written before."""

_TIMEX_BYTES = 512
"""More than any kernel's `struct timex`; all zeros asks and changes nothing."""

_UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""

_START = "start it by systemd/overheard-device.service"
_ASK_AGAIN = f"the running speaker is what counts: {_START}, and ask again"


def clock(subject: Subject) -> Finding:
    """Whether the clock can be right: headers are dated by it, and keys and certificates judged."""
    now, known = subject.now, subject.cloud_keys()
    what = f"{now:%Y-%m-%d %H:%M} UTC"
    if now.year < _FIRST_YEAR:
        return fail("clock", what, "set the clock, and see that it is kept: timedatectl set-ntp true")
    if known is not None and now < known.not_before:
        since = f"{known.not_before:%Y-%m-%d %H:%M}"
        return fail("clock", f"{what}, before the cloud's keys of {since} were made", "set the clock")
    kept = synchronised()
    if kept is None:
        return warn("clock", f"{what}; the kernel does not say whether it is kept", "compare it with another")
    if not kept:
        return warn("clock", f"{what}, and nobody keeps it", "run: timedatectl set-ntp true")
    return ok("clock", f"{what}, kept in step")


def synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised; None where it does not say."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _UNSYNCHRONISED


def sandbox(subject: Subject) -> Finding:
    """What the firmware found of its box when it started; of this process's, if it does not run."""
    if not subject.firmware_runs:
        found = boxed(look(), "run by hand, not in the unit's box, this process")
        return found._replace(do=_ASK_AGAIN if found.do else "")
    try:
        row = last_row(subject, {"boot", "protections"})
    except DeviceError as error:
        return failed("sandbox", error)
    if row is None or row.kind == "boot":
        return warn("sandbox", "the firmware has not looked: its board is a simulated one", _START)
    return boxed(Protections.of(row.cause or ""), "the firmware")


def boxed(found: Protections, who: str) -> Finding:
    """Judge what was found."""
    if found.missing:
        what = f"{who} is not protected by: {', '.join(found.missing)}"
        return warn("sandbox", what, f"{_START}; docs/units.md says what each is for")
    return ok("sandbox", f"{who}: all {len(found.in_force)} protections are in force")
