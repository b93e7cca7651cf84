"""What is left in a cloud's files of what it should have forgotten is found, and so is a list of openings
that somebody touched.
"""

import base64
import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.audit import doors, shredded
from lab.audit.evidence import Evidence, Given, begins
from lab.audit.vault_file import STORE, free_pages
from lab.audit.verdicts import Result, make
from lab.scenario import read
from lab.simulate import simulate
from lab.tap import FILE as SENT

pytestmark = pytest.mark.xdist_group("audit_cloud")  # what is played serves them all

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"
(GONE,), (DOOR,) = shredded.CHECKS, doors.CHECKS


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evening whose five utterances were all forgotten, and the head of the list that somebody kept."""
    directory = tmp_path_factory.mktemp("forgotten") / "run"
    simulate(read(SCENARIOS / "evening.toml"), directory)
    doors.keep_head(directory)
    return directory


@pytest.fixture
def run(honest: Path, tmp_path: Path) -> Path:
    """A copy that a test may doctor."""
    return Path(shutil.copytree(honest, tmp_path / "run"))


def gone(directory: Path) -> Result:
    return make(GONE, Evidence(Given(directory)))


def door(directory: Path) -> Result:
    return make(DOOR, Evidence(Given(directory)))


def said(result: Result) -> str:
    return " / ".join(f"{finding.what} @ {finding.where}" for finding in result.findings)


def do(directory: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with closing(sqlite3.connect(directory / STORE)) as sql:
        for statement in statements:
            sql.execute(statement, values)
        sql.commit()
        sql.execute("PRAGMA journal_mode=DELETE")


def first(directory: Path) -> tuple[str, bytes, bytes]:
    """A forgotten utterance: its name, a segment of it, and its data key."""
    evidence = Evidence(Given(directory))
    sent, begin = next(iter(begins(evidence)))
    return sent.name, sent.segments[3], begin.data_key(evidence.reader_keys[0])


def free_page(directory: Path) -> int:
    """Where in the file a page begins that was freed."""
    data = (directory / STORE).read_bytes()
    (size,) = struct.unpack_from(">H", data, 16)
    return (max(number for number, _ in free_pages(data)) - 1) * size


def plant(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


# -- honest ------------------------------------------------------------------------------------------


def test_an_honest_cloud_has_forgotten_and_its_list_is_whole(honest: Path) -> None:
    assert gone(honest).state == "holds", said(gone(honest))
    assert door(honest).state == "holds", said(door(honest))


def test_looking_changes_nothing(run: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}
    gone(run), door(run)
    assert {path: path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()} == before


def test_without_a_cloud_nothing_is_proved(run: Path) -> None:
    shutil.rmtree(run / "cloud")
    assert "vault.sqlite" in gone(run).needs
    assert "vault.sqlite" in door(run).needs


def test_where_nothing_was_deleted_nothing_is_proved(run: Path) -> None:
    do(run, "DELETE FROM access", "DELETE FROM utterance")
    assert gone(run).needs == "a run in which something is deleted, or is not to be saved"


def test_what_nobody_can_look_for_is_not_called_gone(run: Path) -> None:
    (run / SENT).write_bytes((run / SENT).read_bytes().splitlines(keepends=True)[0])
    assert "sent.jsonl" in gone(run).needs


def test_a_list_whose_head_only_the_cloud_has_proves_nothing(run: Path) -> None:
    (run / doors.HEAD).unlink()
    assert doors.HEAD in door(run).needs


# -- what is left ------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["plaintext", "segment", "data key"])
def test_what_is_left_in_a_freed_page_is_found(run: Path, secret: str) -> None:
    _, segment, key = first(run)
    left = {"plaintext": b"set a timer for five minutes", "segment": segment[500:540], "data key": key}[
        secret
    ]
    plant(run / STORE, free_page(run) + 777, left)
    assert "a page that was freed" in said(gone(run))
    if secret == "segment":
        assert "some of its messages is there" in said(gone(run))
    if secret == "data key":
        assert "its data key is there" in said(gone(run))
    if secret == "plaintext":
        assert "its words are there" in said(gone(run))


def test_a_data_key_in_the_log_is_found(run: Path) -> None:
    _, _, key = first(run)
    wal = run / f"{STORE}-wal"
    wal.write_bytes(os.urandom(999) + key + os.urandom(50))
    assert "its data key is there @ cloud/vault/vault.sqlite-wal, byte 999" in said(gone(run))
    assert "was not cut" in said(gone(run))


@pytest.mark.parametrize(
    ("write", "named"),
    [
        (lambda key, _vault: key.hex().encode(), "data key in hex"),
        (lambda key, _vault: key.hex().upper().encode(), "data key in hex"),
        (lambda key, _vault: base64.b64encode(b"a" + key + b"bc"), "data key in base64"),
        (lambda key, _vault: base64.urlsafe_b64encode(b"ab" + key), "data key in base64"),
        (lambda key, _vault: base64.b64encode(key), "data key in base64"),
        (lambda key, vault: aes_key_wrap(vault, key), "wrapped data key"),
    ],
)
def test_a_data_key_is_found_however_it_is_written(
    run: Path, write: Callable[[bytes, bytes], bytes], named: str
) -> None:
    _, _, key = first(run)
    vault_key = (run / "cloud/vault/vault.key").read_bytes()
    (run / "cloud/keys/note").write_bytes(b'{"x":"' + write(key, vault_key) + b'"}')
    assert f"its {named} is there" in said(gone(run))


def test_a_piece_of_a_forgotten_utterance_is_found(run: Path) -> None:
    name, segment, _ = first(run)
    insert = "INSERT INTO piece (device, utterance, name, content) SELECT device, id, 3, ? FROM utterance"
    do(run, f"{insert} WHERE id = '{name}'", values=(segment,))
    assert f"utterance {name} is forgotten, and pieces of it are there" in said(gone(run))
    assert "some of its messages is there" in said(gone(run))


def test_a_copy_of_its_sound_and_of_its_messages_in_another_file_is_found(run: Path) -> None:
    evidence = Evidence(Given(run))
    pcm = evidence.opened[0].utterance.pcm
    (run / "cloud/training.raw").write_bytes(pcm[8_000:40_000])
    assert "its sound is there (sound as int16)" in said(gone(run))
    (run / "cloud/training.raw").write_bytes(os.urandom(77) + first(run)[1][100:115])
    assert "some of its messages is there" in said(gone(run))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE utterance SET state = 'complete'", "kept against its owner's wish"),
        ("UPDATE utterance SET save = 1", "counts as one to keep"),
        (
            "UPDATE utterance SET state = 'truncated' WHERE answered = 0",
            "was deleted, and is there: truncated",
        ),
        ("DELETE FROM utterance WHERE answered = 0", "there is no tombstone"),
        ("UPDATE utterance SET state = 'elsewhere'", "not the store of a cloud"),
    ],
)
def test_what_the_store_itself_says_is_compared_with_what_was_asked(
    run: Path, statement: str, found: str
) -> None:
    do(run, statement)
    assert found in said(gone(run))


# -- who listened ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM access WHERE idx = 2", "not where it was written"),
        ("DELETE FROM access WHERE idx = 9", "nobody is said to have deleted it"),
        ("UPDATE access SET idx = idx + 100", "not where it was written"),
        ("UPDATE access SET utterance = 'x' WHERE idx = 4", "not what was written"),
        ("UPDATE access SET row = CAST(row || ' ' AS BLOB) WHERE idx = 4", "not what was written"),
        ("UPDATE access SET row = CAST(row AS TEXT)", "not the store of a cloud"),
        ("DELETE FROM utterance WHERE answered = 0", "never came from that device"),
        ("UPDATE utterance SET answered = 1", "holds"),
    ],
)
def test_a_list_that_does_not_add_up_is_found(run: Path, statement: str, found: str) -> None:
    do(run, statement)
    result = door(run)
    assert found in said(result) or found == result.state


def rewrite(directory: Path, index: int, **changed: str | None) -> None:
    """A row is written anew, well formed."""
    import rfc8785

    with closing(sqlite3.connect(directory / STORE)) as sql:
        (line,) = sql.execute("SELECT row FROM access WHERE idx = ?", (index,)).fetchone()
        row = {**json.loads(line), **changed}
        sql.execute("UPDATE access SET row = ? WHERE idx = ?", (rfc8785.dumps(row), index))
        sql.commit()
        sql.execute("PRAGMA journal_mode=DELETE")


def test_a_row_that_was_rewritten_is_found_by_who_has_an_older_head(run: Path) -> None:
    rewrite(run, 4, who="owner")
    assert "it was rewritten" in said(door(run))


def test_an_answer_without_an_opening_is_found_even_if_the_list_is_well_formed(run: Path) -> None:
    rewrite(run, 4, did="forget")
    assert "was answered, and nobody is said to have opened it" in said(door(run))


def test_an_opening_after_the_deletion_is_found(run: Path) -> None:
    rewrite(run, 0, did="forget")
    rewrite(run, 1, did="open")
    assert "again after it was deleted" in said(door(run))


@pytest.mark.parametrize("field", ["who", "why"])
def test_an_opening_by_nobody_or_for_nothing_is_found(run: Path, field: str) -> None:
    rewrite(run, 4, **{field: " "})
    assert "it is not said who it was, or why" in said(door(run))


def test_rows_that_were_added_later_need_a_later_head(run: Path) -> None:
    name, _, _ = first(run)
    with closing(sqlite3.connect(run / STORE)) as sql:
        rows = [row for (row,) in sql.execute("SELECT row FROM access ORDER BY idx")]
    do(run, "DELETE FROM access WHERE idx = 9")
    doors.keep_head(run)
    do(run, "INSERT INTO access SELECT 9, id, ? FROM utterance WHERE answered = 0", values=(rows[9],))
    assert "a later head" in door(run).needs
    assert name


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.integers(0, 9), at=st.integers(0, 150), byte=st.integers(0, 255))
def test_no_byte_of_the_list_can_be_another(run: Path, index: int, at: int, byte: int) -> None:
    store = run / STORE
    before = store.read_bytes()
    with closing(sqlite3.connect(store)) as sql:
        (row,) = sql.execute("SELECT row FROM access WHERE idx = ?", (index,)).fetchone()
    changed = bytearray(row)
    changed[at % len(row)] = byte
    do(run, "UPDATE access SET row = ? WHERE idx = " + str(index), values=(bytes(changed),))
    state = door(run).state
    store.write_bytes(before)
    assert state == ("holds" if bytes(changed) == row else "found")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 200_000), data=st.binary(min_size=1, max_size=40))
def test_no_bytes_of_the_store_crash_an_audit(run: Path, at: int, data: bytes) -> None:
    store = run / STORE
    before = store.read_bytes()
    plant(store, at % len(before), data)
    result = door(run)
    store.write_bytes(before)
    assert result.state in ("holds", "found", "not given")
