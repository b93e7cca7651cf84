"""Nothing leaves without a row that is on disk first, and nothing that waits is lost or readable."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.errors import StorageError
from device.ledger import LedgerError, NoteError, Row, Verifier, open_note, parse_row, row_bytes
from device.outbox import Outbox
from tests.device.shelf import SIGNER, A, B, head, head_of_rows, sealed, seen_by_another

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "egress.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with closing(Outbox(path, SIGNER)) as opened:
        yield opened


# -- on disk before departure ------------------------------------------------------------------------


def test_a_live_message_and_its_row_are_on_disk_when_put_returns(outbox: Outbox, path: Path) -> None:
    seqs, departures = outbox.put([sealed(part=None), sealed(part=0)], depart=True)
    rows, kept = seen_by_another(path)
    assert rows == [departure.row for departure in departures]
    assert kept == seqs == [departure.seq for departure in departures]
    assert [row.cause for row in rows] == ["live", "live"]


def test_a_message_put_without_departing_has_no_row_and_no_departure(outbox: Outbox, path: Path) -> None:
    seqs, departures = outbox.put([sealed()], depart=False)
    assert (departures, seen_by_another(path)) == ([], ([], seqs))
    assert not outbox.waiting()[0].departed


def test_every_departure_writes_a_row_of_its_own_before_it_returns(outbox: Outbox, path: Path) -> None:
    seqs, _ = outbox.put([sealed(part=0), sealed(part=1)], depart=False)
    late = outbox.depart(seqs, "late")
    assert seen_by_another(path)[0] == [departure.row for departure in late]
    again = outbox.depart(seqs[:1], "again")
    assert seen_by_another(path)[0] == [departure.row for departure in [*late, *again]]
    assert [waiting.departed for waiting in outbox.waiting()] == [True, True]


def test_status_and_connection_have_their_rows_on_disk_too(outbox: Outbox, path: Path) -> None:
    left = outbox.leave("status", "up/status", b"online", "live")
    outbox.connect(b"last will")
    status, connect = seen_by_another(path)[0]
    assert (left.seq, left.row) == (None, status)
    assert (connect.kind, connect.cause, connect.bytes) == ("connect", "will", 9)
    assert connect.sha256 == hashlib.sha256(b"last will").hexdigest()


def test_a_row_says_exactly_what_left(outbox: Outbox) -> None:
    message = sealed(part=7, payload=b"\x00\xff" * 50)
    (departure,) = outbox.put([message], depart=True)[1]
    assert departure.payload == message.payload
    assert departure.row == Row(
        index=0, kind="segment", topic=message.topic, bytes=100, utterance=A, segment=7, cause="live",
        sha256=hashlib.sha256(message.payload).hexdigest(), first_sample=7 * 1280, samples=1280,
    )  # fmt: skip


def test_what_put_returned_survives_the_death_of_the_process(path: Path) -> None:
    code = f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from tests.device.shelf import SIGNER, Outbox, sealed
outbox = Outbox(pathlib.Path({str(path)!r}), SIGNER)
outbox.note("boot", first_sample=0)
outbox.put([sealed(part=0), sealed(part=1)], depart=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with closing(Outbox(path, SIGNER)) as reopened:
        assert (reopened.size, len(reopened.waiting())) == (3, 2)
        assert (3, head(reopened).root) == head_of_rows(reopened)


# -- all or nothing ----------------------------------------------------------------------------------


def test_a_put_is_written_whole_or_not_at_all(outbox: Outbox, path: Path) -> None:
    outbox.note("boot", first_sample=0)
    before = outbox.checkpoint()
    with pytest.raises(LedgerError):
        outbox.put([sealed(part=0), sealed(part=1, kind="no such kind"), sealed(part=2)], depart=True)
    assert outbox.checkpoint() == before
    assert (len(seen_by_another(path)[0]), outbox.waiting()) == (1, [])
    assert outbox.note("boot", first_sample=1) == 1


def test_a_departure_is_written_whole_or_not_at_all(outbox: Outbox, path: Path) -> None:
    good, bad = outbox.put([sealed(part=0), sealed(part=1, kind="no such kind")], depart=False)[0]
    with pytest.raises(LedgerError):
        outbox.depart([good, bad], "late")
    assert seen_by_another(path) == ([], [good, bad])
    assert not outbox.waiting()[0].departed
    assert outbox.size == 0


def test_two_threads_write_one_ledger_without_a_gap(outbox: Outbox) -> None:
    def call_the_broker() -> None:
        for _ in range(40):
            outbox.connect(b"will")

    uplink = threading.Thread(target=call_the_broker)
    uplink.start()
    for part in range(40):
        outbox.put([sealed(part=part)], depart=True)
        outbox.waiting()
    uplink.join()
    rows = [parse_row(row) for row in outbox.rows()]
    assert [row.index for row in rows] == list(range(80))
    assert head_of_rows(outbox) == (80, head(outbox).root)


# -- the ledger's tree -------------------------------------------------------------------------------

OPERATION = st.sampled_from(["note", "leave", "connect", "live", "kept", "late", "forget"])
OPERATIONS = st.lists(OPERATION, max_size=25)


def do(outbox: Outbox, operation: str) -> None:
    simple: dict[str, Callable[[], object]] = {
        "note": lambda: outbox.note("refused", first_sample=5, cause="no_key"),
        "leave": lambda: outbox.leave("status", "up/status", b"{}", "live"),
        "connect": lambda: outbox.connect(b"will"),
        "live": lambda: outbox.put([sealed(A)], depart=True),
        "kept": lambda: outbox.put([sealed(B)], depart=False),
        "late": lambda: outbox.depart([w.seq for w in outbox.waiting()], "late"),
        "forget": lambda: outbox.forget(A, dropped="truncated"),
    }
    simple[operation]()


@settings(max_examples=25, deadline=None)
@given(first=OPERATIONS, second=OPERATIONS)
def test_the_tree_is_the_tree_of_the_rows_on_disk_before_and_after_reopening(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str]
) -> None:
    path = tmp_path_factory.mktemp("outbox") / "egress.db"
    for operations in (first, second):
        with closing(Outbox(path, SIGNER)) as outbox:
            for operation in operations:
                do(outbox, operation)
            assert head_of_rows(outbox) == (outbox.size, head(outbox).root)
            before = outbox.checkpoint(), outbox.waiting()
        with closing(Outbox(path, SIGNER)) as outbox:
            assert (outbox.checkpoint(), outbox.waiting()) == before
    shutil.rmtree(path.parent)


def test_a_checkpoint_is_signed_by_the_device_and_by_nobody_else(outbox: Outbox) -> None:
    outbox.note("boot", first_sample=0)
    assert head(outbox).origin == "overheard/v1/ovh-test"
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32).public_key().public_bytes_raw()
    with pytest.raises(NoteError):
        open_note(outbox.checkpoint(), [Verifier("ovh-test", stranger)])


# -- keeping and forgetting --------------------------------------------------------------------------


def test_forgetting_an_utterance_takes_its_messages_and_leaves_its_rows(outbox: Outbox) -> None:
    outbox.put([sealed(A, None), sealed(A, 0)], depart=True)
    outbox.put([sealed(B, None)], depart=True)
    outbox.forget(A)
    assert [waiting.utterance for waiting in outbox.waiting()] == [B]
    assert outbox.size == 3


def test_what_is_dropped_gets_a_row_that_says_why(outbox: Outbox) -> None:
    outbox.put([sealed(A)], depart=True)
    outbox.forget(A, dropped="truncated")
    row = parse_row(list(outbox.rows())[-1])
    assert (row.kind, row.utterance, row.cause) == ("dropped", A, "truncated")


def test_what_was_forgotten_meanwhile_does_not_depart(outbox: Outbox) -> None:
    seqs, _ = outbox.put([sealed(A), sealed(B)], depart=False)
    outbox.forget(A)
    assert [departure.seq for departure in outbox.depart(seqs, "late")] == seqs[1:]
    assert outbox.size == 1


def test_a_seq_is_never_given_twice(outbox: Outbox, path: Path) -> None:
    first, _ = outbox.put([sealed(A)], depart=False)
    outbox.forget(A)
    outbox.close()
    with closing(Outbox(path, SIGNER)) as reopened:
        assert reopened.put([sealed(A)], depart=False)[0] > first


def test_messages_wait_in_the_order_they_were_made_and_can_be_asked_for_by_utterance(outbox: Outbox) -> None:
    begins, _ = outbox.put([sealed(B, None), sealed(A, None)], depart=True)
    segments, _ = outbox.put([sealed(B, 0), sealed(A, 0)], depart=False)
    assert [waiting.seq for waiting in outbox.waiting()] == [*begins, *segments]
    assert [waiting.departed for waiting in outbox.waiting()] == [True, True, False, False]
    assert [(w.utterance, w.kind, w.part) for w in outbox.waiting()[1:3]] == [
        (A, "begin", None),
        (B, "segment", 0),
    ]
    assert outbox.waiting(A) == [w for w in outbox.waiting() if w.utterance == A]
    assert outbox.waiting("0c" * 16) == []


def test_that_an_utterance_was_cut_short_is_written_once_for_ever(outbox: Outbox, path: Path) -> None:
    outbox.put([sealed(A, None), sealed(A, 0)], depart=True)
    outbox.cut_short(A, "power_lost")
    outbox.cut_short(A, "power_lost")
    outbox.close()
    with closing(Outbox(path, SIGNER)) as reopened:
        reopened.cut_short(A, "power_lost")
        assert [parse_row(row).kind for row in reopened.rows()] == ["begin", "segment", "dropped"]
        assert len(reopened.waiting(A)) == 2


def test_rows_are_given_as_the_canonical_bytes_that_were_hashed(outbox: Outbox) -> None:
    outbox.put([sealed()], depart=True)
    assert [row_bytes(parse_row(row)) for row in outbox.rows()] == list(outbox.rows())


def test_a_second_firmware_on_the_same_file_is_refused_and_the_first_goes_on(
    outbox: Outbox, path: Path
) -> None:
    outbox.put([sealed(A, None)], depart=True)
    with pytest.raises(StorageError, match="another firmware"):
        Outbox(path, SIGNER)
    outbox.put([sealed(A, 0)], depart=True)
    assert outbox.size == 2
    outbox.close()
    with closing(Outbox(path, SIGNER)) as reopened:
        assert reopened.size == 2


def test_a_child_that_is_being_started_as_it_closes_does_not_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "egress.db"
    with closing(Outbox(path, SIGNER)):
        held = [int(fd.name) for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == path]
        copies = [os.dup(fd) for fd in held]  # as a child has them between fork and exec
    Outbox(path, SIGNER).close()
    for copy in copies:
        os.close(copy)
