"""The cloud keeps the heads of ledgers that come, notices two that cannot both be true, and cosigns what is
proved to go on.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.errors import StorageError
from cloud_stub.ingest import Ingest
from cloud_stub.witness import AGAIN_S, LOOK_S, ROWS, Ask, Witness
from device.envelope import topics
from device.ledger import (
    Checkpoint,
    Cosigner,
    Growth,
    LedgerError,
    Signer,
    consistency_proof,
    leaf_hash,
    root_of,
    sign,
)
from tests.cloud_stub.conftest import NOW, Other, Voice

DEVICE = "ovh-a"
OWN = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
KEY = Signer(DEVICE, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def head(size: int, root: int = 0, by: Signer = KEY, origin: str = f"overheard/v1/{DEVICE}") -> str:
    return sign(Checkpoint(origin, size, bytes([root]) * 32).text(), by)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Witness]:
    with closing(Witness(tmp_path / "heads", OWN)) as made:
        made.knows(DEVICE, KEY.verifier.public, 0)
        yield made


def test_a_head_is_kept_once_and_one_of_the_same_size_that_differs_is_a_fork(kept: Witness) -> None:
    said = [kept.take(DEVICE, each) for each in (head(3), head(3), head(5), head(3, 1), head(3, 1))]
    assert said == ["new", "same", "new", "forked", "forked"]
    assert (kept.forks, kept.unfit) == (1, 0)
    assert kept.heads.of(DEVICE) == [
        head(3),
        head(3, 1),
        head(5),
    ]  # both: together they prove it


@pytest.mark.parametrize(
    "note",
    [
        "no note",
        head(3, by=Signer(DEVICE, OWN)),
        head(3, origin="overheard/v1/ovh-b"),
        head(3) + "\u2014 somebody AAAAAAAAAA==\n",
        head(2**53),
    ],
)
def test_what_is_no_head_of_that_device_is_not_kept(kept: Witness, note: str) -> None:
    assert kept.take(DEVICE, note) == "unfit"
    assert (kept.heads.of(DEVICE), kept.unfit) == ([], 1)


def test_who_was_never_heard_is_not_known_and_no_head_is_none(kept: Witness) -> None:
    assert (kept.take("ovh-b", head(3)), kept.take(DEVICE, "")) == ("unknown", "none")


def test_of_too_many_the_smallest_go(tmp_path: Path) -> None:
    with closing(Witness(tmp_path / "few", OWN, most=3)) as kept:
        kept.knows(DEVICE, KEY.verifier.public, 0)
        for size in (1, 2, 3, 4, 5):
            kept.take(DEVICE, head(size))
        assert kept.heads.of(DEVICE) == [head(3), head(4), head(5)]


def test_it_remembers_over_a_restart(kept: Witness, tmp_path: Path) -> None:
    kept.take(DEVICE, head(3))
    kept.close()
    with closing(Witness(tmp_path / "heads", OWN)) as again:
        assert again.take(DEVICE, head(3, 1)) == "forked"


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "heads.sqlite").write_bytes(os.urandom(5000))
    with pytest.raises(StorageError, match=r"heads\.sqlite"):
        Witness(tmp_path / "heads", OWN)


def test_heads_come_with_checkpoints_once_an_utterance_has_said_whose_they_are(tmp_path: Path) -> None:
    other, speaker = Other(tmp_path), Voice()
    held = Witness(tmp_path / "heads", OWN)
    ingest = Ingest(other.vault, other.keys, other.config.ingest, witness=held)
    spoken = speaker.say(other.reader)
    signer = Signer(speaker.device, speaker.signing)

    def tell(size: int, root: int) -> None:
        note = sign(Checkpoint(f"overheard/v1/{speaker.device}", size, bytes([root]) * 32).text(), signer)
        assert ingest.take(topics.checkpoint(speaker.device), note.encode(), NOW) == []

    tell(1, 0)
    assert held.heads.of(speaker.device) == []
    for topic, payload in spoken.messages:
        ingest.take(topic, payload, NOW)
    tell(2, 0)
    assert (len(held.heads.of(speaker.device)), ingest.security_events) == (1, 0)
    tell(2, 1)
    assert (held.forks, ingest.security_events) == (1, 1)
    held.close()
    other.vault.close()


# -- what it cosigns -----------------------------------------------------------------------------------

LEAVES = [leaf_hash(b"row %d" % number) for number in range(40)]
DAY_S = 86_400


def true_head(size: int, leaves: list[bytes] = LEAVES) -> str:
    return sign(Checkpoint(f"overheard/v1/{DEVICE}", size, root_of(leaves[:size])).text(), KEY)


def proved(old: int, size: int, leaves: list[bytes] = LEAVES) -> str:
    return Growth(old, tuple(consistency_proof(leaves[:size], old)), true_head(size, leaves)).text()


def test_it_cosigns_the_first_and_then_only_what_is_proved_to_go_on(kept: Witness) -> None:
    cosigner = Cosigner.parse(kept.vkey)
    with pytest.raises(LedgerError):
        cosigner.seen(true_head(3))
    assert kept.heads.cosigned(DEVICE) is None
    steps = [
        (true_head(3), "cosigned"), (true_head(3), "same"), (true_head(7), "unproved"),
        (proved(3, 9), "cosigned"), (proved(3, 12), "unproved"), (proved(9, 12), "cosigned"),
    ]  # fmt: skip
    for now_s, (text, outcome) in enumerate(steps, 100):
        assert kept.take_checkpoint(DEVICE, text, now_s) == outcome
    assert (kept.forks, kept.unfit, kept.unproved) == (0, 0, 2)
    last = kept.heads.cosigned(DEVICE)
    assert last is not None
    assert last.startswith(true_head(12))
    assert cosigner.seen(last) == 105


def test_a_ledger_that_was_rewritten_or_forked_is_never_cosigned(kept: Witness) -> None:
    rewritten = [leaf_hash(b"as if it had never been"), *LEAVES[1:]]
    assert kept.take_checkpoint(DEVICE, true_head(8), 1) == "cosigned"
    assert kept.take_checkpoint(DEVICE, proved(8, 20, rewritten), 2) == "unproved"
    assert kept.take_checkpoint(DEVICE, true_head(8, rewritten), 3) == "forked"
    assert kept.take_checkpoint(DEVICE, true_head(5), 4) == "unproved"  # it was larger
    assert kept.take_checkpoint(DEVICE, "old 8\n\nno note", 5) == "unfit"
    last = kept.heads.cosigned(DEVICE)
    assert last is not None
    assert last.startswith(true_head(8))


def test_who_has_grown_is_asked_in_time_and_who_does_not_answer_not_at_once_again(kept: Witness) -> None:
    assert list(kept.due(DAY_S - 3 * LOOK_S, DAY_S)) == []  # nothing is known of its ledger
    kept.take(DEVICE, head(3))
    assert list(kept.due(DAY_S - 2 * LOOK_S, DAY_S)) == []
    assert list(kept.due(DAY_S - LOOK_S - 1, 0)) == []  # it is not looked all the time
    assert list(kept.due(DAY_S, DAY_S)) == [Ask(DEVICE, None)]
    assert list(kept.due(DAY_S + AGAIN_S - LOOK_S, DAY_S)) == []
    assert kept.take_checkpoint(DEVICE, true_head(5), DAY_S) == "cosigned"
    kept.take(DEVICE, head(7))
    assert list(kept.due(DAY_S + AGAIN_S, DAY_S)) == []
    assert list(kept.due(2 * DAY_S, DAY_S)) == [Ask(DEVICE, 5)]
    kept.take(DEVICE, head(5 + ROWS))
    assert list(kept.due(2 * DAY_S + AGAIN_S, 10 * DAY_S)) == [Ask(DEVICE, 5)]
