"""A boot partition, a release that says only that it ran, and scripts/flash: for the tests of cards."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from device.bundle import KEY_NAME, Manifest, note_of
from device.ledger import Signer

ROOT = Path(__file__).resolve().parents[1]
SIGNER = Signer(KEY_NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PASSWORD = "correct horse battery staple"
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFxLtOD14ASkvU7xjkfwqkz1q6s04enMm9LYpLhVSTsI me@home"
STYLES = ("cloudinit-rpi", "systemd")
BEFORE = ".before-overheard"


def boot_partition(folder: Path) -> Path:
    """What the boot partition of Trixie has, as far as it matters."""
    folder.mkdir()
    (folder / "config.txt").write_text("arm_64bit=1\n")
    (folder / "cmdline.txt").write_text("console=tty1 root=PARTUUID=0-02 rootwait quiet\n")
    (folder / "user-data").write_text("#cloud-config\n# as it came\n")
    (folder / "meta-data").write_text("dsmode: local\n")
    return folder


def words_for(boot: Path, room: Path) -> list[str]:
    """The words of a command line: with everything that can be given."""
    bundle, key = room / "overheard-1.0.0.tar.gz", room / "release.key.pub"
    bring(bundle, "the installer:")
    key.write_text(SIGNER.vkey + "\n")
    (room / "id.pub").write_text(SSH_KEY + "\n")
    (room / "wifi").write_text(f'Home: "#1"\n{PASSWORD}\nGB\n')
    join = room / "for-a-new-speaker"
    join.mkdir()
    for name in ("ca.crt", "claim.crt", "speaker.toml"):
        (join / name).write_text(f"the cloud's {name}\n")
    (join / "claim.key").write_bytes(private_key())
    return [
        str(boot), "--bundle", str(bundle), "--release-key", str(key), "--join", str(join),
        "--ssh-key", str(room / "id.pub"), "--wifi-file", str(room / "wifi"),
    ]  # fmt: skip


def private_key() -> bytes:
    """A key as `overheard-cloud broker` keeps one."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def bring(bundle: Path, says: str) -> None:
    """A signed release of that installer."""
    pack(bundle, says)
    note_of(bundle).write_text(Manifest.of(bundle, "1.0.0").sign(SIGNER), encoding="utf-8")


def pack(archive: Path, says: str) -> None:
    """A release whose installer says that it ran, and with which words; it ends as INSTALLER_ENDS says."""
    program = (
        f"import os, sys; print({says!r}, *sys.argv[1:]); sys.exit(int(os.environ.get('INSTALLER_ENDS', 0)))"
    ).encode()
    member = tarfile.TarInfo("scripts/install")
    member.size = len(program)
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(program))


def flash(words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "flash", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )


def refused(words: list[str]) -> str:
    """The one line with which it refuses."""
    done = flash(words)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
