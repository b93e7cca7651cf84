"""The cloud keeps the heads of ledgers that come, and notices two that cannot both be true."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.errors import StorageError
from cloud_stub.ingest import Ingest
from cloud_stub.witness import Witness
from device.envelope import topics
from device.ledger import Checkpoint, Signer, sign
from tests.cloud_stub.conftest import NOW, Other, Voice

DEVICE = "ovh-a"
KEY = Signer(DEVICE, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def head(size: int, root: int = 0, by: Signer = KEY, origin: str = f"overheard/v1/{DEVICE}") -> str:
    return sign(Checkpoint(origin, size, bytes([root]) * 32).text(), by)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Witness]:
    with closing(Witness(tmp_path / "heads")) as made:
        made.knows(DEVICE, KEY.verifier.public)
        yield made


def test_a_head_is_kept_once_and_one_of_the_same_size_that_differs_is_a_fork(kept: Witness) -> None:
    said = [kept.take(DEVICE, each) for each in (head(3), head(3), head(5), head(3, 1), head(3, 1))]
    assert said == ["new", "same", "new", "forked", "same"]
    assert (kept.forks, kept.unfit) == (1, 0)
    assert kept.of(DEVICE) == [head(3), head(3, 1), head(5)]  # both: each is signed, together they prove it


@pytest.mark.parametrize(
    "note",
    [
        "no note",
        head(3, by=Signer(DEVICE, Ed25519PrivateKey.generate())),
        head(3, origin="overheard/v1/ovh-b"),
        head(3) + "\u2014 somebody AAAAAAAAAA==\n",
        head(2**53),
    ],
)
def test_what_is_no_head_of_that_device_is_not_kept(kept: Witness, note: str) -> None:
    assert kept.take(DEVICE, note) == "unfit"
    assert (kept.of(DEVICE), kept.unfit) == ([], 1)


def test_who_was_never_heard_is_not_known_and_no_head_is_none(kept: Witness) -> None:
    assert (kept.take("ovh-b", head(3)), kept.take(DEVICE, "")) == ("unknown", "none")


def test_of_too_many_the_smallest_go(tmp_path: Path) -> None:
    with closing(Witness(tmp_path / "few", most=3)) as kept:
        kept.knows(DEVICE, KEY.verifier.public)
        for size in (1, 2, 3, 4, 5):
            kept.take(DEVICE, head(size))
        assert kept.of(DEVICE) == [head(3), head(4), head(5)]


def test_it_remembers_over_a_restart(kept: Witness, tmp_path: Path) -> None:
    kept.take(DEVICE, head(3))
    kept.close()
    with closing(Witness(tmp_path / "heads")) as again:
        assert again.take(DEVICE, head(3, 1)) == "forked"


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "heads.sqlite").write_bytes(os.urandom(5000))
    with pytest.raises(StorageError, match=r"heads\.sqlite"):
        Witness(tmp_path / "heads")


def test_heads_come_with_checkpoints_once_an_utterance_has_said_whose_they_are(tmp_path: Path) -> None:
    other, speaker = Other(tmp_path), Voice()
    held = Witness(tmp_path / "heads")
    ingest = Ingest(other.vault, other.keys, other.config.ingest, witness=held)
    spoken = speaker.say(other.reader)
    signer = Signer(speaker.device, speaker.signing)

    def tell(size: int, root: int) -> None:
        note = sign(Checkpoint(f"overheard/v1/{speaker.device}", size, bytes([root]) * 32).text(), signer)
        assert ingest.take(topics.checkpoint(speaker.device), note.encode(), NOW) == []

    tell(1, 0)
    assert held.of(speaker.device) == []
    for topic, payload in spoken.messages:
        ingest.take(topic, payload, NOW)
    tell(2, 0)
    assert (len(held.of(speaker.device)), ingest.security_events) == (1, 0)
    tell(2, 1)
    assert (held.forks, ingest.security_events) == (1, 1)
    held.close()
    other.vault.close()
