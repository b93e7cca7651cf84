"""Mute is remembered, and whatever cannot be read is muted."""

from pathlib import Path

import pytest

from device.errors import DiskError
from device.mute import MuteMemory


def again(directory: Path) -> bool:
    """What the next start of the firmware reads."""
    return MuteMemory(directory, first_run=False).on


def test_a_first_run_is_not_muted_and_remembers_so(tmp_path: Path) -> None:
    assert not MuteMemory(tmp_path, first_run=True).on
    assert not again(tmp_path)


@pytest.mark.parametrize("wish", [True, False])
def test_the_last_wish_survives(tmp_path: Path, wish: bool) -> None:
    memory = MuteMemory(tmp_path, first_run=True)
    memory.set(not wish)
    memory.set(wish)
    assert memory.on == wish
    assert again(tmp_path) == wish


def test_a_device_that_has_run_before_and_remembers_nothing_is_muted(tmp_path: Path) -> None:
    assert again(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"open", b"OPEN\n", b"open\n\n", b"open\0\n", b"live\n", b"\xff\xfe", b"muted\n", bytes(5)],
)
@pytest.mark.parametrize("first_run", [True, False])
def test_a_memory_that_does_not_say_open_to_the_byte_is_muted(
    tmp_path: Path, content: bytes, first_run: bool
) -> None:
    (tmp_path / "mute").write_bytes(content)
    assert MuteMemory(tmp_path, first_run=first_run).on
    assert (tmp_path / "mute").read_bytes() == content


def test_a_memory_that_is_no_file_is_muted(tmp_path: Path) -> None:
    (tmp_path / "mute").mkdir()
    assert again(tmp_path)


def test_a_damaged_memory_is_mended_by_the_next_wish(tmp_path: Path) -> None:
    (tmp_path / "mute").write_bytes(b"?")
    MuteMemory(tmp_path, first_run=False).set(False)
    assert not again(tmp_path)


def test_power_lost_while_remembering_leaves_the_wish_before(tmp_path: Path) -> None:
    MuteMemory(tmp_path, first_run=True).set(True)
    (tmp_path / "mute.new").write_bytes(b"op")
    assert again(tmp_path)


def test_nobody_else_can_read_or_write_it(tmp_path: Path) -> None:
    MuteMemory(tmp_path, first_run=True)
    assert (tmp_path / "mute").stat().st_mode & 0o777 == 0o600


def test_a_wish_to_be_muted_that_cannot_be_remembered_holds_and_is_unknown_afterwards(tmp_path: Path) -> None:
    memory = MuteMemory(tmp_path, first_run=True)
    (tmp_path / "mute.new").mkdir()
    (tmp_path / "mute.new" / "in the way").touch()
    with pytest.raises(DiskError, match=r"mute: [^;\n]+; [^\n]+[^.\n]$") as caught:
        memory.set(True)
    assert caught.value.exit_code == 6
    assert memory.on, "it holds until the power goes"
    assert again(tmp_path), "and then unknown means muted"
