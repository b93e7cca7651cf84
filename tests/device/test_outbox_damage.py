"""What the outbox does about a damaged file, somebody else's file, a full disk, and a curious reader."""

import os
import random
import resource
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.envelope import Consent, Header, NamedReader, ReaderKey, Sealer, Trigger, device_id, wrap
from device.envelope.layout import to_base64
from device.errors import DamagedError, StorageError
from device.outbox import Outbox, Sealed
from tests.device.shelf import SIGNER, A, B, head, head_of_rows, sealed, seen_by_another
from tests.device.small_disk import a_small_disk


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


def filled(path: Path, messages: int = 3) -> None:
    outbox = Outbox(path, SIGNER)
    outbox.note("boot", first_sample=0)
    outbox.put([sealed(part=i, payload=bytes([i]) * 2582) for i in range(messages)], depart=True)
    outbox.close()


# -- a damaged file is evidence ----------------------------------------------------------------------


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def a_few_bytes(path: Path) -> None:
    path.write_bytes(b"abc")


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def a_page_overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 3 * 4096 + 200] = b"\xff" * 200
    path.write_bytes(content)


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def somebody_elses(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE ledger (account TEXT)", "INSERT INTO ledger VALUES ('theirs')")


def somebody_elses_in_wal_mode(path: Path) -> None:
    path.unlink()
    execute(path, "PRAGMA journal_mode=WAL", "PRAGMA application_id=7", "CREATE TABLE t (a)")


def a_row_missing(path: Path) -> None:
    execute(path, "DELETE FROM ledger WHERE idx = 2")


def a_row_moved(path: Path) -> None:
    execute(path, "UPDATE ledger SET idx = 99 WHERE idx = 3")


def two_rows_exchanged(path: Path) -> None:
    execute(
        path,
        "UPDATE ledger SET idx = -1 WHERE idx = 1",
        "UPDATE ledger SET idx = 1 WHERE idx = 2",
        "UPDATE ledger SET idx = 2 WHERE idx = -1",
    )


def a_row_that_is_none(path: Path) -> None:
    execute(path, "UPDATE ledger SET row = X'FF7B' WHERE idx = 1")


def a_table_gone(path: Path) -> None:
    execute(path, "DROP TABLE message")


def a_newer_one(path: Path) -> None:
    execute(path, "PRAGMA user_version = 99")


DAMAGES = (
    random_bytes, a_few_bytes, cut_in_half, a_page_overwritten, a_row_missing, a_row_moved,
    two_rows_exchanged, a_row_that_is_none, a_table_gone,
)  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        *((damage, DamagedError) for damage in DAMAGES),
        *((foreign, StorageError) for foreign in (somebody_elses, somebody_elses_in_wal_mode, a_newer_one)),
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(
    path: Path, damage: Callable[[Path], None], kind: type[StorageError]
) -> None:
    filled(path, messages=12)
    damage(path)
    before, mode = path.read_bytes(), path.stat().st_mode
    with pytest.raises(StorageError, match="left as it is") as caught:
        Outbox(path, SIGNER)
    assert type(caught.value) is kind
    assert (path.read_bytes(), path.stat().st_mode) == (before, mode)
    assert caught.value.exit_code == 6
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith(".")


def interrupted(path: Path, to: Path, *, empty: bool) -> Path:
    """A database whose power was cut in the middle of a transaction, the first of its life or a later one."""
    if not empty:
        execute(path, "CREATE TABLE theirs (a)")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN")
        db.execute("CREATE TABLE big (a)")
        db.executemany("INSERT INTO big VALUES (?)", [(bytes(3000),)] * 50)
        for name in ("egress.db", "egress.db-journal"):
            shutil.copy(path.with_name(name), to / name)
    return to / path.name


def test_an_outbox_whose_making_was_interrupted_is_made(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    begun = interrupted(path, tmp_path / "cut", empty=True)
    assert begun.stat().st_size > 0
    with closing(Outbox(begun, SIGNER)) as outbox:
        assert outbox.note("boot", first_sample=0) == 0


def test_a_strangers_interrupted_transaction_is_left_as_it_is(path: Path, tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    theirs = interrupted(path, tmp_path / "cut", empty=False)
    before = [file.read_bytes() for file in sorted(theirs.parent.iterdir())]
    with pytest.raises(StorageError, match="another program's database") as caught:
        Outbox(theirs, SIGNER)
    assert type(caught.value) is StorageError
    assert [file.read_bytes() for file in sorted(theirs.parent.iterdir())] == before


def test_an_undamaged_file_is_opened_again(path: Path) -> None:
    filled(path, messages=12)  # what the damage above is done to
    with closing(Outbox(path, SIGNER)) as outbox:
        assert (outbox.size, len(outbox.waiting())) == (13, 12)


@pytest.mark.parametrize("place", ["no/such/directory/egress.db", "."])
def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(StorageError) as caught:
        Outbox(tmp_path / place, SIGNER)
    assert caught.value.exit_code == 6
    assert str(caught.value).count(str(tmp_path)) == 1
    assert "\n" not in str(caught.value)


# -- a full disk -------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to let any file of this process grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def put_until_refused(outbox: Outbox) -> int:
    for part in range(200):
        two = [sealed(A, 2 * part, b"x" * 20_000), sealed(A, 2 * part + 1, b"y" * 20_000)]
        try:
            outbox.put(two, depart=True)
        except StorageError as error:
            return part if "make room" in str(error) else -1
    return -1


def assert_nothing_ran_ahead(outbox: Outbox, path: Path, messages: int) -> None:
    rows, kept = seen_by_another(path)
    assert [row.index for row in rows] == list(range(outbox.size))
    assert (outbox.size, len(kept), len(outbox.waiting())) == (messages, messages, messages)
    assert (messages, head(outbox).root) == head_of_rows(outbox)


def test_a_write_that_the_kernel_refuses_loses_nothing_and_the_tree_does_not_run_ahead(path: Path) -> None:
    with closing(Outbox(path, SIGNER)) as outbox:
        with files_no_larger_than(600_000):
            kept = 2 * put_until_refused(outbox)
            assert kept > 4
            assert_nothing_ran_ahead(outbox, path, kept)
        outbox.put([sealed(B)], depart=True)
        assert_nothing_ran_ahead(outbox, path, kept + 1)
    with closing(Outbox(path, SIGNER)) as reopened:
        assert_nothing_ran_ahead(reopened, path, kept + 1)


def test_a_full_disk_loses_nothing_and_the_tree_does_not_run_ahead(tmp_path: Path) -> None:
    path = tmp_path / "egress.db"
    with a_small_disk(tmp_path, 1 << 20):
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(200_000))
        with closing(Outbox(path, SIGNER)) as outbox:
            kept = 2 * put_until_refused(outbox)
            assert kept > 4
            assert_nothing_ran_ahead(outbox, path, kept)
            ballast.unlink()
            outbox.put([sealed(B)], depart=True)
            assert_nothing_ran_ahead(outbox, path, kept + 1)
        with closing(Outbox(path, SIGNER)) as reopened:
            assert_nothing_ran_ahead(reopened, path, kept + 1)


# -- who can read it ---------------------------------------------------------------------------------


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with closing(Outbox(path, SIGNER)) as opened:
        yield opened


def test_nobody_else_may_read_the_files_even_under_a_careless_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with closing(Outbox(path, SIGNER)) as outbox:
            outbox.put([sealed()], depart=True)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"egress.db": 0o600, "egress.db-wal": 0o600, "egress.db-shm": 0o600}


def test_only_ciphertext_is_ever_written(outbox: Outbox, path: Path) -> None:
    canary = b"the canary sings"
    reader = ReaderKey("x25519", b"r" * 32)
    signing = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
    public = signing.public_key().public_bytes_raw()
    fields: dict[str, Any] = {
        "device": device_id(public, reader.public), "boot": "00" * 8, "utterance": A, "first_sample": 0,
        "trigger": Trigger("button_tap"), "utc": "2026-01-31T12:00:00Z", "consent": Consent(True, True),
        "ledger_index": 0, "readers": (NamedReader(reader.public.id, "x25519", "cloud"),),
        "signer": to_base64(public), "reply": reader.public.encode(),
    }  # fmt: skip
    header = Header(**fields).to_bytes()
    sealer = Sealer(header, b"k" * 32, wrap(b"k" * 32, [reader.public], header), signing)
    begin, segment = sealer.begin(), sealer.segment(canary * 160)
    outbox.put([Sealed(A, "begin", "up/b", begin), Sealed(A, "segment", "up/s", segment, 0)], depart=True)
    while_open = b"".join(file.read_bytes() for file in path.parent.iterdir())
    outbox.close()
    for everything in (while_open, path.read_bytes()):
        assert segment[:1000] in everything  # the search does find what is there
        assert canary not in everything
        assert b"k" * 32 not in everything
