"""scripts/install in a folder that stands for a machine: no root, no service, no network. What needs those is
tried by scripts/prove_install, on a Debian that boots.

The release is a small one: its wheel has no more than a command line, and is installed by the real pip.
"""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.bundle import KEY_NAME, Manifest, note_of
from device.ledger import Signer

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
UNIT = "/etc/systemd/system/overheard-device.service"
SETTINGS, STATE, RELEASES = "/etc/overheard/speaker.toml", "/var/lib/overheard", "/opt/overheard/releases"
EXTRAS = 'Provides-Extra: pi\nProvides-Extra: cloud\nRequires-Dist: pages; extra == "cloud"\n'
SIGNER = Signer(KEY_NAME, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def wheel(folder: Path, version: str, says: str) -> None:
    """A wheel of overheard, small: `overheard-device` says which release it is."""
    info = f"overheard-{version}.dist-info"
    others = {
        "small_device.py": f"def main() -> None:\n    print({says!r})\n",
        "hardware/profiles/generic-usb.toml": "",
        "hardware/profiles/respeaker-usb-4mic.toml": "",
        f"{info}/entry_points.txt": "[console_scripts]\noverheard-device = small_device:main\n",
    }
    pack(folder, "overheard", version, f"Version: {version}\n{EXTRAS}", others)


def pack(folder: Path, name: str, version: str, more: str, others: dict[str, str]) -> None:
    """A wheel of that name, with `more` in its metadata and `others` in it."""
    info = f"{name}-{version}.dist-info"
    members = others | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\n{more}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for member, text in members.items():
            file.writestr(member, text)
        file.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*members, f"{info}/RECORD"]))


def release(folder: Path, version: str) -> Path:
    """The folder of a release: this checkout's installer and units, and the small wheel."""
    shutil.copytree(ROOT / "systemd", folder / "systemd")
    (folder / "scripts").mkdir()
    for path in [SCRIPTS / "install", *SCRIPTS.glob("install_*.py")]:
        shutil.copy(path, folder / "scripts")
    wheel(folder, version, f"I am {version}")
    (folder / "constraints.txt").write_text("")
    digest = hashlib.sha256(version.encode()).hexdigest()[:8]
    (folder / "RELEASE").write_text(f"{version}-{digest}\n")
    return folder


