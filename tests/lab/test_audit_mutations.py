"""One honest run, one change of its evidence: never "kept" by the layers of the ledger and of the envelope.

Changes without meaning, and why: another spelling of the same messages in sent.jsonl (it is JSON and base64);
white space around a verifier key; a message twice (QoS 1 does that), or two in the other order (so does a
network: what must not change its place has its place in the ledger's rows); a status or state that did not
come through (its row stays, and what the record does not have is nothing that left).
"""

import base64
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lab import tap
from lab.audit import envelopes, ledger
from lab.audit.evidence import Evidence, Given
from lab.audit.verdicts import judge
from lab.errors import RunError
from lab.scenario import read
from lab.simulate import simulate

PRESS = Path(__file__).resolve().parents[2] / "lab" / "scenarios" / "press.toml"
CHECKS = [
    check for check in (*ledger.CHECKS, *envelopes.CHECKS) if check.name != "envelope.clear"
]  # which looks at the room

Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mutated") / "run"
    simulate(read(PRESS), directory)
    return directory


@pytest.fixture(scope="module")
def twins(honest: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Change], Path]:
    """A folder that is the run's but for one file, which is as `change` makes it."""

    def twin(name: str, change: Change) -> Path:
        folder = tmp_path_factory.mktemp("twin")
        for path in honest.iterdir():
            if path.name != name:
                os.symlink(path, folder / path.name)
        (folder / name).write_bytes(change((honest / name).read_bytes()))
        return folder

    return twin


Twins = Callable[[str, Change], Path]


def kept(directory: Path) -> bool:
    """Whether these layers say "kept" of every promise that they look at."""
    verdicts = judge(Evidence(Given(directory)), CHECKS)
    return all(verdict.state == "kept" for verdict in verdicts if verdict.results)


def flipped(where: int, by: int) -> Change:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[where % len(changed)] ^= by
        return bytes(changed)

    return change


def in_payload(which: int, where: int, by: int, part: str = "") -> Change:
    """Of a message, or of one whose topic ends so."""

    def change(data: bytes) -> bytes:
        sent = [json.loads(line) for line in data.splitlines()]
        some = [message for message in sent if message["topic"].endswith(part)]
        message = some[which % len(some)]
        payload = flipped(where, by)(base64.b64decode(message["payload"]))
        message["payload"] = base64.b64encode(payload).decode()
        return b"".join(json.dumps(each).encode() + b"\n" for each in sent)

    return change


def test_without_a_change_they_say_kept(honest: Path) -> None:
    assert kept(honest)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["ledger.jsonl", "checkpoint.txt", "device.vkey"]),
    st.integers(0, 2**20),
    st.integers(1, 255),
)
def test_one_byte_of_a_file_that_is_another_is_never_kept(
    honest: Path, twins: Twins, name: str, where: int, by: int
) -> None:
    before, after = (honest / name).read_bytes(), flipped(where, by)((honest / name).read_bytes())
    assume(name != "device.vkey" or after.strip() != before.strip())
    assert not kept(twins(name, lambda _: after))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 2**20), st.sampled_from([1 << bit for bit in range(8)]))
def test_one_bit_of_a_message_that_is_another_is_never_kept(
    twins: Twins, which: int, where: int, by: int
) -> None:
    assert not kept(twins("sent.jsonl", in_payload(which, where, by)))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**20), st.sampled_from(["begin", "end", "segment"]), st.integers(1, 255))
def test_one_byte_of_an_envelope_that_is_another_breaks_promise_6_without_the_ledger(
    twins: Twins, where: int, part: str, by: int
) -> None:
    folder = twins("sent.jsonl", in_payload(where, where, by, part))
    (folder / "ledger.jsonl").unlink()
    verdicts = judge(Evidence(Given(folder)), CHECKS)
    assert next(each for each in verdicts if each.promise == 6).state == "broken"


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 255))
def test_one_byte_of_the_record_that_says_something_else_is_never_kept(
    honest: Path, twins: Twins, where: int, by: int
) -> None:
    folder = twins("sent.jsonl", flipped(where, by))
    with suppress(RunError):
        assume(list(tap.read(folder)) != list(tap.read(honest)))
    assert not kept(folder)


LINES: dict[str, Callable[[list[bytes], int], list[bytes]]] = {
    "deleted": lambda lines, n: [*lines[:n], *lines[n + 1 :]],
    "twice": lambda lines, n: [*lines[:n], lines[n], *lines[n:]],
    "swapped": lambda lines, n: [*lines[: n - 1], lines[n], lines[n - 1], *lines[n + 1 :]],
    "cut off": lambda lines, n: lines[:n],
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(LINES)), st.integers(1, 2**20))
def test_rows_that_are_moved_are_never_kept(twins: Twins, do: str, which: int) -> None:
    def change(data: bytes) -> bytes:
        rows = data.splitlines(keepends=True)
        return b"".join(LINES[do](rows, 1 + which % (len(rows) - 1)))

    assert not kept(twins("ledger.jsonl", change))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20))
def test_a_message_of_an_utterance_that_is_missing_is_never_kept(twins: Twins, which: int) -> None:
    def change(data: bytes) -> bytes:
        sent = data.splitlines(keepends=True)
        parts = [n for n, line in enumerate(sent) if b"/utterance/" in line]
        del sent[parts[which % len(parts)]]
        return b"".join(sent)

    assert not kept(twins("sent.jsonl", change))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 255))
def test_one_byte_of_the_keys_note_is_never_kept_where_it_alone_vouches(
    twins: Twins, where: int, by: int
) -> None:
    folder = twins("keys.note", flipped(where, by))
    (folder / "cloud").unlink()
    result = judge(Evidence(Given(folder)), [each for each in CHECKS if each.name == "envelope.named"])
    assert next(each for each in result if each.promise == 6).state != "kept"
