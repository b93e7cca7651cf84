"""A speaker without a speaker: it seals what it is given, for tests of the other end."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.config import Config, load
from cloud_stub.ingest import Ingest
from cloud_stub.keys import Keys
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from device.envelope import (
    Consent,
    Gap,
    Header,
    NamedReader,
    ReaderKey,
    ReaderPublic,
    Sealer,
    Trigger,
    device_id,
    topics,
    wrap,
)
from device.envelope.layout import to_base64

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Spoken(NamedTuple):
    """A sealed utterance: what was said, and the messages that say it."""

    device: str
    utterance: str
    pcm: bytes
    data_key: bytes
    begin: bytes
    segments: list[bytes]
    end: bytes

    @property
    def whose(self) -> Whose:
        return Whose(self.device, self.utterance)

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        parts = [("begin", self.begin), *(("segment", each) for each in self.segments), ("end", self.end)]
        return [(self.topic(part), message) for part, message in parts]

    def topic(self, part: str) -> str:
        return topics.utterance(self.device, self.utterance, part)


def silent(pcm: bytes, gaps: Sequence[Gap]) -> bytes:
    """The sound with zeros in its gaps."""
    heard = bytearray(pcm)
    for gap in gaps:
        heard[2 * gap.first : 2 * gap.end] = bytes(2 * gap.samples)
    return bytes(heard)


class Voice:
    """A device's keys, and utterances sealed with them."""

    def __init__(self) -> None:
        self._rows = count(10**6)  # so that every header is equally long
        self.signing = Ed25519PrivateKey.generate()
        self.reply = ReaderKey.generate("x25519")
        self.public = self.signing.public_key().public_bytes_raw()
        self.device = device_id(self.public, self.reply.public)

    def say(
        self,
        reader: ReaderPublic,
        segments: int = 3,
        *,
        save: bool = True,
        review: bool = False,
        utterance: str | None = None,
        utc: str = "2026-11-23T08:00:00Z",
        cover: bool = False,
        gaps: Mapping[int, Sequence[Gap]] = MappingProxyType({}),  # by segment
    ) -> Spoken:
        header = Header(
            device=self.device,
            boot="boot-1",
            utterance=utterance or os.urandom(16).hex(),
            trigger=Trigger("cover", "nothing") if cover else Trigger("button_tap"),
            first_sample=0,
            utc=utc,
            consent=Consent(save, review),
            ledger_index=next(self._rows),
            readers=(NamedReader(reader.id, reader.suite, "cloud"),),
            signer=to_base64(self.public),
            reply=self.reply.public.encode(),
        )
        data_key, header_bytes = os.urandom(32), header.to_bytes()
        sealer = Sealer(header_bytes, data_key, wrap(data_key, [reader], header_bytes), self.signing)
        pcm = b"" if cover else os.urandom(2560 * (segments - 1) + 640)
        *cuts, last = [
            (silent(pcm[2560 * n : 2560 * (n + 1)], gaps.get(n, ())), gaps.get(n, ()))
            for n in range(segments)
        ]
        pcm = b"".join(cut for cut, _ in [*cuts, last])
        sealed = [*(sealer.segment(*each) for each in cuts), sealer.last(*last)]
        return Spoken(
            self.device, header.utterance, pcm, data_key, sealer.begin(), sealed, sealer.end("silence", "")
        )


class Other:
    """The other end, without a broker: keys, vault, ingest, and the day's reader key."""

    def __init__(self, directory: Path) -> None:
        self.config = settings(directory)
        self.keys = Keys(self.config.storage.keys, self.config.keys)
        self.vault = Vault(self.config.storage.vault)
        self.completed: list[Whose] = []
        self.ingest = Ingest(self.vault, self.keys, self.config.ingest, self.completed.append)
        self.reader = self.keys.epoch(NOW).key.public

    def take(self, messages: list[tuple[str, bytes]], now: datetime = NOW) -> list[tuple[str, bytes]]:
        return [tuple(each) for topic, payload in messages for each in self.ingest.take(topic, payload, now)]


def settings(directory: Path) -> Config:
    config = load(None)
    replace = msgspec.structs.replace
    return replace(
        config,
        storage=replace(config.storage, directory=str(directory)),
        keys=replace(config.keys, suite="x25519"),
        broker=replace(config.broker, backoff_min_s=1, backoff_max_s=2),
    )


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def voice() -> Voice:
    return Voice()


@pytest.fixture(scope="session")
def stranger() -> Voice:
    return Voice()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    end = Other(tmp_path / "cloud")
    yield end
    end.vault.close()


@pytest.fixture(scope="module")
def lasting_other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """For many examples of one property; each must bring its own utterances."""
    end = Other(tmp_path_factory.mktemp("cloud"))
    yield end
    end.vault.close()
