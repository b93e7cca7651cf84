"""Sound of the room is found in whatever file it lies, in whatever form; silence and ciphertext are not."""

import base64
import os
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lab.audit.evidence import Evidence, Given
from lab.audit.stores import CHECKS
from lab.audit.vault_file import free_pages
from lab.audit.verdicts import Result, make
from lab.canary.forms import DOWN, FORMS, MEANS, SKIPPED, UP, Form
from tests.lab.test_canary_search import written

(CHECK,) = CHECKS
SAID = 16_000


def room() -> np.ndarray:
    """Hiss, a second of something that moves like a voice, hiss."""
    chance = np.random.default_rng(8)
    hiss = chance.normal(0, 2, 40_000)
    voice = np.convolve(chance.normal(0, 9_000, SAID), np.ones(8) / 8, "same")
    hiss[12_000 : 12_000 + SAID] += voice
    return np.clip(hiss, -32_768, 32_767).astype(np.int16)


ROOM = room()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What is left of a run that wrote only ciphertext."""
    soundfile.write(tmp_path / "room.flac", ROOM, 16_000, subtype="PCM_16")
    with closing(sqlite3.connect(tmp_path / "egress.db")) as sql:
        sql.execute("CREATE TABLE message (payload BLOB)")
        sql.executemany("INSERT INTO message VALUES (?)", [(os.urandom(2_598),) for _ in range(80)])
        sql.execute("DELETE FROM message WHERE rowid > 40")
        sql.commit()
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker/store").write_bytes(os.urandom(20_000) + bytes(20_000))
    return tmp_path


def judged(run: Path) -> Result:
    return make(CHECK, Evidence(Given(run)))


def plant(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_of_ciphertext_zeros_and_hiss_nothing_is_said(run: Path) -> None:
    (run / "state").write_bytes(bytes(5_000) + np.zeros(4_000, np.int16).tobytes())
    assert judged(run) == Result(CHECK)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_piece_of_the_room_is_found_in_every_form(run: Path, form: Form) -> None:
    length = {DOWN: 1_600, UP: 640, MEANS: 800, SKIPPED: 800}.get(form.made, 400)
    copy = written(form, ROOM[15_000 : 15_000 + length])
    (run / "log").write_bytes(os.urandom(333) + copy + os.urandom(50))
    result = judged(run)
    assert form.name in {finding.what.split("(")[1].rstrip(")") for finding in result.findings}
    assert {finding.where.split(",")[0] for finding in result.findings} == {"log"}


def test_it_is_found_in_a_page_that_a_database_has_freed(run: Path) -> None:
    path = run / "egress.db"
    data = path.read_bytes()
    number = max(number for number, _ in free_pages(data))
    (size,) = struct.unpack_from(">H", data, 16)
    plant(path, (number - 1) * size + 101, ROOM[14_000:14_640].tobytes())
    (finding,) = judged(run).findings
    assert finding.where == f"egress.db, byte {(number - 1) * size + 101}"


@pytest.mark.parametrize("name", ["egress.db-wal", "egress.db-journal", "broker/store", "cloud/log", "mute"])
def test_it_is_found_in_whatever_file_it_is(run: Path, name: str) -> None:
    path = run / name
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(ROOM[20_000:20_320].tobytes())
    (finding,) = judged(run).findings
    assert finding.where.startswith(f"{name}, byte")


@pytest.mark.parametrize("code", [base64.b64encode, lambda data: data.hex().encode()], ids=["base64", "hex"])
def test_it_is_found_where_it_is_written_as_text(run: Path, code: object) -> None:
    assert callable(code)
    (run / "log.jsonl").write_bytes(b'{"note":"x' + code(ROOM[20_000:20_640].tobytes()) + b'"}')
    assert "sound as int16" in judged(run).findings[0].what


def test_a_room_that_nobody_recorded_or_files_that_nobody_has_prove_nothing(run: Path) -> None:
    (run / "egress.db").rename(run / "elsewhere")
    assert "egress.db" in judged(run).needs
    (run / "elsewhere").rename(run / "egress.db")
    (run / "room.flac").unlink()
    assert judged(run).state == "not given"
