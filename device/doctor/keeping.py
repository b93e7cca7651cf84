"""What the speaker keeps: keys, certificate, models, outbox, the cloud's keys. It only looks."""

import os
import shutil
import stat
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from device.assemble import configured_ears
from device.certificate import Certificate
from device.doctor.finding import Finding, fail, failed, ok, warn
from device.doctor.subject import Subject
from device.errors import DeviceError
from device.outbox_file import examine, look, storage
from device.wakeword import find

_LEAST_FREE = 16 << 20
"""With less free room than this a ledger has no future."""

_NEARLY = 0.8

_LONG_S = 3600
"""A cloud that is there takes an utterance within seconds."""

_WAITS = "SELECT count(DISTINCT utterance), coalesce(sum(length(payload)), 0) FROM message"
_LONGEST = "SELECT coalesce(max(seconds - born_s), 0) FROM running, message"


def keys(subject: Subject) -> Finding:
    """The device's own keys, and who can read them."""
    try:
        identity = subject.identity()
    except DeviceError as error:
        return failed("keys", error)
    if identity is None:
        return warn(
            "keys", f"{subject.state}: none yet", "start it once, it makes them: overheard-device run"
        )
    mode = stat.S_IMODE(subject.state.stat().st_mode)
    if mode & 0o077:
        return warn("keys", f"{subject.state}: others can look into it", f"run: chmod 700 {subject.state}")
    return ok("keys", f"{identity.device}, in files that nobody else can read")


def certificate(subject: Subject) -> Finding:
    """The certificate that it shows the broker, where the line is TLS."""
    ca = subject.config.uplink.ca
    if not ca:
        return ok("certificate", "none needed: the line is not TLS")
    try:
        identity = subject.identity()
        held = Certificate(subject.state, identity, Path(ca), None) if identity is not None else None
    except DeviceError as error:
        return failed("certificate", error)
    if held is None or held.certificate is None:
        return fail("certificate", f"{subject.state}: none", "run: overheard-device provision")
    return _validity(held.certificate, subject.now, due=held.due(subject.now))


def _validity(mine: x509.Certificate, now: datetime, *, due: bool) -> Finding:
    until = f"{mine.not_valid_after_utc:%Y-%m-%d %H:%M}"
    if now >= mine.not_valid_after_utc:
        return fail("certificate", f"over since {until} UTC", "run: overheard-device provision --again")
    if now < mine.not_valid_before_utc:
        return fail("certificate", f"valid from {mine.not_valid_before_utc:%Y-%m-%d} on", "set the clock")
    if due:
        return warn(
            "certificate", f"until {until} UTC", "keep it running: it asks for the next one by itself"
        )
    return ok("certificate", f"until {until} UTC")


def cloud_keys(subject: Subject) -> Finding:
    """The cloud's keys, without which nothing can be sealed."""
    try:
        known = subject.trust().known
    except DeviceError as error:
        return failed("cloud keys", error)
    if known is None:
        return warn(
            "cloud keys", "none yet, so a wake would be refused", "connect it once: they come by themselves"
        )
    until = f"{known.not_after:%Y-%m-%d %H:%M}"
    if subject.now < known.not_before:
        return fail("cloud keys", f"valid from {known.not_before:%Y-%m-%d %H:%M} UTC on", "set the clock")
    if subject.now >= known.not_after:
        return fail(
            "cloud keys",
            f"over since {until} UTC, so a wake is refused",
            "see `broker`; a connection brings new ones",
        )
    left = known.not_after - subject.now
    if left < timedelta(hours=1):
        return warn("cloud keys", f"until {until} UTC", "see `broker`; a connection brings new ones")
    return ok("cloud keys", f"until {until} UTC")


def models(subject: Subject) -> Finding:
    """Both ears: every model is the one that was meant, and opens."""
    try:
        configured_ears(subject.config)
        found = [find(word) for word in subject.config.wakeword.words]
    except DeviceError as error:
        return failed("models", error)
    named = ", ".join(f"{model.word} ({model.sha256[:12]})" for model in found)
    return ok("models", f"{named}; second ear: {subject.config.wakeword.second_ear}")


def storage_room(subject: Subject) -> Finding:
    """Whether the state directory can be written, and has room."""
    state, bound = subject.state, subject.config.outbox.max_bytes
    there = next((path for path in (state, *state.absolute().parents) if path.exists()), state)
    if not there.is_dir() or not os.access(there, os.W_OK):
        return fail(
            "storage", f"{state}: cannot be written", "name another device.state_dir, or own this one"
        )
    free = shutil.disk_usage(there).free
    what = f"{state}: {free >> 20} MiB free, outbox up to {bound >> 20} MiB"
    if free < _LEAST_FREE:
        return fail("storage", what, "make room")
    if free < bound:
        return warn("storage", what, "make room, or lower outbox.max_bytes")
    return ok("storage", what)


class _Waiting(NamedTuple):
    utterances: int
    bytes: int
    rows: int
    longest_s: int = 0
    """How long the oldest has waited while the firmware ran."""


def outbox(subject: Subject) -> Finding:
    """The ledger and what waits, looked at without changing a byte."""
    path, bounds = subject.outbox, subject.config.outbox
    aside = sorted(
        file.name for file in subject.state.glob("egress.db.damaged-*") if file.suffix[-1:].isdigit()
    )
    if not path.exists():
        return ok("outbox", "empty: it was never started")
    try:
        held = _look(path)
    except DeviceError as error:
        return failed("outbox", error)
    runs = ", the firmware runs" if subject.firmware_runs else ""
    what = f"{held.utterances} waiting ({held.bytes >> 10} KiB), {held.rows} rows in the ledger{runs}"
    if aside:
        return warn("outbox", f"{what}; set aside: {', '.join(aside)}", "keep these as evidence, elsewhere")
    if held.utterances > _NEARLY * bounds.max_utterances or held.bytes > _NEARLY * bounds.max_bytes:
        return warn("outbox", f"{what}: nearly full", "see `broker`; beyond [outbox] the oldest are dropped")
    if held.longest_s > _LONG_S:
        what = f"{what}; the oldest has waited for {held.longest_s / 3600:.0f} h of running"
        return warn("outbox", what, "see `broker`, and that overheard-cloud runs: only its word empties it")
    return ok("outbox", what)


def _look(path: Path) -> _Waiting:
    with storage(path), closing(look(path)) as db:
        rows = examine(db, path).tree.size
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'message'").fetchone():
            return _Waiting(0, 0, rows)
        utterances, size = db.execute(_WAITS).fetchone()
        knows = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'running'").fetchone()
        longest_s = db.execute(_LONGEST).fetchone()[0] if knows else 0
    return _Waiting(utterances, size, rows, longest_s)
