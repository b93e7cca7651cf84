"""Every check, in the order in which one depends on the other."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from device.config import Config, load
from device.doctor import around, calling, hearing, keeping
from device.doctor.finding import Finding, fail, failed, ok
from device.doctor.subject import Subject
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


def examine(path: Path | None, now: datetime, open_board: Callable[[Config], Board]) -> Iterator[Finding]:
    """Yield what every check finds of the speaker whose settings are at `path`."""
    try:
        config = load(path)
    except ConfigError as error:
        yield failed("settings", error)
        return
    yield _settings(config, path)
    subject = Subject(config, now, open_board)
    yield from hearing.board(subject)
    for check in CHECKS:
        yield check(subject)
    yield from calling.broker(subject)


def _settings(config: Config, path: Path | None) -> Finding:
    uplink = config.uplink
    if not config.cloud.root:
        return fail("settings", "cloud.root: empty", "paste the root key that `overheard-cloud keys` prints")
    line = "TLS" if uplink.ca else "plain MQTT"
    return ok("settings", f"{path or 'the defaults'}: calls {uplink.host}:{uplink.port}, {line}")
