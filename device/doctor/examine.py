"""Every check, in the order in which one depends on the other."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from device.advice import pasted
from device.config import Config, load
from device.doctor import around, calling, hearing, keeping
from device.doctor.finding import Finding, fail, failed, ok
from device.doctor.subject import NOTE_S, Subject
from device.errors import ConfigError
from hardware.board import Board

CHECKS: tuple[Callable[[Subject], Finding], ...] = (
    keeping.models,
    keeping.keys,
    keeping.certificate,
    keeping.cloud_keys,
    around.clock,
    keeping.storage_room,
    keeping.outbox,
    around.sandbox,
)


def examine(
    path: Path | None, now: datetime, open_board: Callable[[Config], Board], note_s: float = NOTE_S
) -> Iterator[Finding]:
    """Yield what every check finds of the speaker whose settings are at `path`.

    What it says to do can be pasted: each command of ours has the settings in it. `note_s`: how long to wait
    for the cloud's keys note.
    """
    for finding in _examine(path, now, open_board, note_s):
        yield finding if path is None else finding._replace(do=pasted(finding.do, path))


def _examine(
    path: Path | None, now: datetime, open_board: Callable[[Config], Board], note_s: float
) -> Iterator[Finding]:
    try:
        config = load(path)
    except ConfigError as error:
        yield failed("settings", error)
        return
    yield _settings(config, path)
    subject = Subject(config, now, open_board, note_s)
    yield from hearing.board(subject)
    for check in CHECKS:
        if config.cloud.root or check is not keeping.cloud_keys:  # `_settings` has said it
            yield check(subject)
    yield from calling.broker(subject)


def _settings(config: Config, path: Path | None) -> Finding:
    uplink = config.uplink
    if not config.cloud.root:
        what = "cloud.root: empty, so no cloud can be believed, and it does not start"
        return fail("settings", what, "paste the root key that `overheard-cloud keys` prints")
    line = "TLS" if uplink.ca else "plain MQTT"
    return ok("settings", f"{path or 'the defaults'}: calls {uplink.host}:{uplink.port}, {line}")
