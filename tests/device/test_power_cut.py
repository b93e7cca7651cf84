"""The power may go after any write of whatever a speaker keeps: what was promised is there.
The recorder, the disk that is rebuilt and the checks are in `powercut/`; `scripts/powercut` cuts oftener.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest

from tests.device.powercut.check import act, choose, cuts, faults, final_of, left_on, marks_in
from tests.device.powercut.disk import SECTOR, WAYS, Disk, Files, Record

POINTS, SHARES = 200, 4

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile the recorder with")


@pytest.fixture(scope="module")
def records() -> Iterator[list[Record]]:
    folder = Path(mkdtemp())
    yield act(folder)
    shutil.rmtree(folder)


@needs_gcc
@pytest.mark.parametrize("share", range(SHARES))
def test_whenever_the_power_goes_everything_that_was_promised_is_there(
    records: list[Record], share: int
) -> None:
    points = choose(records, POINTS, seed=1)[share::SHARES]
    tried = list(cuts(records, points, seed=1))
    assert len(tried) == len(WAYS) * POINTS // SHARES
    assert [cut for cut in tried if cut.faults] == []


@needs_gcc
def test_the_record_has_every_kind_of_call_in_it(records: list[Record]) -> None:
    assert {record.op for record in records} == set("CWTSRU")
    synced = {record.file for record in records if record.op == "S"}
    assert {0} < synced, "the folder too"
    names = {record.data.decode() for record in records if record.op == "C"}
    assert names >= {"egress.db", "egress.db-wal", "identity.key.new", "mute.new", "keys.note.new"}
    moved = {record.data.decode().split("\0")[1] for record in records if record.op == "R"}
    secure = {"hardware", "serial", "tls.pem", "tls-next.key", "tls-before.pem", "home_assistant"}
    assert moved == {"identity.key", "reply.key", "mute", "keys.note"} | secure
    gone = {record.data.decode() for record in records if record.op == "U"}
    assert gone >= {"tls-next.key", "tls-before.pem", "home_assistant"}


@needs_gcc
def test_an_outbox_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path) -> None:
    records = act(tmp_path, "OFF")
    found = [fault for cut in cuts(records, choose(records, 20, seed=1), seed=1) for fault in cut.faults]
    assert any("rows were written down" in fault for fault in found)
    assert any("messages were kept" in fault for fault in found)


@needs_gcc
def test_a_disk_that_only_says_that_it_has_synced_is_found_out(tmp_path: Path) -> None:
    records = act(tmp_path, POWERCUT_DEAF="1")
    found = [fault for cut in cuts(records, choose(records, 20, seed=1), seed=1) for fault in cut.faults]
    for lost in ("the device is another one", "its board", "would be again", "certificate is not the last"):
        assert any(lost in fault for fault in found), lost


def ledger_of(left: Files, *statements: str) -> bytes:
    """The outbox that is left, after somebody was at it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "egress.db"
        for name in {"egress.db", "egress.db-wal"} & left.keys():
            (path.parent / name).write_bytes(left[name])
        with closing(sqlite3.connect(path)) as db:
            for statement in statements:
                db.execute(statement)
            db.commit()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()


BACK = """
    INSERT INTO message (utterance, kind, topic, payload, departed)
    SELECT json_extract(row, '$.cause'), 'begin', 't', x'00', 0 FROM ledger
    WHERE json_extract(row, '$.kind') = 'resealed'
"""
AWAY = """
    DELETE FROM message WHERE utterance IN
    (SELECT json_extract(row, '$.utterance') FROM ledger WHERE json_extract(row, '$.kind') = 'resealed')
"""


@pytest.fixture(scope="module")
def moments(records: list[Record]) -> dict[str, tuple[Files, list[dict[str, Any]]]]:
    """The last moment, of those with a mark, at which a file was there; of a key, once it was asked for."""
    disk, last = Disk(), {}
    for record in records:
        disk.apply(record)
        if record.op == "W" and record.data.startswith(b'{"'):
            left, marks = left_on(disk, "written", Random(0)), marks_in(disk)
            last |= {name: (left, marks) for name in left if name != "tls-next.key" or "asked" in marks[-1]}
    return last


