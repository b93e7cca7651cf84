"""A witness of ledgers: it cosigns a head only if it goes on from the last that it cosigned of that ledger.

It sees the export of a ledger, so it makes the consistency proof itself and checks it like anybody's. Its
state is one file: its private key and, for each ledger, the last head. What it refuses it shows: two heads
that the device signed and that cannot both be true.
"""

import os
from pathlib import Path
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.ledger import (
    Checkpoint,
    Cosigner,
    LedgerError,
    ProofError,
    consistency_proof,
    cosign,
    verify_consistency,
)
from lab.audit import heads
from lab.audit.errors import AuditError, Damaged
from lab.audit.evidence import HEAD, Evidence, Given

NAME = "overheard-lab/witness"


class State(msgspec.Struct, forbid_unknown_fields=True):
    """What a witness remembers: its key's 32 bytes in hex, and the last head (a note) of each origin."""

    v: int
    seed: str
    heads: dict[str, str]


class Seen(NamedTuple):
    """What came of it: the head with the witness's line, its verifier key, and the size that it had seen."""

    note: str
    vkey: str
    before: int


def witness(directory: Path, state_path: Path, now_s: int) -> Seen:
    """Cosign the head of the ledger in a run's folder, and leave it there as `witnessed.txt`.

    state_path: the witness's own file, made with mode 0600 where there is none. now_s: POSIX seconds.

    Raises:
        AuditError: the head is not that of the rows, or does not go on from the last one: with both.
    """
    evidence = Evidence(Given(directory))
    note = heads.exported(evidence)
    head = heads.read(note, evidence.device_key, HEAD)
    if head.origin != heads.ORIGIN + evidence.device_key.name:
        raise AuditError(f"{HEAD}: a head of another ledger, {head.origin!r}; it is not cosigned")
    if heads.roots(evidence, {head.size}).get(head.size) != head.root:
        raise AuditError(f"{HEAD}: not the head of these rows; it is not cosigned")
    state = _read(state_path)
    before = _goes_on(evidence, state.heads.get(head.origin), head)
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(state.seed))
    state.heads[head.origin] = note
    _write(state_path, state)  # before anybody has the line: it is never taken back
    cosigned = cosign(note, NAME, key, now_s)
    (directory / heads.WITNESSED).write_text(cosigned, encoding="utf-8")
    return Seen(cosigned, Cosigner(NAME, key.public_key().public_bytes_raw()).vkey, before)


def _goes_on(evidence: Evidence, last: str | None, head: Checkpoint) -> int:
    """The size of the last head, from which this one goes on. Raises AuditError, with both."""
    if last is None:
        return 0
    try:
        before = heads.read(last, evidence.device_key, "the witness's file")
        if before.size > head.size:
            raise ProofError(f"the ledger had {before.size} rows, and now has {head.size}")
        if before.size:
            proof = consistency_proof(evidence.leaves[: head.size], before.size)
            verify_consistency(before.size, head.size, before.root, head.root, proof)
    except LedgerError as error:
        both = f"the device signed this before:\n\n{last}\nand this now:\n\n{heads.exported(evidence)}"
        raise AuditError(f"{HEAD}: {error}; it is not cosigned, {both}") from error
    return before.size


def _read(path: Path) -> State:
    if not path.exists():
        return State(1, os.urandom(32).hex(), {})
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
        if state.v != 1 or len(bytes.fromhex(state.seed)) != 32:
            raise Damaged(path.name, "not a witness's file")
    except (msgspec.MsgspecError, ValueError, UnicodeError) as error:
        raise Damaged(path.name, "not a witness's file; name another to begin anew") from error
    return state


def _write(path: Path, state: State) -> None:
    """Replace the file at once, or not at all."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
