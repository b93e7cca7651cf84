"""The cloud's keys: made once, private, turned daily, destroyed after their grace."""

import stat
from datetime import timedelta

import msgspec
import pytest

from cloud_stub.config import load
from cloud_stub.errors import KeyFileError
from cloud_stub.keys import Keys
from device.envelope import ReaderPublic
from device.ledger import Verifier, open_note
from tests.cloud_stub.clocks import Running

SETTINGS = msgspec.structs.replace(load(None).keys, suite="x25519")


def body(keys, now):
    text = open_note(keys.note(now), [Verifier.parse(keys.vkey)])
    title, _, record = text.partition("\n")
    assert title == "overheard/v1/keys"
    return msgspec.json.decode(record)


def test_the_note_is_signed_by_the_root_and_names_both_keys(tmp_path, now):
    keys = Keys(tmp_path / "keys", SETTINGS)
    said = body(keys, now)
    assert (said["not_before"], said["not_after"]) == ("2026-11-23T08:00:00Z", "2026-11-24T08:00:00Z")
    reader = ReaderPublic.decode(said["reader"])
    assert keys.reader(reader.id, now).public == reader


def test_the_default_reader_is_hybrid(tmp_path, now):
    assert Keys(tmp_path / "keys", load(None).keys).epoch(now).key.suite == "mlkem768-x25519"


def test_everything_is_private_and_the_same_after_a_restart(tmp_path, now):
    running = Running()
    first = Keys(tmp_path / "keys", SETTINGS, running)
    note = first.note(now)
    running.days(20 / 24)
    assert first.note(now + timedelta(hours=20)) == note
    again = Keys(tmp_path / "keys", SETTINGS)
    assert (again.vkey, again.note(now + timedelta(hours=20))) == (first.vkey, note)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 5
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_new_reader_key_is_made_before_the_old_one_ends_and_the_old_one_still_opens(tmp_path, now):
    keys = Keys(tmp_path / "keys", SETTINGS)
    old = keys.epoch(now)
    assert keys.epoch(now + timedelta(hours=22, minutes=59)) == old
    new = keys.epoch(now + timedelta(hours=23))
    assert new.key.public != old.key.public
    assert new.not_before < old.not_after
    assert keys.reader(old.key.public.id, now + timedelta(days=7)).public == old.key.public


def test_after_its_grace_a_reader_key_is_destroyed_on_disk_too(tmp_path, now):
    running = Running()
    keys = Keys(tmp_path / "keys", SETTINGS, running)
    old = keys.epoch(now)
    secret = old.key.to_bytes().rpartition(b":")[2]
    late = now + timedelta(days=8)
    running.days(8)
    assert keys.reader(old.key.public.id, late - timedelta(seconds=1)) is not None
    assert keys.reader(old.key.public.id, late) is None
    assert not [path for path in (tmp_path / "keys").iterdir() if secret in path.read_bytes()]
    assert Keys(tmp_path / "keys", SETTINGS).reader(old.key.public.id, now) is None


def test_a_clock_set_back_makes_a_key_that_is_valid_then(tmp_path, now):
    keys = Keys(tmp_path / "keys", SETTINGS)
    keys.epoch(now)
    before = now - timedelta(days=3)
    assert body(keys, before)["not_before"] == "2026-11-20T08:00:00Z"


@pytest.mark.parametrize("name", ["root.key", "signer.key", "witness.key", "reader-*.key", "ages"])
@pytest.mark.parametrize("fault", ["open to others", "damaged"])
def test_a_key_file_that_is_open_or_damaged_is_one_line(tmp_path, now, name, fault):
    running = Running()
    keys = Keys(tmp_path, SETTINGS, running)
    keys.epoch(now)
    running.days(1 / 24)
    keys.epoch(now)
    [path] = tmp_path.glob(name)
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.chmod(0o644)
    with pytest.raises(KeyFileError) as caught:
        Keys(tmp_path, SETTINGS)
    assert str(caught.value).startswith(f"{path}: ")
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 5


def test_a_worker_forgets_a_key_that_the_cloud_destroyed_and_makes_no_file_of_it(tmp_path, now):
    running = Running()
    cloud = Keys(tmp_path / "keys", SETTINGS, running)
    old = cloud.epoch(now).key.public.id
    worker = Keys(tmp_path / "keys", SETTINGS, running, keeps=False)
    assert worker.reader(old, now) is not None
    running.days(9)
    cloud.epoch(now + timedelta(days=9))
    assert not (tmp_path / "keys" / f"reader-{old}.key").exists()
    assert worker.reader(old, now) is None
    assert worker._epochs.keys() <= cloud._epochs.keys()
    assert not (tmp_path / "keys" / f"reader-{old}.key").exists()


def test_keys_in_a_place_that_cannot_be_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match="name a directory that can be written"):
        Keys(tmp_path / "file" / "keys", SETTINGS)
