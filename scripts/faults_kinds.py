"""The faults: the rows of the table. Each has a way to begin it and a way to end it, and says where it means
nothing.

Everything is done from outside of the firmware: to the line, to the broker, to the cloud, to files, to power.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from scripts.faults_phases import OFFLINE
from scripts.faults_stage import Stage

_PAGE = 4096
"""Of an SQLite file, whose rows stand at the ends of its pages."""

_NO_LINE = {OFFLINE: "there is no line"}


def _nothing(_stage: Stage) -> None:
    """What ends by itself."""


class Fault(NamedTuple):
    """A fault: how it begins, how it ends, and the phases in which it means nothing, with the reason."""

    begin: Callable[[Stage], None]
    end: Callable[[Stage], None] = _nothing
    means_nothing: Mapping[str, str] = {}


# -- the broker and the line -------------------------------------------------------------------------


def _kill_broker(stage: Stage) -> None:
    stage.broker.down(kill=True)


def _broker_back(stage: Stage) -> None:
    stage.broker.up()


def _lose_everything(stage: Stage) -> None:
    stage.broker.restart(kill=True)


def _refuse(stage: Stage) -> None:
    stage.broker.refuse("not authorized")
    stage.broker.cut()


def _silence(stage: Stage) -> None:
    stage.broker.silence()


def _speak_again(stage: Stage) -> None:
    stage.broker.clear()
    stage.broker.cut()  # what was swallowed is gone, as with a machine that was replaced


def _confirm(stage: Stage) -> None:
    stage.home.quiet(21.0)  # until the speaker has had enough of it, and connects anew
    stage.broker.clear()


def _clear(stage: Stage) -> None:
    stage.broker.clear()


# -- the cloud ---------------------------------------------------------------------------------------


def _restart_cloud(stage: Stage) -> None:
    stage.cloud.stop()
    stage.cloud.start()


# -- the device --------------------------------------------------------------------------------------


def _power_cut(stage: Stage) -> None:
    stage.speaker.restart(power_cut=True)


def _years_ahead(stage: Stage) -> None:
    stage.ahead = timedelta(days=3 * 365)


def _years_back(stage: Stage) -> None:
    stage.ahead = -timedelta(days=3 * 365)


def _right_time(stage: Stage) -> None:
    stage.ahead = timedelta()


def _expire(stage: Stage) -> None:
    stage.ahead = timedelta(days=2)


def _lose_the_note(stage: Stage) -> None:
    def lose() -> None:
        (stage.state / "keys.note").unlink(missing_ok=True)
        settings = stage.directory / "speaker" / "device.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace('keys = "provisioned.note"', 'keys = ""'), encoding="utf-8")

    stage.speaker.restart(power_cut=True, meanwhile=lose)


def _corrupt(stage: Stage) -> None:
    stage.before = stage.triggers()

    def corrupt() -> None:
        path = stage.state / "egress.db"
        data = bytearray(path.read_bytes())
        for page in range(_PAGE, len(data), _PAGE):
            data[page + _PAGE - 600 : page + _PAGE - 100] = b"\xff" * 500
        path.write_bytes(data)
        stage.damaged = sha256(data).hexdigest()
        stage.since = len(stage.broker.packets)

    stage.speaker.restart(power_cut=True, meanwhile=corrupt)


def _fill(stage: Stage) -> None:
    with (stage.state / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        for size in (4096, 1):
            while os.write(file.fileno(), bytes(size)) == size:
                pass


def _make_room(stage: Stage) -> None:
    (stage.state / "ballast").unlink()


FAULTS: dict[str, Fault] = {
    "broker killed": Fault(_kill_broker, _broker_back, {OFFLINE: "it is away already"}),
    "line cut now": Fault(lambda stage: stage.broker.cut(), means_nothing=_NO_LINE),
    "line cut between two messages": Fault(
        lambda stage: stage.broker.cut(after_publishes=3), _clear, _NO_LINE
    ),
    "line cut within a message": Fault(
        lambda stage: stage.broker.cut(within_publish=2, after_bytes=40), _clear, _NO_LINE
    ),
    "broker refuses: not authorized": Fault(_refuse, _clear, _NO_LINE),
    "broker says nothing any more": Fault(_silence, _speak_again, _NO_LINE),
    "broker confirms nothing": Fault(lambda stage: stage.broker.drop_acks(), _confirm, _NO_LINE),
    "every message twice more": Fault(lambda stage: stage.broker.duplicate(2), _clear),
    "messages change places": Fault(lambda stage: stage.broker.reorder(), _clear),
    "everything 300 ms late": Fault(lambda stage: stage.broker.delay(300), _clear),
    "broker forgets everything": Fault(_lose_everything, means_nothing={OFFLINE: "it is away already"}),
    "cloud away": Fault(lambda stage: stage.cloud.stop(), lambda stage: stage.cloud.start()),
    "cloud restarted": Fault(_restart_cloud),
    "device killed and started": Fault(_power_cut),
    "device stopped and started": Fault(lambda stage: stage.speaker.restart()),
    "disk full": Fault(_fill, _make_room),
    "clock three years ahead": Fault(_years_ahead, _right_time),
    "clock three years back": Fault(_years_back, _right_time),
    "outbox damaged, power cut": Fault(_corrupt),
    "keys note lost, power cut": Fault(_lose_the_note),
    "keys note expired": Fault(_expire, _right_time),
}


def small_disk(place: Path) -> Callable[[], object] | None:
    """Mount a filesystem of 4 MiB at `place`; return what undoes it, or None where that is not allowed."""
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4M,mode=700", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        return None
    return lambda: subprocess.run(["umount", str(place)], check=True)
