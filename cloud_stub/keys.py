"""The keys of the cloud: made on first run, in files that nobody else can read. The clock is an argument.

`root.key` signs the keys note that devices pin, `signer.key` acknowledgements and answers, `witness.key`
heads of ledgers. A reader key of the day opens what devices seal, stays for a grace period, and is then
destroyed: not by the wall clock alone, which may leap, since a key that is gone is gone.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

import msgspec
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.ages import Ages
from cloud_stub.config import KeysSection
from cloud_stub.errors import KeyFileError
from cloud_stub.private_files import keep, private_directory, read_private, sync_directory, write_private
from device.envelope.errors import EnvelopeError
from device.envelope.keys import ReaderKey
from device.envelope.layout import to_base64
from device.ledger import Signer, sign

ROOT_NAME = "overheard-cloud"
LAP = timedelta(hours=1)
"""A new reader key is made when the newest has less than this left, so that no device is ever without one."""


class _ReaderFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    not_before: datetime
    not_after: datetime
    key: str


class Epoch(NamedTuple):
    """A reader key and when devices may seal to it (UTC)."""

    key: ReaderKey
    not_before: datetime
    not_after: datetime
    path: Path


class Keys:
    """The cloud's keys in one directory (0700, files 0600), read or made. `running` counts seconds that never
    jump. keeps: False for a worker beside the cloud, which destroys none and counts nothing.

    Raises:
        KeyFileError: a key file is damaged, or readable by others.
    """

    def __init__(
        self,
        directory: Path,
        settings: KeysSection,
        running: Callable[[], float] = monotonic,
        *,
        keeps: bool = True,
    ) -> None:
        private_directory(directory)
        self._directory = directory
        self._settings = settings
        self._turning = threading.Lock()
        self._root = Signer(ROOT_NAME, _signing_key(directory / "root.key"))
        self.signer = _signing_key(directory / "signer.key")
        self.witness = _signing_key(directory / "witness.key")
        found = map(_read_epoch, directory.glob("reader-*.key"))
        self._epochs = {epoch.key.public.id: epoch for epoch in found if epoch is not None}
        epoch, self._grace = timedelta(seconds=settings.epoch_s), timedelta(seconds=settings.grace_s)
        self._least_age = max(epoch, self._grace)
        self._ages = Ages(directory / "ages", running)
        self._keeps = keeps

    @property
    def vkey(self) -> str:
        """The root's public key as devices pin it."""
        return self._root.vkey

    def epoch(self, now: datetime) -> Epoch:
        """The reader key that devices are to use now; makes one when none has an hour left."""
        with self._turning:
            self._destroy_old(now)
            fit = [e for e in self._epochs.values() if e.not_before <= now < e.not_after - LAP]
            return max(fit, key=lambda epoch: epoch.not_after, default=None) or self._make_epoch(now)

    def reader(self, reader_id: str, now: datetime) -> ReaderKey | None:
        """The private key of that id; None when it is not ours, or was destroyed after its grace period."""
        epoch = self.held(reader_id, now)
        return epoch.key if epoch else None

    def held(self, reader_id: str, now: datetime) -> Epoch | None:
        """As `reader`, with the time that the key was made for."""
        with self._turning:
            path = self._directory / f"reader-{reader_id}.key"
            if reader_id not in self._epochs and (epoch := _read_epoch(path)) is not None:
                self._epochs[reader_id] = epoch  # made meanwhile by `overheard-cloud keys`
            self._destroy_old(now)
            return self._epochs.get(reader_id)

    def note(self, now: datetime) -> str:
        """The signed keys note of now: the same text for the whole epoch."""
        epoch = self.epoch(now)
        body = {
            "not_before": _utc(epoch.not_before),
            "not_after": _utc(epoch.not_after),
            "reader": epoch.key.public.encode(),
            "signer": to_base64(self.signer.public_key().public_bytes_raw()),
        }
        return sign(f"overheard/v1/keys\n{rfc8785.dumps(body).decode()}\n", self._root)

    def _make_epoch(self, now: datetime) -> Epoch:
        not_before = now.astimezone(UTC).replace(microsecond=0)
        not_after = not_before + timedelta(seconds=self._settings.epoch_s)
        key = ReaderKey.generate(self._settings.suite)
        path = self._directory / f"reader-{key.public.id}.key"
        content = _ReaderFile(1, not_before, not_after, key.to_bytes().decode("ascii"))
        try:
            write_private(path, msgspec.json.encode(content))
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}; the cloud must own this directory") from error
        epoch = Epoch(key, not_before, not_after, path)
        self._epochs[key.public.id] = epoch
        self._ages.of(self._epochs)
        return epoch

    def _destroy_old(self, now: datetime) -> None:
        """Destroy what is over by the wall clock and old enough by running time: late does little harm. A
        worker forgets what the cloud destroyed.
        """
        if not self._keeps:
            self._epochs = {name: each for name, each in self._epochs.items() if each.path.exists()}
            return
        for reader_id, age in self._ages.of(self._epochs).items():
            epoch = self._epochs[reader_id]
            if now >= epoch.not_after + self._grace and age >= self._least_age:
                _destroy(epoch.path)
                del self._epochs[reader_id]


def _signing_key(path: Path) -> Ed25519PrivateKey:
    seed = keep(path, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
    try:
        return Ed25519PrivateKey.from_private_bytes(seed)
    except ValueError as error:
        raise KeyFileError(f"{path}: not a key; restore it, or move it away to make a new one") from error


def _read_epoch(path: Path) -> Epoch | None:
    """None where there is none: another process may destroy it at any moment, and none is ever made of it."""
    content = read_private(path)
    if content is None:
        return None
    try:
        held = msgspec.json.decode(content, type=_ReaderFile)
        key = ReaderKey.from_bytes(held.key.encode())
    except (msgspec.MsgspecError, EnvelopeError, UnicodeError) as error:
        raise KeyFileError(f"{path}: not a reader key; restore it, or move it away") from error
    return Epoch(key, held.not_before, held.not_after, path)


def _destroy(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the cloud must own this directory") from error


def _utc(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
