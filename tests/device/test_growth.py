"""Heads that prove where they go on from: as text, from a frontier alone, out of the outbox."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from device.ledger import (
    Checkpoint,
    Growth,
    LedgerError,
    ProofError,
    Signer,
    Tree,
    consistency_proof,
    growth_proof,
    head_in,
    leaf_hash,
    open_note,
    root_of,
    sign,
    split_note,
    verify_consistency,
)
from device.outbox import Outbox

SIGNER = Signer("ovh-test", Ed25519PrivateKey.from_private_bytes(bytes(32)))
ORIGIN = "overheard/v1/ovh-test"
TOPIC = "overheard/v1/ovh-test/up/checkpoint"
LEAVES = [leaf_hash(b"row %d" % number) for number in range(70)]


def head(size: int, leaves: Sequence[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root_of(leaves[:size]))


def growth(old: int, size: int) -> Growth:
    proof = consistency_proof(LEAVES[:size], old)
    return Growth(old, tuple(proof), sign(head(size).text(), SIGNER))


@pytest.mark.parametrize("old", range(1, len(LEAVES) + 1))
def test_a_frontier_proves_what_all_the_leaves_would(old: int) -> None:
    first = Tree()
    for leaf in LEAVES[:old]:
        first.append(leaf)
    for size in range(old, len(LEAVES) + 1):
        proof = growth_proof(old, first.frontier, LEAVES[old:size])
        verify_consistency(old, size, root_of(LEAVES[:old]), root_of(LEAVES[:size]), proof)


def test_it_comes_back_from_its_text_and_holds() -> None:
    proved = growth(5, 13)
    assert Growth.parse(proved.text()) == proved
    assert head_in(proved.text()) == proved.head == head_in(proved.head)
    proved.check(head(5), head(13))


def test_it_holds_of_no_other_heads() -> None:
    proved = growth(5, 13)
    other = [leaf_hash(b"another"), *LEAVES[1:]]
    for before, now in (
        (head(6), head(13)), (head(5), head(12)), (head(5, other), head(13)), (head(5), head(13, other)),
        (Checkpoint("overheard/v1/ovh-other", 5, head(5).root), head(13)),
    ):  # fmt: skip
        with pytest.raises(ProofError):
            proved.check(before, now)


def believe(data: bytes, before: Checkpoint) -> None:
    text = data.decode()
    now = Checkpoint.parse(open_note(head_in(text), [SIGNER.verifier]))
    Growth.parse(text).check(before, now)


@settings(max_examples=300)
@given(st.integers(0, 2**20), st.integers(1, 255))
def test_one_byte_that_is_another_is_never_believed(where: int, by: int) -> None:
    data = bytearray(growth(5, 13).text().encode())
    data[where % len(data)] ^= by
    with pytest.raises((LedgerError, UnicodeDecodeError)):
        believe(bytes(data), head(5))


@given(st.text(max_size=300) | st.text(max_size=300).map("old 5\n{}".format))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with pytest.raises(LedgerError):
        Growth.parse(text)


# -- from the outbox ---------------------------------------------------------------------------------


def sent(outbox: Outbox, since: int | None = None) -> str:
    return outbox.leave_head(TOPIC, since).payload.decode()


def checkpoint(text: str) -> Checkpoint:
    return Checkpoint.parse(split_note(head_in(text))[0])


def test_a_head_covers_every_row_before_its_own_and_proves_where_it_goes_on_from(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        outbox.note("boot", first_sample=0)
        first = checkpoint(sent(outbox))
        assert (first.size, outbox.size) == (1, 2)
        outbox.note("muted")
        proved = sent(outbox, since=1)
        Growth.parse(proved).check(first, checkpoint(proved))
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        outbox.note("boot", first_sample=0)
        for since, before in ((1, first), (3, checkpoint(proved))):
            again = sent(outbox, since)
            Growth.parse(again).check(before, checkpoint(again))


def test_from_where_no_head_left_nothing_is_proved_and_the_head_leaves_bare(tmp_path: Path) -> None:
    with closing(Outbox(tmp_path / "egress.db", SIGNER)) as outbox:
        outbox.note("boot", first_sample=0)
        outbox.note("muted")
        for since in (1, 7):
            assert sent(outbox, since).startswith(ORIGIN)
        for _ in range(64):
            sent(outbox)
        assert sent(outbox, since=2).startswith(ORIGIN)  # forgotten: 64 heads have left since
        assert sent(outbox, since=outbox.size - 1).startswith("old ")
