"""`overheard-lab capture`: any firmware as a process of its own, alone with one cable; then the audit."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cloud_stub import config as cloud_config
from cloud_stub.broker import open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.whose import Whose
from device.envelope import ReaderKey
from device.keys import write_private
from lab.audit.doors import keep_head
from lab.audit.evidence import Given
from lab.audit.run import run as audit
from lab.enclosure.enclosure import CAPTURE, Enclosure
from lab.enclosure.errors import EnclosureError
from lab.folder import Settings, clear, export, write_settings
from lab.mind import shared_mind
from lab.tap import Tap

FIRMWARE = ("overheard-device", "run", "--config", "{config}")
_SUITE = "mlkem768-x25519"
_PATIENCE_S = 30.0


def run(directory: Path, words: Sequence[str], seconds: float | None, console: Console) -> int:
    """Run a command as the device until it ends, or for so many seconds, or until Ctrl-C; then audit.

    `{config}` in a word is the path of the settings that were written for it. All that comes of it is in
    `directory`. Returns the audit's exit code.

    Raises:
        LabError, CloudError: it can't be enclosed, or the command can't be started.
    """
    clear(directory, CAPTURE)
    with _house(directory) as (enclosure, settings):
        console.print(f"[bold]captured[/] {' '.join(words)}: Ctrl-C ends it", highlight=False)
        _device(enclosure, [word.replace("{config}", str(settings)) for word in words], seconds)
    if (directory / "egress.db").exists():
        export(directory)
    return audit(Given(directory), None, console)


def _device(enclosure: Enclosure, words: Sequence[str], seconds: float | None) -> None:
    """Run the command at the device's end."""
    try:
        with enclosure.entered():
            child = subprocess.Popen(words)
    except OSError as error:
        raise EnclosureError(f"{words[0]}: {error.strerror}; name a program that is there") from error
    try:
        child.wait(seconds)
    except (KeyboardInterrupt, subprocess.TimeoutExpired):
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class _Watch:
    """What the cloud lets the laboratory see."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def arrived(self, topic: str, payload: bytes) -> None:
        """Write down what came through the broker."""
        self._tap.write(topic, payload)

    def heard(self, whose: Whose, words: Words) -> None:
        """Nobody asks."""


@contextmanager
def _house(directory: Path) -> Iterator[tuple[Enclosure, Path]]:
    """A broker and a cloud, the enclosure open to them, and the device's settings."""
    with ExitStack() as stack:
        broker = stack.enter_context(open_broker("auto", 0, directory / "broker"))
        own: Settings = {
            "storage": {"directory": "cloud"},
            "broker": {"kind": "none", "port": broker.port, "protocol": "auto"},
        }
        config = cloud_config.load(write_settings(directory / "cloud.toml", own, {}))
        tap = Tap(directory)
        stack.callback(tap.close)
        cloud = Cloud(config, ("127.0.0.1", broker.port), shared_mind(), watch=_Watch(tap))
        stack.callback(keep_head, directory)
        stack.callback(cloud.stop)
        cloud.start()
        enclosure = Enclosure(directory, broker.port, _SUITE)
        stack.callback(enclosure.close)
        settings = _settings(directory, cloud, enclosure)
        enclosure.open()
        yield enclosure, settings


def _settings(directory: Path, cloud: Cloud, enclosure: Enclosure) -> Path:
    owner = ReaderKey.generate(_SUITE)
    write_private(directory / "owner.key", owner.to_bytes())
    (directory / "keys.note").write_text(cloud.keys.note(datetime.now(UTC)), encoding="utf-8")
    own: Settings = {
        "device": {"state_dir": "."},
        "cloud": {"root": cloud.keys.vkey, "keys": "keys.note"},
        "privacy": {"owner_reader": owner.public.encode()},
        "uplink": enclosure.settings,
    }
    return write_settings(directory / "device.toml", own, {}).absolute()
