"""A damaged outbox is set aside, whole, and never overwritten; what is not ours is not moved; and the new
ledger says that it began anew, whenever the power goes.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PosixPath

import pytest

from device.aside import open_outbox, set_aside
from device.diary import Diary
from device.errors import DiskError, StorageError
from device.ledger import parse_row
from device.outbox import Outbox
from device.outbox_file import claimed
from tests.device.house import House
from tests.device.shelf import SIGNER, A, head, head_of_rows, sealed
from tests.device.small_disk import limit
from tests.device.test_outbox_damage import (
    DAMAGES,
    a_newer_one,
    execute,
    filled,
    random_bytes,
    somebody_elses,
)

Rows = list[tuple[str, str | None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


@contextmanager
def opened(path: Path) -> Iterator[tuple[Outbox, str | None]]:
    outbox, notice = open_outbox(path, SIGNER)
    with closing(outbox):
        yield outbox, notice


def rows(outbox: Outbox) -> Rows:
    return [(row.kind, row.cause) for row in map(parse_row, outbox.rows())]


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.glob(f"{path.name}.*")}


def first_row(evidence: bytes, name: str) -> tuple[str, str]:
    return "set_aside", f"{name} sha256 {hashlib.sha256(evidence).hexdigest()}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_outbox_is_set_aside_whole_and_the_new_ledger_says_so(
    path: Path, damage: Callable[[Path], None]
) -> None:
    filled(path, messages=12)
    damage(path)
    evidence = path.read_bytes()
    with opened(path) as (outbox, notice):
        assert notice is not None
        assert notice.startswith(f"{path}: damaged (")
        assert notice.endswith(
            "set aside as egress.db.damaged-1; the ledger begins anew, keep it as evidence"
        )
        assert "\n" not in notice
        outbox.put([sealed(A)], depart=True)
        assert rows(outbox) == [first_row(evidence, "egress.db.damaged-1"), ("segment", "live")]
        assert head_of_rows(outbox) == (2, head(outbox).root)
    assert (path.parent / "egress.db.damaged-1").read_bytes() == evidence
    with opened(path) as (again, notice):
        assert notice is None
        assert len(rows(again)) == 2


@pytest.mark.parametrize("foreign", [somebody_elses, a_newer_one])
def test_what_is_not_ours_is_refused_and_not_moved(path: Path, foreign: Callable[[Path], None]) -> None:
    filled(path)
    foreign(path)
    before = path.read_bytes()
    with pytest.raises(StorageError, match="left as it is"):
        open_outbox(path, SIGNER)
    assert path.read_bytes() == before
    assert names(path) == set()


def test_a_disk_that_refuses_sets_nothing_aside(path: Path) -> None:
    filled(path)
    with limit() as disk:
        disk.set(1)
        with pytest.raises(DiskError):
            open_outbox(path, SIGNER)
    assert names(path) == set()
    with opened(path) as (_, notice):
        assert notice is None


def test_nothing_that_was_set_aside_is_overwritten(path: Path) -> None:
    (path.parent / "egress.db.damaged-9").write_bytes(b"older evidence")
    (path.parent / "egress.db.damaged-notes.txt").write_bytes(b"the operator's own")
    random_bytes(path)
    with opened(path) as (_, notice):
        assert "egress.db.damaged-10;" in str(notice)
    random_bytes(path)
    with opened(path) as (outbox, notice):
        assert "egress.db.damaged-11;" in str(notice)
        assert "egress.db.damaged-11" in str(rows(outbox)[0][1])
    assert (path.parent / "egress.db.damaged-9").read_bytes() == b"older evidence"
    assert (path.parent / "egress.db.damaged-notes.txt").exists()


def copy_while_open(path: Path, to: Path) -> Path:
    """An outbox as a power cut leaves it, with its log; and a row in the log is missing."""
    with closing(Outbox(path, SIGNER)) as outbox:
        outbox.put([sealed(part=part) for part in range(12)], depart=True)
        to.mkdir()
        for file in path.parent.glob("egress.db*"):
            shutil.copy(file, to / file.name)
    copy = to / "egress.db"
    keep = closing(Outbox(copy, SIGNER))
    with keep:
        execute(copy, "DELETE FROM ledger WHERE idx = 2")
        for name in ("egress.db", "egress.db-wal"):
            shutil.copy(to / name, to / f"kept-{name}")
    for name in ("egress.db", "egress.db-wal"):
        (to / f"kept-{name}").replace(to / name)
    return copy


def test_its_log_goes_with_it_so_that_it_can_be_read_where_it_lies(path: Path, tmp_path: Path) -> None:
    copy = copy_while_open(path, tmp_path / "copy")
    log = copy.with_name("egress.db-wal").read_bytes()
    assert len(log) > 4096
    with opened(copy) as (_, notice):
        assert "ledger row 2 is missing" in str(notice)
    assert copy.with_name("egress.db.damaged-1-wal").read_bytes() == log
    with pytest.raises(StorageError, match="ledger row 2 is missing"):
        Outbox(copy.with_name("egress.db.damaged-1"), SIGNER)


def test_the_power_may_go_between_any_two_renames(path: Path, tmp_path: Path) -> None:
    copy = copy_while_open(path, tmp_path / "copy")
    log = copy.with_name("egress.db-wal").read_bytes()
    copy.rename(copy.with_name("egress.db.damaged-1"))  # and here it went
    with opened(copy) as (outbox, _):
        assert rows(outbox)[0][0] == "set_aside"
    assert copy.with_name("egress.db.damaged-1-wal").read_bytes() == log


def test_the_power_may_go_before_the_first_row(path: Path) -> None:
    random_bytes(path)
    evidence = path.read_bytes()
    set_aside(path)
    Outbox(path, SIGNER).close()  # made, and then the power went
    with opened(path) as (outbox, _):
        assert rows(outbox) == [first_row(evidence, "egress.db.damaged-1")]


def test_an_outbox_in_use_is_never_set_aside(path: Path) -> None:
    with closing(Outbox(path, SIGNER)), pytest.raises(StorageError, match="another firmware"):
        set_aside(path)
    with pytest.raises(StorageError, match="another firmware"):  # it was whole after all
        set_aside(path)
    assert names(path) == set()


def test_a_damaged_outbox_that_somebody_else_holds_is_not_moved(path: Path) -> None:
    random_bytes(path)
    with claimed(path), pytest.raises(StorageError, match="stop it first"):
        set_aside(path)
    assert names(path) == set()


class SetAsideMeanwhile(PosixPath):
    """A path at which another firmware is quicker: it sets the file aside once we have it open."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        self.rename(self.with_name("quicker"))
        self.write_bytes(b"")
        return super().stat(follow_symlinks=follow_symlinks)


def test_a_file_that_was_set_aside_meanwhile_is_not_the_one_that_is_held(path: Path) -> None:
    with pytest.raises(StorageError, match="stop it first"), claimed(SetAsideMeanwhile(path)):
        pass


def test_a_speaker_with_a_damaged_outbox_says_so_once_and_goes_on(tmp_path: Path) -> None:
    House(tmp_path, 1).run()
    random_bytes(tmp_path / "state" / "egress.db")
    house = House(tmp_path, 4)
    house.at(1, house.board.press)
    house.at(3, house.board.release)
    house.run()
    ((sample, fields),) = house.of("damaged")
    assert "set aside as egress.db.damaged-1" in fields["what"]
    said: list[str] = []
    Diary(said.append)("damaged", sample, **fields)
    assert said == [f"      0.00 s  {fields['what']}"]
    assert [row.kind for row in house.rows()][:3] == ["set_aside", "boot", "trigger"]
    assert len(house.utterances()) == 1
    again = House(tmp_path, 1)
    again.run()
    assert again.of("damaged") == []
