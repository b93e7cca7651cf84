"""The keys of a device: made once, readable by nobody else, and what the device is called after."""

import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.envelope import SUITES, ReaderKey, device_id
from device.errors import KeyFileError
from device.keys import is_new, load_or_make, write_private

SUITE = "x25519"
FILES = ("identity.key", "reply.key")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state directory, made under a umask that hides nothing by itself."""
    before = os.umask(0)
    yield tmp_path / "state"
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("suite", SUITES)
def test_a_first_run_makes_both_keys_and_later_runs_read_them(state: Path, suite: str) -> None:
    first = load_or_make(state, suite)
    again = load_or_make(state, suite)
    assert (first.device, first.public, first.reply.to_bytes()) == (
        again.device,
        again.public,
        again.reply.to_bytes(),
    )
    assert first.reply.suite == suite


def test_only_the_firmware_can_read_what_it_keeps(state: Path) -> None:
    load_or_make(state, SUITE)
    assert mode(state) == 0o700
    assert {name: mode(state / name) for name in FILES} == dict.fromkeys(FILES, 0o600)
    assert sorted(path.name for path in state.iterdir()) == sorted(FILES)


def test_two_devices_share_nothing(tmp_path: Path) -> None:
    one, two = (load_or_make(tmp_path / name, SUITE) for name in ("one", "two"))
    assert one.device != two.device
    assert one.public != two.public
    assert one.reply.public != two.reply.public


def test_the_name_is_a_hash_of_both_public_keys(state: Path) -> None:
    identity = load_or_make(state, SUITE)
    signing = identity.signing.public_key().public_bytes_raw()
    assert identity.device == device_id(signing, identity.reply.public)


@pytest.mark.parametrize("name", FILES)
def test_another_key_is_another_device(state: Path, name: str) -> None:
    before = load_or_make(state, SUITE)
    (state / name).unlink()
    after = load_or_make(state, SUITE)
    assert after.device != before.device
    assert (after.public == before.public) == (name == "reply.key")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("bits", [0o040, 0o020, 0o004, 0o002, 0o001])
def test_a_key_that_others_can_touch_is_refused(state: Path, name: str, bits: int) -> None:
    load_or_make(state, SUITE)
    (state / name).chmod(0o600 | bits)
    with pytest.raises(KeyFileError, match=f"{name}: others can read it; run: chmod 600 ") as caught:
        load_or_make(state, SUITE)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage", [b"", b"short", b"x" * 33, b"overheard-reader-private:x25519:AAAA", b"\xff" * 90]
)
def test_a_damaged_key_is_refused_and_left_as_it_is(state: Path, name: str, damage: bytes) -> None:
    load_or_make(state, SUITE)
    (state / name).write_bytes(damage)
    with pytest.raises(KeyFileError, match=f"{name}: not a key; restore it, or move it away"):
        load_or_make(state, SUITE)
    assert (state / name).read_bytes() == damage


def test_the_private_keys_are_not_in_an_error(state: Path) -> None:
    load_or_make(state, SUITE)
    secret = b"overheard-reader-private:x25519:c2VjcmV0"
    (state / "reply.key").write_bytes(secret)
    with pytest.raises(KeyFileError) as caught:
        load_or_make(state, SUITE)
    assert "c2VjcmV0" not in f"{caught.value}{caught.value.__cause__}"


def test_power_lost_between_the_two_keys_leaves_a_first_run_that_goes_on(state: Path) -> None:
    state.mkdir()
    seed = Ed25519PrivateKey.generate()
    write_private(state / "identity.key", seed.private_bytes_raw())
    identity = load_or_make(state, SUITE)
    assert identity.public == seed.public_key().public_bytes_raw()


def test_power_lost_while_a_key_is_written_leaves_no_half_key(state: Path) -> None:
    state.mkdir()
    (state / "identity.key.new").write_bytes(b"half")
    (state / "reply.key.new").write_bytes(ReaderKey.generate(SUITE).to_bytes()[:20])
    identity = load_or_make(state, SUITE)
    assert sorted(path.name for path in state.iterdir()) == sorted(FILES)
    assert (state / "identity.key").read_bytes() == identity.signing.private_bytes_raw()


def test_a_private_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old and longer")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert mode(path) == 0o600


def test_nobody_can_tell_whether_a_speaker_with_keys_from_elsewhere_is_new(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it begins muted: it may have been."""
    assert is_new(state)
    handed = tmp_path / "handed"
    load_or_make(handed, SUITE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert not is_new(state)


def test_all_who_ask_at_once_become_the_same_device(tmp_path: Path) -> None:
    """At a first boot the firmware and the unit that asks for its certificate start together."""
    many = 16
    for turn in range(10):
        together = threading.Barrier(many)

        def ask(state: Path, together: threading.Barrier = together) -> str:
            together.wait(30)
            return load_or_make(state, SUITE).device

        with ThreadPoolExecutor(many) as pool:
            assert len(set(pool.map(ask, [tmp_path / str(turn)] * many))) == 1


@pytest.mark.parametrize("place", ["", "state"])
def test_a_state_directory_that_cannot_be_is_one_line(tmp_path: Path, place: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(KeyFileError, match=r"taken[^;\n]*: [^;\n]+; [^\n]+[^.\n]$"):
        load_or_make(taken / place, SUITE)


def test_a_key_that_is_no_file_is_one_line(state: Path) -> None:
    state.mkdir()
    (state / "identity.key").mkdir(mode=0o700)
    with pytest.raises(KeyFileError, match=r"identity\.key: [^;\n]+; the firmware must own this file$"):
        load_or_make(state, SUITE)
