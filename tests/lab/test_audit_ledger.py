"""The ledger's checks on ledgers that are made here, row by row: what is possible, and what is not."""

import hashlib
import json
import os
from base64 import b64encode
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from cloud_stub.witness import Witness
from device.ledger import (
    Checkpoint,
    Cosigner,
    Growth,
    Row,
    Signer,
    consistency_proof,
    leaf_hash,
    root_of,
    row_bytes,
    sign,
)
from lab.__main__ import app
from lab.audit import ledger
from lab.audit.errors import AuditError
from lab.audit.evidence import Evidence, Given
from lab.audit.verdicts import Result, make
from lab.audit.witness import witness

DEVICE = Signer("ovh-" + "a" * 26, Ed25519PrivateKey.from_private_bytes(bytes(32)))
ORIGIN = f"overheard/v1/{DEVICE.name}"
U, W = "0" * 32, "1" * 32


class Message(NamedTuple):
    topic: str
    payload: bytes


def left(kind: str, payload: bytes = b"", **fields: Any) -> dict[str, Any]:
    measure = {"bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    return {"kind": kind, "topic": f"overheard/v1/{DEVICE.name}/up/{kind}", **measure, **fields}


def trigger(name: str = U, first: int = 1000) -> dict[str, Any]:
    return {"kind": "trigger", "utterance": name, "first_sample": first, "cause": "button_tap"}


def segment(index: int, first: int, name: str = U) -> dict[str, Any]:
    return left("segment", utterance=name, segment=index, first_sample=first, samples=1280)


def begin(name: str = U) -> dict[str, Any]:
    return left("begin", utterance=name)


def end(name: str = U) -> dict[str, Any]:
    return left("end", utterance=name)


BOOT: dict[str, Any] = {"kind": "boot", "first_sample": 0}
RIGHT = [BOOT, trigger(), begin(), segment(0, 1000), segment(1, 2280), end()]


def dropped(name: str = U, cause: str = "resealed") -> dict[str, Any]:
    return {"kind": "dropped", "utterance": name, "cause": cause}


def resealed(new: str = W, old: str = U) -> dict[str, Any]:
    return {"kind": "resealed", "utterance": new, "first_sample": 1000, "samples": 1280, "cause": old}


def lines(rows: list[dict[str, Any]]) -> list[bytes]:
    return [row_bytes(Row(index=index, **row)) for index, row in enumerate(rows)]


def head(rows: list[bytes]) -> str:
    return sign(Checkpoint(ORIGIN, len(rows), root_of([leaf_hash(row) for row in rows])).text(), DEVICE)


def write(folder: Path, rows: list[dict[str, Any]], sent: tuple[Message, ...] = ()) -> Path:
    folder.mkdir(exist_ok=True)
    ours = lines(rows)
    (folder / "ledger.jsonl").write_bytes(b"".join(row + b"\n" for row in ours))
    (folder / "checkpoint.txt").write_text(head(ours), encoding="utf-8")
    (folder / "device.vkey").write_text(DEVICE.vkey + "\n", encoding="utf-8")
    made = [{"topic": each.topic, "payload": b64encode(each.payload).decode()} for each in sent]
    (folder / "sent.jsonl").write_text("".join(json.dumps(each) + "\n" for each in made))
    return folder


def look(folder: Path, name: str) -> Result:
    return make(next(each for each in ledger.CHECKS if each.name == name), Evidence(Given(folder)))


@pytest.mark.parametrize(
    "rows",
    [
        RIGHT,
        [*RIGHT, begin(), segment(0, 1000), end()],  # asked for again
        [BOOT, trigger(), resealed(), dropped(), begin(W), segment(0, 1000, W), end(W)],
        [BOOT, trigger(first=5000), dropped(cause="muted"), BOOT, trigger(W, 10)],
        [*RIGHT[:4], dropped(cause="power_lost"), BOOT, trigger(W), begin(W)],
    ],
)
def test_what_can_happen_is_no_finding(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    folder = write(tmp_path / "run", rows)
    for name in ("ledger.tree", "ledger.order", "ledger.heads", "ledger.before"):
        assert look(folder, name).state == "holds", look(folder, name)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([BOOT, begin()], "which nothing triggered"),
        ([BOOT, trigger(), segment(0, 1000)], "before its begin"),
        ([BOOT, trigger(), end()], "before its begin"),
        ([BOOT, trigger(), begin(), segment(1, 2280)], "before the one before it"),
        ([BOOT, trigger(), begin(), segment(0, 999)], "does not go on"),
        ([*RIGHT[:4], segment(1, 1640), end()], "does not go on"),
        ([BOOT, trigger(), trigger()], "a second trigger"),
        ([BOOT, trigger(), trigger(W, 999)], "earlier than the one before"),
        ([BOOT, trigger(first=99_000), {"kind": "muted", "first_sample": 1}], "more than a second before"),
        ([*RIGHT[:4], trigger(W), begin(W)], "has not ended"),
        ([BOOT, trigger(), resealed(), begin(W)], "not dropped"),
        ([BOOT, resealed(), dropped()], "nothing triggered"),
        ([BOOT, trigger(), resealed(old=W), dropped()], "nothing triggered"),
    ],
)
def test_what_cannot_happen_is_found(rows: list[dict[str, Any]], says: str, tmp_path: Path) -> None:
    found = look(write(tmp_path / "run", rows), "ledger.order").findings
    assert any(says in finding.what for finding in found), found


