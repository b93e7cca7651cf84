"""Proofs of single rows and cosignatures: checked by somebody else's code, and not believed when altered."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.ledger import (
    Checkpoint,
    Cosigner,
    LedgerError,
    NoteError,
    ProofError,
    RowProof,
    Signer,
    cosign,
    inclusion_proof,
    leaf_hash,
    open_note,
    root_of,
    sign,
)

SECOND = Path(__file__).resolve().parents[1] / "vectors" / "second_prover.py"

# The example of C2SP tlog-cosignature, of which the keys are not published.
SPEC_COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501


def _key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


LOG = Signer("ovh-log", _key(1))
ORIGIN = "overheard/v1/ovh-log"
ROWS = [b"row %d" % n for n in range(13)]
LEAVES = [leaf_hash(row) for row in ROWS]
HEAD = sign(Checkpoint(ORIGIN, len(ROWS), root_of(LEAVES)).text(), LOG)
WITNESS = Cosigner("witness.example/w", _key(2).public_key().public_bytes_raw())
COSIGNED = cosign(HEAD, WITNESS.name, _key(2), 1_700_000_000)


def proof_of(index: int, head: str = COSIGNED) -> RowProof:
    return RowProof(index, tuple(inclusion_proof(LEAVES, index)), head)


@pytest.mark.parametrize("index", range(len(ROWS)))
def test_a_checker_that_has_nothing_of_ours_believes_a_proof_and_no_other_row(
    index: int, tmp_path: Path
) -> None:
    (tmp_path / "proof").write_text(proof_of(index).text(), encoding="utf-8")
    (tmp_path / "row").write_bytes(ROWS[index])
    (tmp_path / "other").write_bytes(ROWS[index - 1])

    def asked(row: str, *witnesses: str) -> int:
        words = [sys.executable, "-I", "-S", str(SECOND), "proof", LOG.vkey, row, *witnesses]
        return subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode

    stranger = Cosigner(WITNESS.name, _key(3).public_key().public_bytes_raw())
    assert [asked("row", WITNESS.vkey), asked("other"), asked("row", stranger.vkey)] == [0, 1, 1]


@pytest.mark.parametrize("index", range(len(ROWS)))
def test_a_proof_comes_back_from_its_text_and_holds(index: int) -> None:
    proof = proof_of(index)
    assert RowProof.parse(proof.text()) == proof
    assert proof.check(ROWS[index], LOG.verifier, ORIGIN).size == len(ROWS)


def test_opaque_data_is_passed_over() -> None:
    text = proof_of(3).text().replace("\nindex", "\nextra aGk=\nindex", 1)
    assert RowProof.parse(text) == proof_of(3)
    with pytest.raises(ProofError):
        RowProof.parse(text.replace("aGk=", "aGl="))  # not the canonical spelling


@settings(max_examples=300)
@given(st.integers(0, len(ROWS) - 1), st.integers(0, 2**20), st.integers(1, 255))
def test_one_byte_of_a_proof_that_is_another_is_never_believed(index: int, where: int, by: int) -> None:
    """But of the lines of other keys, which nobody here checks."""
    data = bytearray(proof_of(index, HEAD).text().encode())
    data[where % len(data)] ^= by
    with pytest.raises((LedgerError, UnicodeDecodeError)):
        RowProof.parse(bytes(data).decode()).check(ROWS[index], LOG.verifier, ORIGIN)


@given(st.text(max_size=300) | st.text(max_size=300).map("c2sp.org/tlog-proof@v1\nindex {}\n\n".format))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        RowProof.parse(text).check(b"", LOG.verifier, ORIGIN)


def test_the_head_of_another_ledger_proves_nothing_of_this_one() -> None:
    with pytest.raises(ProofError, match="another ledger"):
        proof_of(0).check(ROWS[0], LOG.verifier, "overheard/v1/ovh-other")


def test_the_log_s_signature_holds_beside_a_witness_s_and_a_witness_says_when() -> None:
    assert open_note(COSIGNED, [LOG.verifier]) == open_note(HEAD, [LOG.verifier])
    assert WITNESS.seen(COSIGNED) == 1_700_000_000
    assert Cosigner.parse(WITNESS.vkey) == WITNESS
    later = cosign(COSIGNED, WITNESS.name, _key(2), 1_700_000_001)
    assert WITNESS.seen(later) == 1_700_000_001


def test_the_specification_s_example_is_well_formed_and_says_nothing_without_its_key() -> None:
    with pytest.raises(NoteError, match="no cosignature of"):
        WITNESS.seen(SPEC_COSIGNED)
    value = base64.b64decode(SPEC_COSIGNED.rsplit(maxsplit=1)[-1])
    assert len(value) == 4 + 8 + 64
    assert int.from_bytes(value[4:12], "big") == 1_679_315_147  # the time that its text names


@pytest.mark.parametrize("at_s", [-1, 2**63])
def test_there_is_no_such_time(at_s: int) -> None:
    with pytest.raises(NoteError):
        cosign(HEAD, WITNESS.name, _key(2), at_s)


@given(st.integers(0, 75), st.integers(1, 255))
def test_one_byte_of_a_cosignature_that_is_another_is_not_believed(where: int, by: int) -> None:
    top, _, line = COSIGNED.rstrip("\n").rpartition(" ")
    value = bytearray(base64.b64decode(line))
    value[where] ^= by
    with pytest.raises(NoteError):
        WITNESS.seen(f"{top} {base64.b64encode(value).decode()}\n")


def test_a_key_of_a_log_is_none_of_a_witness() -> None:
    with pytest.raises(NoteError):
        Cosigner.parse(LOG.vkey)
