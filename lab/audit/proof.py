"""The proof of one row of a ledger, for who has neither the other rows nor this project: C2SP tlog-proof."""

from pathlib import Path
from typing import NamedTuple

from device.ledger import Checkpoint, LedgerError, ProofError, RowProof, Verifier, inclusion_proof
from lab.audit import heads
from lab.audit.errors import AuditError
from lab.audit.evidence import Evidence, Given


class Proved(NamedTuple):
    """A row as it stands in the ledger, and the proof of it as text."""

    row: bytes
    text: str


def prove(directory: Path, index: int) -> Proved:
    """Prove row `index` of the ledger in a run's folder under the head that was exported with it.

    A head that a witness cosigned for the same rows is taken instead, with all its lines.

    Raises:
        AuditError: there is no ledger, no head, no such row, or the head is not that of the rows.
    """
    evidence = Evidence(Given(directory))
    entries = evidence.entries
    if not 0 <= index < len(entries):
        raise AuditError(f"{directory}: no row {index} among {len(entries)}; name one below that")
    head = _head(evidence)
    proof = RowProof(index, tuple(inclusion_proof(evidence.leaves, index)), head)
    try:
        proof.check(entries[index].line, evidence.device_key, heads.ORIGIN + evidence.device_key.name)
    except LedgerError as error:
        raise AuditError(f"{directory}: {error}") from error
    return Proved(entries[index].line, proof.text())


def check(path: Path, vkey: str, row: bytes) -> tuple[int, Checkpoint]:
    """Check a proof's file against the device's verifier key and a row; return the row's index and the head.

    Raises:
        AuditError: it does not prove that.
    """
    try:
        log = Verifier.parse(vkey.strip())
        proof = RowProof.parse(path.read_text(encoding="utf-8"))
        return proof.index, proof.check(row, log, heads.ORIGIN + log.name)
    except (ProofError, LedgerError, UnicodeDecodeError) as error:
        raise AuditError(f"{path}: {error}") from error


def row_of(path: Path) -> bytes:
    """The row in a file, as a proof is of it: without the newline that an editor ends it with."""
    return path.read_bytes().removesuffix(b"\n")


def _head(evidence: Evidence) -> str:
    """The head to prove under."""
    exported = heads.exported(evidence)
    path = evidence.given.directory / heads.WITNESSED
    if path.exists():
        witnessed = path.read_text(encoding="utf-8", errors="replace")
        if witnessed.partition("\n\n")[0] == exported.partition("\n\n")[0]:
            return witnessed
    return exported
