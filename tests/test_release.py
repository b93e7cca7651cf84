"""scripts/release: the same release is the same bytes, its key is its own, and what it signs is believed."""

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from device.bundle import Manifest, note_of, read_key, read_note, unpack

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "release"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script, as a module; it has no suffix."""
    loader = SourceFileLoader("release", str(SCRIPT))
    spec = spec_from_loader("release", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def folder(path: Path, *, later: bool) -> Path:
    """A release's folder, written at another time and in another order."""
    files = [("RELEASE", "1.0.0-0a1b2c3d\n", 0o644), ("scripts/install", "#!/bin/true\n", 0o755)]
    for name, text, mode in reversed(files) if later else files:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode if later else mode & 0o711)
        os.utime(file, (1_000_000 * (later + 1),) * 2)
    return path


def test_the_same_release_is_the_same_archive(release, tmp_path):
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    release.pack(folder(tmp_path / "a", later=False), one)
    release.pack(folder(tmp_path / "b", later=True), other)
    assert one.read_bytes() == other.read_bytes()
    unpack(one, tmp_path / "unpacked")
    assert (tmp_path / "unpacked" / "scripts" / "install").stat().st_mode & 0o777 == 0o755
    (tmp_path / "b" / "RELEASE").write_text("1.0.1-0a1b2c3d\n")
    release.pack(tmp_path / "b", other)
    assert one.read_bytes() != other.read_bytes()


def test_a_new_key_is_nobody_elses_and_signs_what_its_public_half_believes(release, tmp_path):
    key = tmp_path / "keys" / "release.key"
    release.new_key(key)
    assert key.stat().st_mode & 0o777 == 0o600
    archive = tmp_path / "overheard-1.0.0.tar.gz"
    release.pack(folder(tmp_path / "a", later=False), archive)
    note_of(archive).write_text(
        Manifest.of(archive, "1.0.0").sign(release.read_signer(key)), encoding="utf-8"
    )
    public = read_key(key.with_name("release.key.pub"))
    assert read_note(archive, public) == Manifest.of(archive, "1.0.0")


def test_a_key_is_never_written_over(release, tmp_path):
    key = tmp_path / "release.key"
    release.new_key(key)
    before = key.read_bytes()
    with pytest.raises(release.InstallError, match="name another file"):
        release.new_key(key)
    assert key.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33, None])
def test_what_is_no_key_signs_nothing(release, tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(release.InstallError, match="no release key") as refused:
        release.read_signer(tmp_path / "key")
    assert "\n" not in str(refused.value)
