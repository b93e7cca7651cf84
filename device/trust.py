"""Whom the device believes: the cloud's reader key and signing key, under a root that the owner pinned.

Nothing arrives by trust on first use. A keys note is a C2SP signed note; it counts while it is valid, and
never replaces a younger one. The last good note is kept, so a device that wakes before it meets its broker
can seal; one that was damaged there counts for nothing, and the next that comes takes its place.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device.envelope import ReaderPublic
from device.envelope.layout import from_base64, from_json
from device.errors import ConfigError
from device.keys import write_private
from device.ledger import NoteError, Verifier, open_note

_TITLE = "overheard/v1/keys\n"


class NoteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a keys note."""

    not_before: str
    not_after: str
    reader: str
    signer: str


class CloudKeys(msgspec.Struct, frozen=True):
    """What one keys note says."""

    not_before: datetime
    not_after: datetime
    reader: ReaderPublic
    signer: Ed25519PublicKey


class Trust:
    """The cloud's keys as this device knows them; `root` is a verifier key of a signed note."""

    def __init__(self, root: str, memory: Path, first: Path | None = None) -> None:
        """Start from the note remembered at `memory`, else from the one at `first` (provisioning).

        Raises:
            ConfigError: `root` is not a verifier key, or `first` cannot be read or is not signed by it.
        """
        try:
            self._root = Verifier.parse(root)
        except NoteError as error:
            raise ConfigError(f"cloud.root: {error}; paste what `overheard-cloud keys` prints") from error
        self._memory = memory
        self._keys: CloudKeys | None = None
        self._kept = True
        if memory.exists():
            self._keys = self._open(_read(memory))
        if first is not None and self._keys is None:
            self._keys = self._open(_read(first))
            if self._keys is None:
                raise ConfigError(f"{first}: not a keys note of this root; run `overheard-cloud keys` again")

    def take(self, note: bytes) -> bool:
        """Believe `note` if the root signed it and it is not older than what is known; say whether it was.

        One that the disk has no room for is believed until the power goes, and kept when it comes again.
        """
        keys = self._open(note)
        if keys is None or (self._keys is not None and keys.not_before < self._keys.not_before):
            return False
        if keys != self._keys or not self._kept:  # it is retained: every connection brings it again
            self._keys = keys
            self._kept = self._keep(note)
        return True

    def at(self, now: datetime) -> CloudKeys | None:
        """Return the keys if they are valid at `now`, else None."""
        keys = self._keys
        return keys if keys is not None and keys.not_before <= now < keys.not_after else None

    @property
    def known(self) -> CloudKeys | None:
        """The keys of the last note believed, valid or not."""
        return self._keys

    def read(self, note: bytes) -> CloudKeys | None:
        """Return what `note` says if the root signed it, without believing it."""
        return self._open(note)

    @property
    def signer(self) -> Ed25519PublicKey | None:
        """The key that acknowledgements are signed with, of the last note believed."""
        return self._keys.signer if self._keys else None

    def _keep(self, note: bytes) -> bool:
        try:
            write_private(self._memory, note)
        except OSError:
            return False
        return True

    def _open(self, note: bytes) -> CloudKeys | None:
        try:
            text = open_note(note.decode(), [self._root])
            if not text.startswith(_TITLE):
                return None
            record = text.removeprefix(_TITLE).removesuffix("\n").encode()
            return _keys(from_json(record, NoteBody, "keys note"))
        except ValueError:  # NoteError and EnvelopeError are
            return None


def _keys(body: NoteBody) -> CloudKeys:
    signer = Ed25519PublicKey.from_public_bytes(from_base64(body.signer, "keys note"))
    return CloudKeys(_utc(body.not_before), _utc(body.not_after), ReaderPublic.decode(body.reader), signer)


def _utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a keys note that can be read") from error


def utc_text(now: datetime) -> str:
    """Write a moment as the formats of this project do: 2026-01-31T12:00:00Z."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
