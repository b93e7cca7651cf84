"""Whom the device believes: only what the pinned root signed, never an older note than the one it has."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from device.errors import ConfigError
from device.ledger import Signer
from device.trust import Trust, utc_text
from tests.device.notes import NOON, READER, ROOT, SIGNING, TITLE, fields, note, public_of

STRANGER = Signer("overheard-cloud", Ed25519PrivateKey.from_private_bytes(b"s" * 32))
OTHER_SIGNING = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
TOMORROW = fields(
    not_before="2026-02-01T00:00:00Z", not_after="2026-02-02T00:00:00Z", signer=public_of(OTHER_SIGNING)
)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "keys.note"


@pytest.fixture
def trust(memory: Path) -> Trust:
    return Trust(ROOT.vkey, memory)


def test_nobody_is_believed_before_a_note_has_come(trust: Trust) -> None:
    assert trust.at(NOON) is None
    assert trust.signer is None


def test_a_note_of_the_root_is_believed(trust: Trust) -> None:
    assert trust.take(note())
    keys = trust.at(NOON)
    assert keys is not None
    assert keys.reader == READER.public
    assert trust.signer == keys.signer == SIGNING.public_key()


def test_a_note_counts_from_its_first_second_until_before_its_last(trust: Trust) -> None:
    trust.take(note())
    start, end = NOON - timedelta(hours=12), NOON + timedelta(hours=12)
    second = timedelta(seconds=1)
    moments = (start - second, start, end - second, end)
    assert [trust.at(moment) is not None for moment in moments] == [False, True, True, False]


HOSTILE = {
    "another root of the same name": note(root=STRANGER),
    "the right key under another name": note(root=Signer("elsewhere", ROOT.key)),
    "another title": note(title="overheard/v2/keys\n"),
    "no title": note(title=""),
    "a field more": note(fields(unmute="yes")),
    "a field less": note({name: value for name, value in fields().items() if name != "signer"}),
    "no moment": note(fields(not_before="now")),
    "a moment elsewhere": note(fields(not_after="2026-02-01T00:00:00+02:00")),
    "a reader of no suite": note(fields(reader="rot13:AAAA")),
    "a reader that is no key": note(fields(reader="x25519:AAAA")),
    "a signer that is no key": note(fields(signer="AAAA")),
    "a signer that is no base64": note(fields(signer="?" * 44)),
    "an altered text": note().replace(b"2026-02-01", b"2036-02-01"),
    "no signature": note().partition("\u2014".encode())[0],
    "only a text": TITLE.encode(),
    "nothing": b"",
    "no UTF-8": b"\xff\xfe" + note(),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_not_a_keys_note_of_the_root_changes_nothing(
    trust: Trust, memory: Path, hostile: bytes
) -> None:
    trust.take(note())
    before = memory.read_bytes()
    assert not trust.take(hostile)
    assert trust.signer == SIGNING.public_key()
    assert memory.read_bytes() == before


@given(noise=st.binary(max_size=400))
def test_no_bytes_make_it_raise(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    trust = Trust(ROOT.vkey, tmp_path_factory.getbasetemp() / "never-written.note")
    assert not trust.take(noise)


@given(place=st.integers(0, len(note()) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_note_can_be_changed(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    altered = bytearray(note())
    altered[place] ^= 1 << bit
    assert not Trust(ROOT.vkey, tmp_path_factory.getbasetemp() / "never-written.note").take(bytes(altered))


def test_a_younger_note_replaces_an_older_one_and_never_the_reverse(trust: Trust) -> None:
    assert trust.take(note())
    assert trust.take(note(TOMORROW))
    assert trust.signer == OTHER_SIGNING.public_key()
    assert not trust.take(note())
    assert trust.signer == OTHER_SIGNING.public_key()
    assert trust.at(NOON) is None
    assert trust.at(NOON + timedelta(days=1)) is not None


# -- what is remembered ------------------------------------------------------------------------------


def test_what_was_believed_survives_a_restart(memory: Path) -> None:
    Trust(ROOT.vkey, memory).take(note())
    again = Trust(ROOT.vkey, memory)
    assert again.at(NOON) is not None
    assert not again.take(note(fields(not_before="2026-01-30T00:00:00Z")))


def test_nobody_else_may_write_what_is_remembered(trust: Trust, memory: Path) -> None:
    trust.take(note())
    assert memory.stat().st_mode & 0o777 == 0o600


def test_the_same_note_again_is_not_written_again(trust: Trust, memory: Path) -> None:
    trust.take(note())
    memory.unlink()
    assert trust.take(note())
    assert not memory.exists()


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"\xff" * 100, note()[:-9], note(root=STRANGER)])
def test_a_damaged_memory_is_as_none(memory: Path, tmp_path: Path, damage: bytes) -> None:
    memory.write_bytes(damage)
    assert Trust(ROOT.vkey, memory).at(NOON) is None
    first = tmp_path / "first.note"
    first.write_bytes(note())
    trust = Trust(ROOT.vkey, memory, first)
    assert trust.at(NOON) is not None


def test_what_is_remembered_goes_before_the_first_note(memory: Path, tmp_path: Path) -> None:
    Trust(ROOT.vkey, memory).take(note(TOMORROW))
    first = tmp_path / "first.note"
    first.write_bytes(note())
    assert Trust(ROOT.vkey, memory, first).signer == OTHER_SIGNING.public_key()


def test_a_note_that_the_disk_has_no_room_for_is_believed_and_kept_when_it_comes_again(
    tmp_path: Path,
) -> None:
    memory = tmp_path / "no such directory" / "keys.note"
    trust = Trust(ROOT.vkey, memory)
    assert trust.take(note())
    assert trust.at(NOON) is not None
    memory.parent.mkdir()
    assert trust.take(note())
    assert memory.read_bytes() == note()


def test_a_damaged_memory_is_replaced_by_the_next_note(memory: Path) -> None:
    memory.write_bytes(note()[:-9])
    trust = Trust(ROOT.vkey, memory)
    assert trust.at(NOON) is None
    assert trust.take(note())
    assert memory.read_bytes() == note()


# -- provisioning ------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["", "overheard-cloud", ROOT.vkey[:-1], ROOT.vkey + "A", "a+b+c", "\u2603"])
def test_a_root_that_is_no_key_is_a_config_error(memory: Path, root: str) -> None:
    with pytest.raises(ConfigError, match=r"^cloud\.root: ") as caught:
        Trust(root, memory)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"rubbish", note(root=STRANGER), note()[:-9]])
def test_a_first_note_that_is_missing_or_not_the_roots_is_a_config_error(
    memory: Path, tmp_path: Path, content: bytes | None
) -> None:
    first = tmp_path / "first.note"
    if content is not None:
        first.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        Trust(ROOT.vkey, memory, first)
    assert caught.value.exit_code == 3
    assert str(caught.value).startswith(f"{first}: ")
    assert "\n" not in str(caught.value)


def test_moments_are_written_as_the_notes_write_them() -> None:
    assert utc_text(NOON) == "2026-01-31T12:00:00Z"
