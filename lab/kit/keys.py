"""The keys of an ingest under test: what a speaker believes, and what your ingest signs and opens with.

It keeps no message and knows no broker: your ingest, or the plugin, publishes what it writes.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub import config as cloud_config
from cloud_stub.acks import Acks, Outgoing
from cloud_stub.keys import Keys
from cloud_stub.whose import Whose
from device.envelope import ReaderKey, topics


class IngestKeys:
    """A root, a reader key and a signing key in `directory`, made for one test."""

    topic = topics.KEYS
    """Where the keys note is published, retained."""

    def __init__(self, directory: Path, suite: Literal["x25519", "mlkem768-x25519"] = "x25519") -> None:
        settings = msgspec.structs.replace(cloud_config.load(None).keys, suite=suite)
        self._keys = Keys(directory, settings)
        self._acks = Acks(self._keys.signer)
        self._made = datetime.now(UTC)
        self.note = self._keys.note(self._made).encode()
        """The keys note: a speaker believes it, because `root` signed it."""

    @property
    def root(self) -> str:
        """What a speaker pins as `cloud.root`: a C2SP verifier key."""
        return self._keys.vkey

    @property
    def reader(self) -> ReaderKey:
        """Opens what speakers seal: `device.envelope.open_utterance(begin, segments, end, keys.reader)`."""
        return self._keys.epoch(self._made).key

    @property
    def signer(self) -> Ed25519PrivateKey:
        """Signs what goes down: `device.envelope.downlink.sign(kind, body, keys.signer)`."""
        return self._keys.signer

    def complete(self, device: str, utterance: str) -> Outgoing:
        """Topic and payload of the word that lets a speaker forget an utterance."""
        return self._acks.complete(Whose(device, utterance))

    def truncated(self, device: str, utterance: str) -> Outgoing:
        """Topic and payload of the word that an utterance has lost its end, and all the rest is there."""
        return self._acks.truncated(Whose(device, utterance))

    def missing(
        self,
        device: str,
        utterance: str,
        segments: list[list[int]],
        *,
        begin: bool = False,
        end: bool = False,
    ) -> Outgoing:
        """Topic and payload that ask for more: ranges of segments, first and last included, begin, end."""
        return self._acks.missing(Whose(device, utterance), segments, begin=begin, end=end)
