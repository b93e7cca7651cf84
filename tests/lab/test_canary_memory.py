"""What another process holds is read while it stands still, wherever it holds it; and it goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lab.canary import memory
from lab.canary.card import canary
from lab.canary.forms import FORMS, Form
from lab.canary.held import open_things
from lab.canary.memory import Piece
from lab.canary.processes import descendants, foster_parent, frozen, swapped_kb
from lab.canary.search import Sought
from tests.lab.test_canary_search import written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read through /proc")

SOUND = canary(6, 16_000)
SOUGHT = Sought(SOUND)


@contextmanager
def holder(where: str, data: bytes, folder: Path) -> Iterator[set[int]]:
    """A process that holds it; gives those that were there before."""
    with ExitStack() as stack:
        stack.enter_context(foster_parent())
        before = set(descendants(os.getpid()))
        file = folder / "data"
        file.write_bytes(data)
        command = [sys.executable, "-m", "tests.lab.canary_holder", where, str(file)]
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        assert process.stdin is not None
        assert process.stdout is not None
        stack.callback(process.stdin.close)
        assert process.stdout.readline() == b"held\n"
        file.unlink()
        yield before


def held(others: set[int], nowhere: Path) -> tuple[list[Piece], list[Piece], list[str]]:
    with frozen(others) as pids:
        assert pids
        opened, unseen = open_things(pids, nowhere)
        return [piece for pid in pids for piece in memory.pieces(pid)], opened, unseen


def forms_in(pieces: list[Piece]) -> set[str]:
    return {found.form for piece in pieces for found in SOUGHT.within(piece.data)}


def test_a_planted_copy_is_found_in_a_real_process_in_each_of_the_forms(tmp_path: Path) -> None:
    copies = {form.name: written(form, SOUND[3_000:4_280]) for form in FORMS}
    with holder("memory", b"".join(copies.values()), tmp_path) as others:
        inside, _, _ = held(others, tmp_path / "none")
    assert forms_in(inside) >= set(copies)


def test_a_process_that_holds_nothing_of_it_is_not_said_to(tmp_path: Path) -> None:
    with holder("memory", canary(7, 16_000).tobytes(), tmp_path) as others:
        inside, opened, _ = held(others, tmp_path / "none")
        assert swapped_kb(os.getpid()) >= 0
    assert forms_in(inside) == forms_in(opened) == set()


@pytest.mark.parametrize("where", ["pipe", "socket", "memfd"])
def test_what_is_kept_outside_of_its_memory_is_found_and_stays_there(where: str, tmp_path: Path) -> None:
    with holder(where, SOUND[:1_600].tobytes(), tmp_path) as others:
        _, opened, unseen = held(others, tmp_path / "none")
        _, again, _ = held(others, tmp_path / "none")
    assert unseen == []
    assert "sound as int16" in forms_in(opened)
    assert "sound as int16" in forms_in(again)


def test_a_process_that_slipped_away_from_its_parent_is_looked_into_all_the_same(tmp_path: Path) -> None:
    with holder("orphan", SOUND[:1_600].tobytes(), tmp_path) as others:
        inside, _, _ = held(others, tmp_path / "none")
    assert "sound as int16" in forms_in(inside)


def test_whoever_was_stopped_goes_on(tmp_path: Path) -> None:
    with holder("memory", b"", tmp_path) as others:
        with frozen(others) as pids:
            states = [Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split(") ")[1][0] for pid in pids]
        assert set(states) == {"T"}
        (pid, *_) = pids
    assert not Path(f"/proc/{pid}").exists()  # it read the end of its input


def test_a_form_has_a_name_of_its_own() -> None:
    names = [form.name for form in FORMS]
    assert len(set(names)) == len(names)
    assert all(isinstance(form, Form) for form in FORMS)