@needs_gcc
@pytest.mark.parametrize(
    ("name", "damage", "found"),
    [
        ("serial", lambda left: left["serial"][:2] + b"\n", "would be again"),
        ("serial", lambda left: b"9" + left["serial"], "would be refused"),
        ("serial", lambda left: left["serial"][:2], "not a serial"),
        ("hardware", lambda left: left["hardware"][:9], "hardware is torn"),
        ("tls.pem", lambda left: left["tls.pem"][:-100], "damaged"),
        ("tls.pem", lambda left: left["tls-before.pem"], "certificate is not the last"),
        ("tls-before.pem", lambda left: left["tls-before.pem"][:9], "restore it"),
        ("tls-next.key", lambda left: left["tls-next.key"][:9], "asked for is another one"),
        ("home_assistant", lambda left: left["home_assistant"][:9], "home_assistant is torn"),
        ("egress.db", lambda left: ledger_of(left, BACK), "waits all the same"),
        ("egress.db", lambda left: ledger_of(left, AWAY), "messages were kept, and 0 wait"),
    ],
)
def test_what_the_power_could_have_broken_would_be_found(
    records: list[Record],
    moments: dict[str, tuple[Files, list[dict[str, Any]]]],
    name: str,
    damage: Callable[[Files], bytes],
    found: str,
) -> None:
    left, marks = moments["tls-before.pem" if name == "tls.pem" else name]
    final = final_of(records)
    assert not list(faults(left, marks, final))
    broken = left | {name: damage(left)}
    if name == "egress.db":
        broken.pop("egress.db-wal", None)
    assert any(found in fault for fault in faults(broken, marks, final))


# -- the disk that is rebuilt --------------------------------------------------------------------------


def disk_of(*records: Record) -> Disk:
    disk = Disk()
    for record in records:
        disk.apply(record)
    return disk


CREATED = Record("C", 1, 0, b"file")
WRITTEN = Record("W", 1, 0, b"x" * 3 * SECTOR)
SYNCED, NAMED = Record("S", 1, 0, b""), Record("S", 0, 0, b"")


def test_what_is_synced_is_there_only_once_its_name_is_too() -> None:
    assert disk_of(CREATED, WRITTEN).left("synced", Random(1)) == {}
    assert disk_of(CREATED, WRITTEN, SYNCED).left("synced", Random(1)) == {}
    assert disk_of(CREATED, WRITTEN, NAMED).left("synced", Random(1)) == {"file": b""}
    assert disk_of(CREATED, WRITTEN, SYNCED, NAMED).left("synced", Random(1)) == {"file": WRITTEN.data}
    assert disk_of(CREATED, WRITTEN).left("written", Random(1)) == {"file": WRITTEN.data}


def test_a_rename_that_was_not_synced_may_have_happened_or_not() -> None:
    renamed = disk_of(CREATED, WRITTEN, SYNCED, NAMED, Record("R", 0, 0, b"file\0other"))
    assert {name for seed in range(20) for name in renamed.left("torn", Random(seed))} == {"file", "other"}
    assert set(renamed.left("synced", Random(1))) == {"file"}
    assert set(renamed.left("written", Random(1))) == {"other"}


def test_a_write_is_torn_into_sectors_and_leaves_what_was_synced() -> None:
    over = Record("W", 1, 100, b"y" * 2 * SECTOR)
    disk = disk_of(CREATED, WRITTEN, SYNCED, NAMED, over)
    left = {disk.left("torn", Random(seed))["file"] for seed in range(50)}
    assert len(left) == 8, "three pieces, each there or not"
    assert {content[:100] for content in left} == {b"x" * 100}
    assert {content[100 + 2 * SECTOR :] for content in left} == {b"x" * (SECTOR - 100)}


def test_a_file_is_as_long_as_it_was_cut() -> None:
    cut = Record("T", 1, 10, b"")
    assert disk_of(CREATED, WRITTEN, cut).left("written", Random(1)) == {"file": b"x" * 10}
    gone = disk_of(CREATED, WRITTEN, SYNCED, NAMED, Record("U", 0, 0, b"file"))
    assert gone.left("written", Random(1)) == {}
    assert gone.left("synced", Random(1)) == {"file": WRITTEN.data}