class Home(NamedTuple):
    """A folder that stands for a machine, and releases to install there."""

    root: Path
    releases: Path

    def install(self, version: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        folder = self.releases / version
        if not folder.exists():
            release(folder, version)
        return run(folder / "scripts" / "install", "--root", self.root, "--offline", *words)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    @property
    def current(self) -> str:
        return self.at("/opt/overheard/current").readlink().name

    @property
    def previous(self) -> str:
        return self.at("/opt/overheard/previous").readlink().name

    def contents(self) -> dict[str, str]:
        """Each file and link with its content."""
        return {name: line.split()[2] for name, line in self.everything().items() if len(line.split()) > 2}

    def everything(self) -> dict[str, str]:
        """Each file with its content, mode and time: what a second run must not change."""
        return {
            str(
                path.relative_to(self.root)
            ): f"{path.lstat().st_mode:o} {path.lstat().st_mtime_ns} {_content(path)}"
            for path in sorted(self.root.rglob("*"))
            if "__pycache__" not in path.parts
        }


def _content(path: Path) -> str:
    if path.is_symlink():
        return os.readlink(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def run(script: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, script, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def good(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "root", tmp_path / "releases")


@pytest.fixture(autouse=True)
def made(home: Home) -> None:
    home.root.mkdir()
    home.releases.mkdir()


def test_a_speakers_life(home: Home, tmp_path: Path) -> None:
    """One story, since each act stands on the one before: pip is what takes time here."""
    is_installed(home, tmp_path)
    is_installed_again(home)
    is_mended(home)
    is_upgraded(home)
    is_updated(home, tmp_path)
    goes_back_and_forth(home)
    keeps_the_key_that_was_pinned(home, tmp_path)
    is_removed_but_for_what_is_the_owners(home)
    is_purged_but_not_by_mistake(home)


def is_installed(home: Home, tmp_path: Path) -> None:
    key = tmp_path / "release.key.pub"
    key.write_text(SIGNER.vkey + "\n")
    words = ("--profile", "respeaker-usb-4mic", "--broker", "192.168.1.5:8883", "--release-key", key)
    good(home.install("1.0.0", *words))
    assert home.current.startswith("1.0.0-")
    device = home.at("/opt/overheard/current/bin/overheard-device")
    assert subprocess.run([device], capture_output=True, check=True).stdout == b"I am 1.0.0\n"
    assert home.at(UNIT).read_bytes() == (ROOT / "systemd" / "overheard-device.service").read_bytes()
    assert home.at("/etc/udev/rules.d/60-overheard.rules").is_file()
    assert 'profile = "respeaker-usb-4mic"' in home.at(SETTINGS).read_text()
    assert stat.S_IMODE(home.at(SETTINGS).stat().st_mode) == 0o640
    assert stat.S_IMODE(home.at(STATE).stat().st_mode) == 0o700
    assert "IPAddressAllow=192.168.1.5\n" in home.at(f"{UNIT}.d/broker.conf").read_text()
    assert "192.168.1.5 . 8883" in home.at("/etc/overheard/broker.nft").read_text()


def is_installed_again(home: Home) -> None:
    before = home.everything()
    assert "nothing to do" in good(home.install("1.0.0", "--profile", "respeaker-usb-4mic"))
    said = good(home.install("1.0.0", "--profile", "generic-usb"))
    assert 'it says profile "respeaker-usb-4mic", you said "generic-usb": change it there' in said
    assert "as it should be" not in said
    assert home.everything() == before


def is_mended(home: Home) -> None:
    before = home.contents()
    home.at(UNIT).write_text("[Service]\n")
    assert UNIT in good(home.install("1.0.0"))
    assert home.contents() == before


def is_upgraded(home: Home) -> None:
    first = home.current
    for name in ("identity.key", "egress.db"):
        home.at(f"{STATE}/{name}").write_text(f"the owner's {name}")
    with home.at(SETTINGS).open("a") as settings:
        settings.write("# mine\n")
    before = {name: content for name, content in home.contents().items() if name.startswith(("etc/", "var/"))}
    good(home.install("1.1.0"))
    assert home.current.startswith("1.1.0-")
    assert home.previous == first
    assert before.items() <= home.contents().items()


def is_updated(home: Home, tmp_path: Path) -> None:
    before = home.current
    bundle = signed(tmp_path / "bundle", release(tmp_path / "unpacked", "1.2.0"), "1.2.0")
    verify(home)
    assert "signed by the release key" in good(home.install("1.1.0", "--update", bundle))
    now = home.current
    assert now.startswith("1.2.0-")
    assert {path.name for path in home.at(RELEASES).iterdir()} == {before, now}, "one release before, no more"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    verify(home)
    assert "cut short" in refused(home.install("1.1.0", "--update", bundle), 8)
    assert home.current == now


def goes_back_and_forth(home: Home) -> None:
    now, before = home.current, home.previous
    good(home.install("1.1.0", "--rollback"))
    assert (home.current, home.previous) == (before, now)
    good(home.install("1.1.0", "--rollback"))
    assert (home.current, home.previous) == (now, before)


def keeps_the_key_that_was_pinned(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "other.pub"
    other.write_text(Signer(KEY_NAME, Ed25519PrivateKey.generate()).vkey + "\n")
    assert "another key is trusted" in refused(home.install("1.2.0", "--release-key", other))
    assert home.at("/etc/overheard/release.key").read_text() == SIGNER.vkey + "\n"


def is_removed_but_for_what_is_the_owners(home: Home) -> None:
    settings = home.at(SETTINGS).read_text()
    mine = home.at(f"{UNIT}.d/mine.conf")
    mine.write_text("[Service]\nNice=5\n")
    assert "mine.conf, yours" in good(home.install("1.1.0", "--uninstall"))
    assert [path.name for path in mine.parent.iterdir()] == ["mine.conf"]
    mine.unlink()
    good(home.install("1.1.0", "--uninstall"))
    assert set(home.contents()) == {
        "etc/overheard/speaker.toml", "etc/overheard/release.key",
        "var/lib/overheard/identity.key", "var/lib/overheard/egress.db",
    }  # fmt: skip
    assert home.at(SETTINGS).read_text() == settings
    assert home.at(f"{STATE}/identity.key").read_text() == "the owner's identity.key"


def is_purged_but_not_by_mistake(home: Home) -> None:
    assert "not confirmed" in refused(home.install("1.1.0", "--uninstall", "--purge"))
    assert home.at(f"{STATE}/identity.key").exists()
    good(home.install("1.1.0", "--uninstall", "--purge", "--yes"))
    assert home.contents() == {}
    assert "nothing was installed" in good(home.install("1.1.0", "--uninstall"))


def signed(path: Path, folder: Path, version: str) -> Path:
    path.mkdir()
    archive = path / f"overheard-{version}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for file in sorted(folder.rglob("*")):
            tar.add(file, str(file.relative_to(folder)), recursive=False)
    note_of(archive).write_text(Manifest.of(archive, version).sign(SIGNER), encoding="utf-8")
    return archive


def verify(home: Home) -> None:
    """The small wheel cannot verify; this checkout's command line stands in its place in the release."""
    command = home.at("/opt/overheard/current/bin/overheard-device")
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from device.__main__ import main; main()"
    command.write_text(f"#!{sys.executable}\n{program}\n")


def test_a_cloud_is_made_with_what_its_pages_need_or_not_at_all(home: Home, tmp_path: Path) -> None:
    assert "pip install" in refused(home.install("1.0.0", "--cloud"))
    assert not home.at("/opt/overheard/current").exists()
    pack(tmp_path, "pages", "1", "Version: 1\n", {"pages.py": ""})
    good(home.install("1.0.0", "--cloud", "--wheels", tmp_path))
    assert home.current.endswith("-cloud")
    assert list(home.at("/opt/overheard/current").glob("lib/python3*/site-packages/pages.py"))


def test_a_release_that_cannot_be_made_leaves_nothing(home: Home) -> None:
    folder = release(home.releases / "1.0.0", "1.0.0")
    (broken,) = folder.glob("*.whl")
    broken.write_bytes(b"no wheel")
    assert "pip install: " in refused(home.install("1.0.0"))
    assert list(home.at("/opt/overheard/releases").iterdir()) == []
    assert not home.at("/opt/overheard/current").is_symlink()
    assert not home.at("/etc/systemd").exists()


@pytest.mark.parametrize("name", ["../../../evil", "1.0.0", "1.0.0-xyz", ""])
def test_a_release_with_a_name_that_is_none_is_refused(home: Home, name: str) -> None:
    folder = release(home.releases / "1.0.0", "1.0.0")
    (folder / "RELEASE").write_text(name)
    assert "a release named" in refused(home.install("1.0.0"))


def test_what_is_no_checkout_and_no_release_is_refused(home: Home) -> None:
    (release(home.releases / "1.0.0", "1.0.0") / "RELEASE").unlink()
    assert "neither a checkout nor a release" in refused(home.install("1.0.0"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--update", "there.is.none"], "not a file"),
        (["--purge"], "goes with --uninstall"),
        (["--join", "there/is/none"], "not a folder"),
        (["--rollback", "--uninstall"], "not allowed with"),
        (["--claim", __file__], "goes with --claim-key"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_done(home: Home, words: list[str], said: str) -> None:
    done = home.install("1.0.0", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert list(home.root.iterdir()) == []


def test_an_update_or_a_way_back_needs_a_release(home: Home, tmp_path: Path) -> None:
    bundle = tmp_path / "overheard.tar.gz"
    bundle.touch()
    assert "run scripts/install first" in refused(home.install("1.0.0", "--update", bundle))
    assert "no release before" in refused(home.install("1.0.0", "--rollback"))


def test_a_checkout_has_a_name_that_follows_from_what_is_installed(tmp_path: Path) -> None:
    sys.path.insert(0, str(SCRIPTS))
    try:
        from install_source import find
    finally:
        sys.path.remove(str(SCRIPTS))
    folder = tmp_path / "checkout"
    for name in ("device", "systemd"):
        (folder / name).mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nversion = "3.2.1"\n')
    (folder / "device" / "ear.py").write_text("one\n")
    name = find(folder).name
    assert name.startswith("3.2.1-")
    (folder / "device" / "__pycache__").mkdir()
    (folder / "device" / "__pycache__" / "ear.pyc").write_bytes(b"x")
    (folder / "notes.txt").write_text("not installed")
    assert find(folder).name == name
    (folder / "device" / "ear.py").write_text("two\n")
    changed = find(folder).name
    assert changed != name
    (folder / "device" / "ear.py").rename(folder / "device" / "eye.py")
    assert find(folder).name not in (name, changed)
