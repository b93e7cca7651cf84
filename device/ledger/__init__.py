"""The record of everything that left: rows, the Merkle tree over them, and its signed heads.

Pure: no file, no clock, no randomness. It will never change or remove a row: it has no words for that.
"""

from .checkpoint import Checkpoint
from .cosignature import Cosigner, cosign
from .errors import LedgerError, NoteError, ProofError, RowError
from .growth import Growth, head_in
from .merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    growth_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from .note import Signer, Verifier, open_note, sign, split_note
from .proof import RowProof
from .rows import LEFT, STAYED, Row, parse_row, row_bytes

__all__ = [
    "EMPTY_ROOT",
    "LEFT",
    "STAYED",
    "Checkpoint",
    "Cosigner",
    "Growth",
    "LedgerError",
    "NoteError",
    "ProofError",
    "Row",
    "RowError",
    "RowProof",
    "Signer",
    "Tree",
    "Verifier",
    "consistency_proof",
    "cosign",
    "growth_proof",
    "head_in",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "open_note",
    "parse_row",
    "root_of",
    "row_bytes",
    "sign",
    "split_note",
    "verify_consistency",
    "verify_inclusion",
]
