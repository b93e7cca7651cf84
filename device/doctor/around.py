"""What is around the firmware: the clock, and the box that it runs in."""

import ctypes
from pathlib import Path

from device.doctor.finding import Finding, fail, ok, warn
from device.doctor.subject import Subject

_FIRST_YEAR = 2026
"""This firmware was not written before."""

_TIMEX_BYTES = 512
"""More than any kernel's `struct timex`; all zeros asks and changes nothing."""

_UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""

_PROC = Path("/proc")


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
    """What the kernel says of the firmware's box, or, if it does not run, of this process's."""
    pid = subject.firmware_pid if subject.firmware_runs else None
    who = "the firmware" if pid else "this process"
    return boxed(_PROC / (str(pid) if pid else "self"), who)


def boxed(process: Path, who: str) -> Finding:
    """Judge one process by its folder in /proc."""
    try:
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        unit = (process / "cgroup").read_text().strip().rpartition("/")[2]
    except OSError as error:
        return warn("sandbox", f"{process}: {error.strerror}", "ask again as the firmware's user, or root")
    closed = status.get("NoNewPrivs", "").strip() == "1" and status.get("Seccomp", "").strip() == "2"
    if not (closed and unit.endswith(".service")):
        return warn(
            "sandbox",
            f"{who} runs in no box (no-new-privs and a system call filter are not both there)",
            "start it as a systemd service with NoNewPrivileges and SystemCallFilter",
        )
    what = f"{who}: {unit}, no new privileges, system calls filtered"
    return ok(
        "sandbox", f"{what}; IPAddressDeny can't be seen from here: systemctl show -p IPAddressDeny {unit}"
    )
