"""A home for the speaker that is looked into: a broker, a cloud, a card that sings, and the firmware in a
process of its own. All that any of them writes is in one folder.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cloud_stub import config as cloud_config
from cloud_stub.broker import Broker, open_broker
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.response import Answer
from cloud_stub.whose import Whose
from hardware.profiles import FOLDER
from lab.canary.card import CHANNELS, NAME, Card
from lab.errors import RunError
from lab.folder import Settings, write_settings
from lab.mind import shared_mind
from lab.tap import Tap

LOG = "firmware.log"
_BEGINS_WITHIN_S = 60.0
_ENDS_WITHIN_S = 15.0
_LOOK_S = 0.001
_PIECES_HEARD = 50


class _Mind:
    """Opened if it is ever asked, which an idle speaker does not."""

    def answer(self, pcm: bytes) -> Answer:
        """Answer as the laboratory's clouds do."""
        return shared_mind().answer(pcm)


class _Watch:
    """Writes down what came through the broker, and that something came."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self.topics: set[str] = set()

    def arrived(self, topic: str, payload: bytes) -> None:
        """Write one message down."""
        self.topics.add(topic)
        self._tap.write(topic, payload)

    def heard(self, whose: Whose, words: Words) -> None:
        """Nobody is heard by an idle speaker."""


class Home:
    """The speaker at home, hearing hiss and connected. `entry`: what Python runs, before the settings."""

    def __init__(self, folder: Path, card: Card, cloud: Cloud, watch: _Watch) -> None:
        self.card = card
        self._folder, self._cloud, self._watch = folder, cloud, watch
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, entry: tuple[str, ...], port: int) -> None:
        """Start the firmware, and wait until it hears and is connected. Raises RunError if it does not."""
        with (self._folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *entry, str(self._settings(port))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment(),
            )  # fmt: skip
        self._until(lambda: self.card.taken >= _PIECES_HEARD, "does not hear the card")
        self._until(lambda: bool(self._watch.topics), "does not reach its broker")

    def wait(self, given: int) -> None:
        """Until the card has given so many samples of the canary. Raises RunError if that ends before."""
        self._until(lambda: self.card.given >= given or self.card.over, "does not hear any more")

    def stop(self) -> None:
        """End the firmware, if it runs."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def idle(self) -> bool:
        """Whether nothing that was said has arrived at the broker."""
        return not any("/utterance/" in topic for topic in self._watch.topics)

    def _until(self, done: Callable[[], bool], what: str) -> None:
        taken, since = -1, time.monotonic()
        while not done():
            if self._process is None or self._process.poll() is not None:
                raise RunError(f"the firmware has ended: {self._last_words()}")
            if self.card.taken != taken and self.card.taken < _PIECES_HEARD:
                taken, since = self.card.taken, time.monotonic()
            if time.monotonic() - since > _BEGINS_WITHIN_S:
                raise RunError(f"the firmware {what}: {self._last_words()}; see {self._folder / LOG}")
            time.sleep(_LOOK_S)

    def _last_words(self) -> str:
        said = (self._folder / LOG).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return said[-1].strip() if said else "without a word"

    def _settings(self, port: int) -> Path:
        note = self._cloud.keys.note(datetime.now(UTC))
        (self._folder / "keys.note").write_text(note, encoding="utf-8")
        settings: Settings = {
            "device": {"state_dir": "state"},
            "cloud": {"root": self._cloud.keys.vkey, "keys": "keys.note"},
            "uplink": {"port": port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
            "board": {
                "name": "pi", "profile": str(self._profile()), "microphone": NAME, "loudspeaker": "default",
            },
        }  # fmt: skip
        return write_settings(self._folder / "device.toml", settings, {})

    def _profile(self) -> Path:
        """The generic profile, with as many channels as the card has."""
        text = (FOLDER / "generic-usb.toml").read_text(encoding="utf-8")
        profile = self._folder / "array.toml"
        profile.write_text(text.replace("channels = [1, 2]", f"channels = [{CHANNELS}]", 1), encoding="utf-8")
        return profile

    def _environment(self) -> dict[str, str]:
        temporary = self._folder / "tmp"
        temporary.mkdir()
        return os.environ | {
            "ALSA_CONFIG_PATH": str(self.card.config),
            "GPIOZERO_PIN_FACTORY": "mock",
            "GPIOZERO_MOCK_PIN_CLASS": "mockpwmpin",
            "TMPDIR": str(temporary),
        }


@contextmanager
def home(folder: Path, card: Card) -> Iterator[tuple[Home, Broker]]:
    """A broker and a cloud in `folder`, and the home around them; all of it ends with the block.

    Raises:
        CloudError: the broker or the cloud cannot be started.
    """
    tap = Tap(folder)
    watch = _Watch(tap)
    with open_broker("auto", 0, folder / "broker") as broker:
        settings: Settings = {
            "storage": {"directory": "cloud"},
            "broker": {"kind": "none", "port": broker.port, "backoff_min_s": 0.05, "backoff_max_s": 0.2},
        }
        path = write_settings(folder / "cloud.toml", settings, {})
        cloud = Cloud(cloud_config.load(path), ("127.0.0.1", broker.port), _Mind(), watch=watch)
        speaker = Home(folder, card, cloud, watch)
        try:
            cloud.start()
            yield speaker, broker
        finally:
            speaker.stop()
            cloud.stop()
            tap.close()