def test_what_was_triggered_and_forgotten_is_found(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", RIGHT[:4])
    assert "egress.db" in look(folder, "ledger.complete").needs
    (folder / "egress.db").write_bytes(os.urandom(5000))
    assert "not the outbox" in look(folder, "ledger.complete").findings[0].what
    write(folder, [*RIGHT[:4], {"kind": "dropped", "cause": "rows_forgotten:3"}])
    assert "lost while the device's disk was full" in look(folder, "ledger.complete").needs
    write(folder, RIGHT)
    assert look(folder, "ledger.complete").state == "holds"


# -- heads -------------------------------------------------------------------------------------------


def checkpoint(note: str) -> Message:
    return Message(f"overheard/v1/{DEVICE.name}/up/checkpoint", note.encode())


def test_a_head_of_other_rows_that_left_is_found(tmp_path: Path) -> None:
    other = lines([BOOT, trigger(first=2000), *RIGHT[2:]])
    folder = write(tmp_path / "run", RIGHT, (checkpoint(head(other[:3])),))
    assert "not that of these rows" in look(folder, "ledger.heads").findings[0].what
    write(folder, RIGHT, (checkpoint(head(lines(RIGHT)[:3])), checkpoint(head(other[:3]))))
    assert "signed two heads of 3 rows" in look(folder, "ledger.heads").findings[0].what
    write(folder, RIGHT, (checkpoint(head(lines([*RIGHT, BOOT]))),))
    assert "a head of 7 rows left, and here are 6" in look(folder, "ledger.heads").findings[0].what


@pytest.mark.parametrize("more", ["\u2014 x " + b64encode(b"a secret of the room").decode() + "\n", "x"])
def test_under_a_head_is_one_line_and_no_more(more: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "run", RIGHT, (checkpoint(head(lines(RIGHT)[:3]) + more),))
    assert look(folder, "ledger.heads").state == "found"


def test_a_head_that_leaves_covers_what_left_before_it(tmp_path: Path) -> None:
    status = Message(f"overheard/v1/{DEVICE.name}/up/status", b"{}")
    rows = [BOOT, left("status", b"{}")]
    for size, state in ((1, "found"), (2, "holds"), (3, "found")):
        note = head(lines([*rows, BOOT])[:size])
        folder = write(tmp_path / "run", [*rows, left("checkpoint", note.encode())])
        write(folder, [*rows, left("checkpoint", note.encode())], (status, checkpoint(note)))
        assert look(folder, "ledger.before").state == state


def test_a_proof_that_came_with_a_head_leads_to_it(tmp_path: Path) -> None:
    leaves = [leaf_hash(line) for line in lines(RIGHT)]
    path, note = consistency_proof(leaves[:5], 3), head(lines(RIGHT)[:5])
    anything = [b"32 bytes of a secret of the room", *path[1:]]
    other = consistency_proof([leaf_hash(b"another"), *leaves[1:5]], 3)
    for old, hashes in ((3, path), (3, anything), (3, other), (9, path)):
        proved = checkpoint(Growth(old, tuple(hashes), note).text())
        folder = write(tmp_path / "run", RIGHT, (proved,))
        assert look(folder, "ledger.heads").state == "holds"
        assert look(folder, "ledger.grown").state == ("holds" if (old, hashes) == (3, path) else "found")
    write(tmp_path / "run", RIGHT, (checkpoint(f"old 3\n\n{note} more"),))
    assert look(tmp_path / "run", "ledger.heads").state == "found"


def test_what_the_cloud_kept_is_compared(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", RIGHT)
    held = Witness(folder / "cloud" / "heads", Ed25519PrivateKey.generate())
    held.knows(DEVICE.name, DEVICE.verifier.public, 0)
    held.take(DEVICE.name, head(lines(RIGHT)[:4]))
    assert held.take_checkpoint(DEVICE.name, head(lines(RIGHT)[:3]), 100) == "cosigned"
    assert look(folder, "ledger.heads").state == "holds"
    held.take(DEVICE.name, head(lines([trigger(), *RIGHT])[:4]))
    held.close()
    assert "signed two heads of 4 rows" in look(folder, "ledger.heads").findings[0].what
    (folder / "cloud" / "heads" / "heads.sqlite").write_bytes(b"SQLite format 3\0" + bytes(500))
    assert "not the heads" in look(folder, "ledger.heads").findings[0].what


# -- the witness -------------------------------------------------------------------------------------


def test_a_witness_cosigns_what_goes_on_and_nothing_else(tmp_path: Path) -> None:
    state, folder = tmp_path / "witness.json", write(tmp_path / "run", RIGHT[:3])
    first = witness(folder, state, 100)
    assert Cosigner.parse(first.vkey).seen(first.note) == 100
    write(folder, RIGHT)
    assert witness(folder, state, 101).before == 3
    assert witness(folder, state, 102).before == len(RIGHT)
    assert look(folder, "ledger.heads").state == "holds"
    for rows in (RIGHT[:4], [BOOT, trigger(first=2000), *RIGHT[2:], BOOT], [trigger(), *RIGHT[1:]]):
        write(folder, rows)
        with pytest.raises(AuditError, match="it is not cosigned") as caught:
            witness(folder, state, 103)
        assert caught.value.args[0].count(ORIGIN) == 2  # both heads, each under the device's signature
        assert "witnessed.txt" in look(folder, "ledger.heads").findings[0].where
    assert state.stat().st_mode & 0o077 == 0


def test_a_witness_s_file_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("{}")
    with pytest.raises(AuditError, match="not a witness's file"):
        witness(write(tmp_path / "run", RIGHT), tmp_path / "w", 1)


# -- the commands ------------------------------------------------------------------------------------


def test_a_row_is_proved_and_checked_from_the_command_line(tmp_path: Path) -> None:
    folder, proof = write(tmp_path / "run", RIGHT), str(tmp_path / "row3.tlog-proof")
    run = CliRunner().invoke
    assert run(app, ["witness", str(folder), "--state", str(tmp_path / "w")]).exit_code == 0
    assert run(app, ["prove", "3", str(folder), "--out", proof]).exit_code == 0
    done = run(app, ["check-proof", proof, "--key", DEVICE.vkey])
    assert (done.exit_code, "row 3 is in the ledger of 6 rows" in done.output) == (0, True)
    (tmp_path / "row").write_bytes(lines(RIGHT)[2])
    with pytest.raises(AuditError, match="does not lead to the root"):
        run(app, ["check-proof", proof, "--key", DEVICE.vkey, "--row", str(tmp_path / "row")],
            catch_exceptions=False)  # fmt: skip
    with pytest.raises(AuditError, match="no row 6 among 6"):
        run(app, ["prove", "6", str(folder)], catch_exceptions=False)
