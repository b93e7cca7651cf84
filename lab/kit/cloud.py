"""The stub cloud at the broker of a test, and what came of each utterance. It judges nothing.

For a test of your own ingest leave it out: `keys` has what an ingest needs instead.
"""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from cloud_stub import config as cloud_config
from cloud_stub.acks import Outgoing
from cloud_stub.cloud import Cloud
from cloud_stub.door import Words
from cloud_stub.whose import Whose
from device.envelope import Gap, downlink, topics
from lab.folder import Settings, write_settings
from lab.kit.broker import MockBroker
from lab.kit.opened import Opened, opened
from lab.kit.speaker import SimSpeaker
from lab.mind import shared_mind

_PATIENCE_S = 10.0


class Heard(NamedTuple):
    """An utterance as this cloud has it. pcm: opened by the test's own key, None unless it is whole; it is
    silent in its `gaps`, which the microphone lost.

    state: arriving, complete, truncated, forgotten. reason: the end reason, "" without an end. heard, answer:
    None until there was an answer.
    """

    id: str
    device: str
    state: str
    trigger: str
    reason: str
    pcm: bytes | None
    heard: str | None
    answer: str | None
    gaps: tuple[Gap, ...] = ()

    def __repr__(self) -> str:
        """All but the sound, of which only the length: it would fill the screen of a test that fails."""
        sound = "None" if self.pcm is None else f"<{len(self.pcm) // 2} samples>"
        said = {name: repr(value) for name, value in self._asdict().items()} | {"pcm": sound}
        return f"Heard({', '.join(f'{name}={text}' for name, text in said.items())})"


class StubCloud:
    """A cloud with its keys and vault in `directory`, at `broker`; `settings` as in its TOML file."""

    def __init__(self, directory: Path, broker: MockBroker, settings: Settings) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._broker = broker
        self._words: dict[str, Words] = {}
        self._serial = 0
        self._speaker: SimSpeaker | None = None
        ours: dict[str, dict[str, Any]] = {
            "storage": {"directory": "store"},
            "broker": {
                "kind": "none",
                "protocol": "3.1.1" if broker.kind == "amqtt" else "auto",
                "backoff_min_s": 0.02,
                "backoff_max_s": 0.1,
            },
        }
        self._config = cloud_config.load(write_settings(directory / "cloud.toml", ours, settings))
        self._cloud = self._make()

    @property
    def root(self) -> str:
        """The root key that speakers pin."""
        return self._cloud.keys.vkey

    @property
    def note(self) -> bytes:
        """The keys note of now."""
        return self._cloud.keys.note(datetime.now(UTC)).encode()

    def start(self) -> None:
        """Start it, or start it again with what it has kept; return once it listens."""
        if self._cloud.over.is_set():
            self._cloud = self._make()
        self._cloud.start()
        self._cloud.up.wait(_PATIENCE_S)

    def stop(self) -> None:
        """Stop it in an orderly way. The broker keeps what is meant for it. Twice is harmless."""
        if not self._cloud.over.is_set():
            self._cloud.stop()

    def meet(self, speaker: SimSpeaker) -> None:
        """Get to know the speaker that commands go to."""
        self._speaker = speaker

    def command(self, do: str, to: float | None = None) -> None:
        """Send the speaker a signed command (mute, stop, volume, checkpoint), and return once it is there."""
        assert self._speaker is not None  # noqa: S101 (the plugin introduces them)
        self._serial += 1
        body: dict[str, Any] = {"v": 1, "device": self._speaker.device, "serial": self._serial, "do": do}
        payload = downlink.sign(
            "command", {**body, **({} if to is None else {"to": to})}, self._cloud.keys.signer
        )
        message = Outgoing(topics.command(self._speaker.device), payload)
        self._speaker.hear_from(message.topic, lambda: self._cloud.say(message))

    @property
    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Messages taken by kind (`duplicate` and `waiting` are two), and refused by reason, since start."""
        ingest = self._cloud.ingest
        return defaultdict(int, ingest.taken), defaultdict(int, ingest.refused)

    def utterances(self) -> list[Heard]:
        """What it has, the oldest first, each as it is once nothing that has come is still being answered."""
        self._cloud.settled.wait(_PATIENCE_S)
        sent = opened(self._broker, self._speaker.owner if self._speaker is not None else None)
        return [self._heard(held.whose, held.state, sent) for held in self._cloud.vault.utterances()]

    def _heard(self, whose: Whose, state: str, sent: dict[str, Opened]) -> Heard:
        of = sent[whose.utterance]
        words = self._words.get(whose.utterance)
        return Heard(
            whose.utterance, whose.device, state, of.trigger, of.reason, of.pcm,
            words.heard if words else None, words.answer if words else None, of.gaps,
        )  # fmt: skip

    def _make(self) -> Cloud:
        address = (self._broker.host, self._broker.port)
        return Cloud(self._config, address, shared_mind(), watch=_Watch(self._words))


class _Watch:
    """Remembers what was heard."""

    def __init__(self, words: dict[str, Words]) -> None:
        self._words = words

    def arrived(self, topic: str, payload: bytes) -> None:
        """The broker has noted it already."""

    def heard(self, whose: Whose, words: Words) -> None:
        """Note what was made of an utterance."""
        self._words[whose.utterance] = words
