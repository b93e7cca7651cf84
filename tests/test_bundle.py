"""A release is believed if the release key signed it and no byte is another; else nothing is unpacked."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device import bundle as release
from device.errors import UpdateError
from device.ledger import Signer, sign
from device.update import update, verified

SIGNER = Signer(release.KEY_NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
STRANGER = Signer(release.KEY_NAME, Ed25519PrivateKey.from_private_bytes(bytes(32)))
CONTENT = {"scripts/install": b"print('installed')\n", "RELEASE": b"9.0.0-0a1b2c3d\n"}


def pack(path: Path, add: Callable[[tarfile.TarFile], None] = lambda _: None) -> Path:
    """An archive of CONTENT, and of what `add` puts there."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in CONTENT.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
        add(tar)
    return path


def signed(path: Path, version: str = "9.0.0", signer: Signer = SIGNER) -> Path:
    release.note_of(path).write_text(release.Manifest.of(path, version).sign(signer), encoding="utf-8")
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "release.key"
    path.write_text(SIGNER.vkey + "\n", encoding="ascii")
    return path


@pytest.fixture
def room(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return signed(pack(tmp_path / "overheard.tar.gz"))


def refusal(bundle: Path, key: Path, room: Path, *, allow_older: bool = False) -> str:
    """The one line with which it is refused; nothing may lie in the room then, and nothing beside it."""
    around = {path for path in room.parent.rglob("*") if not path.is_relative_to(room)}
    with pytest.raises(UpdateError) as refused:
        verified(bundle, key, room, allow_older=allow_older)
    line = str(refused.value)
    assert "\n" not in line
    assert ": " in line
    assert "; " in line
    assert [path for path in room.rglob("*") if path.is_file() and path.name in ("install", "RELEASE")] == []
    assert {path for path in room.parent.rglob("*") if not path.is_relative_to(room)} == around
    return line


def test_what_the_release_key_signed_is_unpacked_as_it_was_packed(bundle, key, room):
    folder = verified(bundle, key, room, allow_older=False)
    assert {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    } == CONTENT
    assert (folder / "scripts" / "install").stat().st_mode & 0o777 == 0o755


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_byte_that_is_another_is_enough(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("altered")
    key = folder / "release.key"
    key.write_text(SIGNER.vkey, encoding="ascii")
    (folder / "room").mkdir()
    bundle = signed(pack(folder / "overheard.tar.gz"))
    touched = data.draw(st.sampled_from([bundle, release.note_of(bundle)]))
    content = bytearray(touched.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    touched.write_bytes(content)
    refusal(bundle, key, folder / "room")


@pytest.mark.parametrize("size", [0, 1, -1], ids=["empty", "one byte", "but for one"])
def test_one_that_was_cut_short_is_refused(bundle, key, room, size):
    bundle.write_bytes(bundle.read_bytes()[:size])
    assert "cut short" in refusal(bundle, key, room)


def test_one_with_more_at_its_end_is_refused(bundle, key, room):
    with bundle.open("ab") as file:
        file.write(bytes(1 << 21))
    assert "longer" in refusal(bundle, key, room)


def test_another_key_is_nobodys(tmp_path, key, room):
    bundle = signed(pack(tmp_path / "overheard.tar.gz"), signer=STRANGER)
    assert "not signed by this speaker's release key" in refusal(bundle, key, room)


def test_a_note_for_another_purpose_is_no_release(bundle, key, room):
    release.note_of(bundle).write_text(sign("overheard/keys/v1\nversion 9.0.0\n", SIGNER), encoding="utf-8")
    assert "not a release that this version knows" in refusal(bundle, key, room)


def test_a_note_that_promises_too_much_is_refused(bundle, key, room):
    manifest = release.Manifest("9.0.0", release.MAX_BYTES + 1, "0" * 64)
    release.note_of(bundle).write_text(manifest.sign(SIGNER), encoding="utf-8")
    assert "signed, but" in refusal(bundle, key, room)


@pytest.mark.parametrize("lost", ["note", "bundle", "key"])
def test_what_is_missing_is_named(bundle, key, room, lost):
    path = {"note": release.note_of(bundle), "bundle": bundle, "key": key}[lost]
    path.unlink()
    assert str(path) in refusal(bundle, key, room)


def test_a_key_file_that_holds_no_key_is_named(bundle, key, room):
    key.write_text("trust me", encoding="ascii")
    assert "not a release key" in refusal(bundle, key, room)


def test_an_older_one_needs_a_word(tmp_path, key, room):
    bundle = signed(pack(tmp_path / "overheard.tar.gz"), version="0.0.9")
    assert "--allow-older" in refusal(bundle, key, room)
    assert verified(bundle, key, room, allow_older=True).is_dir()


@pytest.mark.parametrize(
    ("older", "newer"), [("0.9", "0.10"), ("0.1.0", "0.1.0.1"), ("1.9.9", "2"), ("0.99.99", "1.0.0")]
)
def test_versions_are_numbers(older, newer):
    assert release.order(older) < release.order(newer)
    manifest = release.Manifest(older, 1, "0" * 64)
    with pytest.raises(UpdateError, match="older than"):
        release.require_newer(manifest, newer, allow_older=False)
    release.require_newer(manifest, older, allow_older=False)
    release.require_newer(manifest._replace(version=newer), older, allow_older=False)


@pytest.mark.parametrize("version", ["", "1.x", "1.2.3.4.5", "-1", "1..2", "\uff11.0", "1" * 7])
def test_what_has_no_order_is_no_version(version):
    with pytest.raises(UpdateError, match="not numbers"):
        release.order(version)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info, io.BytesIO())

    return add


@pytest.mark.parametrize(
    ("version", "allow_older", "age"),
    [("9.0.0", False, "and not older"), ("0.0.1", True, "and of whichever age, as you said")],
)
def test_what_is_said_of_its_age_is_what_was_looked_at(tmp_path, key, version, allow_older, age):
    bundle, said = signed(pack(tmp_path / "overheard.tar.gz"), version), []
    assert update(bundle, key, said.append, allow_older=allow_older) == 0
    assert said == [f"overheard.tar.gz: signed by the release key, whole, {age}"]


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (member("../out"), "way out"),
        (member("a/../../out"), "way out"),
        (member("/etc/out"), "way out"),
        (member("out", tarfile.SYMTYPE, "/etc/passwd"), "a link"),
        (member("out", tarfile.LNKTYPE, "RELEASE"), "a link"),
        (member("out", tarfile.CHRTYPE), "a link"),
        (member("out", tarfile.FIFOTYPE), "a link"),
        (member("RELEASE"), "twice"),
        (member("./RELEASE"), "cannot be unpacked"),
        (member("RELEASE/out"), "cannot be unpacked"),
    ],
    ids=[
        "up",
        "down and up",
        "root",
        "symlink",
        "hard link",
        "device",
        "pipe",
        "twice",
        "twice hidden",
        "file as folder",
    ],
)
def test_even_a_signed_archive_stays_in_its_folder(tmp_path, key, room, add, said):
    bundle = signed(pack(tmp_path / "overheard.tar.gz", add))
    with pytest.raises(UpdateError, match=said) as refused:
        verified(bundle, key, room, allow_older=False)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()
    assert not Path("/etc/out").exists()


def test_a_signed_archive_with_a_name_that_no_file_can_have_is_refused(tmp_path, key, room):
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("plain")
        info.pax_headers = {"path": "a\0b"}
        tar.addfile(info, io.BytesIO())

    bundle = signed(pack(tmp_path / "overheard.tar.gz", add))
    with pytest.raises(UpdateError, match="cannot be unpacked") as refused:
        verified(bundle, key, room, allow_older=False)
    assert "\n" not in str(refused.value)


def test_a_signed_archive_that_is_no_archive_is_refused(tmp_path, key, room):
    path = tmp_path / "overheard.tar.gz"
    path.write_bytes(b"no archive")
    assert "cannot be unpacked" in refusal(signed(path), key, room)


def test_a_signed_archive_without_an_installer_is_no_release(tmp_path, key, room):
    path = tmp_path / "overheard.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    assert "no scripts/install" in refusal(signed(path), key, room)
