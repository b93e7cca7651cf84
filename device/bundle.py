"""A signed release: one archive, and a note that says which. Nothing of the archive is parsed, let alone
unpacked, before the note is seen to be the release key's, and every byte of the archive to be what it says.

It calls nobody: an update is a file that a person brings. The release key signs releases and nothing else.
"""

import hashlib
import re
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Self

from device.errors import UpdateError
from device.ledger import NoteError, Signer, Verifier, open_note, sign

KEY_NAME = "overheard-release"
MAX_NOTE_BYTES = 4096
MAX_BYTES = 1 << 30
"""No archive is larger, and none unpacks to more: a card is small."""

_FORMAT = "overheard/release/v1"
_TEXT = re.compile(rf"{_FORMAT}\nversion (\S+)\nsize ([0-9]{{1,12}})\nsha256 ([0-9a-f]{{64}})\n")
_VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}")


class Manifest(NamedTuple):
    """What a note says of an archive."""

    version: str
    size: int
    sha256: str

    @classmethod
    def of(cls, archive: Path, version: str) -> Self:
        """The manifest of an archive that lies there. Raises UpdateError for a version that has no order."""
        order(version)
        with archive.open("rb") as file:
            return cls(version, archive.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())

    def sign(self, signer: Signer) -> str:
        """The note."""
        return sign(
            f"{_FORMAT}\nversion {self.version}\nsize {self.size}\nsha256 {self.sha256}\n",
            signer,
        )


def order(version: str) -> tuple[int, ...]:
    """What versions are compared by: `0.10` is younger than `0.9`, and `1.0` is `1`. Raises UpdateError."""
    if not _VERSION.fullmatch(version):
        raise UpdateError(f"version {version!r}: not numbers with dots between; name it like 0.2.0")
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def note_of(bundle: Path) -> Path:
    """Where the note of an archive is: beside it."""
    return bundle.with_name(bundle.name + ".note")


def read_key(path: Path) -> Verifier:
    """The release key that this speaker trusts, pinned when it was installed. Raises UpdateError."""
    try:
        return Verifier.parse(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UpdateError(
            f"{path}: {error.strerror}; without a release key nothing is believed: run scripts/install of a "
            "checkout, with --release-key to pin one"
        ) from error
    except (NoteError, ValueError) as error:
        raise UpdateError(f"{path}: not a release key; pin it again, whole") from error


def read_note(bundle: Path, key: Verifier) -> Manifest:
    """What the note beside `bundle` says, once it is seen to be the release key's. Raises UpdateError."""
    path = note_of(bundle)
    try:
        with path.open("rb") as file:
            note = file.read(MAX_NOTE_BYTES)
    except OSError as error:
        raise UpdateError(f"{path}: {error.strerror}; a bundle and its note come together") from error
    try:
        text = open_note(note, [key])  # one that was cut at the limit is no note
    except NoteError as error:
        raise UpdateError(
            f"{path}: not signed by this speaker's release key; nothing was unpacked, get it from who made it"
        ) from error
    match = _TEXT.fullmatch(text)
    if match is None or int(match[2]) > MAX_BYTES:
        raise UpdateError(f"{path}: signed, but not a release that this version knows; look for a newer note")
    return Manifest(match[1], int(match[2]), match[3])


def require_newer(manifest: Manifest, installed: str, *, allow_older: bool) -> None:
    """Raise UpdateError for a release that is older than what is installed. The same one may come again."""
    if order(manifest.version) < order(installed) and not allow_older:
        raise UpdateError(
            f"release {manifest.version}: older than {installed}, which is installed; "
            "if you mean it, say --allow-older"
        )


def receive(bundle: Path, manifest: Manifest, into: Path) -> Path:
    """Copy the archive to the new file `into`, where nobody else writes, and see that it is the manifest's.

    Raises UpdateError when it is not, by one byte; then there is no copy.
    """
    digest, left = hashlib.sha256(), manifest.size
    try:
        with bundle.open("rb") as source, into.open("xb") as copy:
            while part := source.read(min(1 << 20, left + 1)):
                left -= len(part)
                digest.update(part)
                copy.write(part)
    except OSError as error:
        into.unlink(missing_ok=True)
        raise UpdateError(f"{bundle}: {error.strerror}; make room, or bring the file again") from error
    if left == 0 and digest.hexdigest() == manifest.sha256:
        return into
    into.unlink()
    what = "cut short" if left > 0 else "longer than" if left < 0 else "not"
    raise UpdateError(f"{bundle}: {what} what its note says; nothing was unpacked, bring it again")


def unpack(archive: Path, into: Path) -> None:
    """Unpack into the empty folder `into`: plain files in plain folders, and nothing anywhere else.

    Looks at every name first. Raises UpdateError for a link, a device, a way out, or more than MAX_BYTES.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            _require_plain(members)
            for member in members:
                if member.isfile() and (content := tar.extractfile(member)) is not None:
                    _write(into / member.name, content, 0o755 if member.mode & 0o100 else 0o644)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UpdateError(f"{archive.name}: cannot be unpacked: {error}; make it again") from error


def _require_plain(members: Iterable[tarfile.TarInfo]) -> None:
    names: set[str] = set()
    total = 0
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise UpdateError(f"{member.name!r} in the archive: a link, or a way out of it; make it again")
        if member.name in names:
            raise UpdateError(f"{member.name!r} in the archive: there twice; make it again")
        names.add(member.name)
        total += member.size
    if total > MAX_BYTES:
        raise UpdateError(f"the archive: {total} bytes, more than {MAX_BYTES}; leave something out")


def _write(path: Path, content: IO[bytes], mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(mode)
