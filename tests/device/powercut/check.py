"""Is everything there that could be relied on, whenever the power went? Opens what a disk may have left with
the real parts, and says what is wrong.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, NamedTuple

from device.delivery import Delivery
from device.errors import DeviceError
from device.keys import load_or_make
from device.ledger import Checkpoint, Signer, leaf_hash, open_note, parse_row, root_of
from device.mute import MuteMemory
from device.outbox import Departure, Outbox
from device.trust import Trust
from tests.device.notes import NOON, ROOT
from tests.device.powercut import world
from tests.device.powercut.disk import WAYS, Disk, Files, Record, read
from tests.device.powercut.marks import last
from tests.device.powercut.story import CANARY, DATA_KEY

HERE = Path(__file__).parent
PROJECT = HERE.parents[2]
MADE_ONCE = ("identity.key", "reply.key", "hardware")
FAST = Path("/dev/shm")  # what is rebuilt need not survive anything


def compile_recorder(folder: Path) -> Path:
    """Compile record.c. Raises FileNotFoundError where there is no gcc."""
    library = folder / "record.so"
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-o",
        library,
        HERE / "record.c",
    ]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


def act(folder: Path, *arguments: str, **environment: str) -> list[Record]:
    """Let the story happen in a process of its own, in `folder`; return what it did to its files."""
    state, log = folder / "state", folder / "log"
    state.mkdir(mode=0o700)
    watched = {
        "LD_PRELOAD": str(compile_recorder(folder)),
        "POWERCUT_FOLDER": str(state),
        "POWERCUT_LOG": str(log),
    }
    command = [sys.executable, "-m", "tests.device.powercut.story", str(state), *arguments]
    subprocess.run(command, check=True, cwd=PROJECT, env={**os.environ, **watched, **environment})
    return list(read(log))


class Promised(NamedTuple):
    """What the marks say may be relied on."""

    device: str | None
    published: dict[int, str]
    rows: int
    put: dict[str, int]
    acknowledged: set[str]
    muted: bool | None
    note: str | None

    @classmethod
    def of(cls, marks: Sequence[dict[str, Any]]) -> "Promised":
        """Read them, in order."""
        rows = [mark.get("published", mark.get("row", -1)) for mark in marks]
        wishes = [mark for mark in marks if "muted" in mark or "muting" in mark]
        return cls(
            device=last(marks, "device"),
            published={mark["published"]: mark["sha256"] for mark in marks if "published" in mark},
            rows=1 + max(rows, default=-1),
            put={mark["put"]: mark["count"] for mark in marks if "put" in mark},
            acknowledged={mark["acknowledging"] for mark in marks if "acknowledging" in mark},
            muted=wishes[-1].get("muted") if wishes else None,
            note=last(marks, "note"),
        )


class Final(NamedTuple):
    """What became of it: the ledger's rows, and the keys."""

    rows: list[bytes]
    keys: Files


class _Nobody:
    def publish(self, departure: Departure) -> None:
        raise AssertionError(f"{departure} left without a connection")


def faults(left: Files, marks: list[dict[str, Any]], final: Final) -> Iterator[str]:
    """Say what is wrong with a disk that was `left`."""
    promised = Promised.of(marks)
    folder = Path(mkdtemp(dir=FAST if FAST.is_dir() else None))
    try:
        for name, content in left.items():
            path = folder / name
            path.write_bytes(content)
            path.chmod(0o600)
        yield from _readable(left)
        yield from _keys(folder, left, promised, final)
        yield from _wishes(folder, left, promised)
        if promised.device:
            yield from world.faults(folder, load_or_make(folder, "x25519"), left, marks)
        yield from _kept(folder, left, promised, final.rows)
    except DeviceError as error:
        yield str(error)
    finally:
        rmtree(folder)


def _readable(left: Files) -> Iterator[str]:
    for name, content in left.items():
        if CANARY in content or DATA_KEY in content:
            yield f"{name} has plaintext or a data key in it"


def _keys(folder: Path, left: Files, promised: Promised, final: Final) -> Iterator[str]:
    """Whole or absent, and there once the device has a name."""
    for name, whole in final.keys.items():
        if left.get(name, whole) != whole:
            yield f"{name} is torn"
    if promised.device and load_or_make(folder, "x25519").device != promised.device:
        yield "the device is another one"


def _wishes(folder: Path, left: Files, promised: Promised) -> Iterator[str]:
    """Mute and the cloud's keys: whole or absent, and never older than was promised."""
    if "mute" in left and left["mute"] not in (b"muted\n", b"open\n"):
        yield "mute is torn"
    if promised.muted is not None and MuteMemory(folder, first_run=False).on is not promised.muted:
        yield "mute is forgotten"
    if "keys.note" in left or promised.note:
        keys_of_the_day = Trust(ROOT.vkey, folder / "keys.note").at(NOON)
        if keys_of_the_day is None:
            yield "keys.note is torn"
        elif promised.note and keys_of_the_day.not_before.strftime("%Y-%m-%dT%H:%M:%SZ") < promised.note:
            yield "keys.note is older than what was believed"


def _kept(folder: Path, left: Files, promised: Promised, final: Sequence[bytes]) -> Iterator[str]:
    """The ledger continues to what it became, and what waits, waits."""
    if "egress.db" not in left and not promised.rows:
        return
    me = load_or_make(folder, "x25519")
    signer = Signer(me.device, me.signing)
    with contextlib.closing(Outbox(folder / "egress.db", signer)) as outbox:
        rows = list(outbox.rows())
        yield from _ledger(rows, promised, final)
        parsed = [parse_row(row) for row in rows]
        dropped = {
            row.utterance
            for row in parsed
            if row.kind == "dropped" and row.cause not in ("power_lost", "resealed")
        }
        names = {row.cause: row.utterance for row in parsed if row.kind == "resealed"}
        for name, count in promised.put.items():
            now = names.get(name, name)
            waiting = len(outbox.waiting(now))
            if now not in promised.acknowledged | dropped and waiting < count:
                yield f"of utterance {name} {count} messages were kept, and {waiting} wait"
            if now != name and outbox.waiting(name):
                yield f"utterance {name} was sealed anew, and waits all the same"
        Delivery(outbox, _Nobody(), 6, 100)
        head = Checkpoint.parse(open_note(outbox.checkpoint(), [signer.verifier]))
        if head.root != root_of([leaf_hash(row) for row in outbox.rows()]):
            yield "the head is not that of the rows"


def _ledger(rows: list[bytes], promised: Promised, final: Sequence[bytes]) -> Iterator[str]:
    if rows != list(final[: len(rows)]):
        yield "the ledger is not a beginning of what it became"
    if len(rows) < promised.rows:
        yield f"{promised.rows} rows were written down, and {len(rows)} are there"
    for index, digest in promised.published.items():
        if index < len(rows) and parse_row(rows[index]).sha256 != digest:
            yield f"what was published as row {index} is not what it says"


class Cut(NamedTuple):
    """One place where the power went, one way in which the disk was left, and what is wrong then."""

    after: int
    way: str
    faults: list[str]


def cuts(records: Sequence[Record], points: Sequence[int], seed: int) -> Iterator[Cut]:
    """Cut the power after each of these many records, in three ways each."""
    final = final_of(records)
    disk, wanted = Disk(), set(points)
    for after, record in enumerate(records, 1):
        disk.apply(record)
        if after in wanted:
            marks = marks_in(disk)
            for way in WAYS:
                left = left_on(disk, way, Random(f"{seed} {after}"))
                yield Cut(after, way, list(faults(left, marks, final)))


def marks_in(disk: Disk) -> list[dict[str, Any]]:
    """Return what was said so far; no power cut concerns that."""
    return [json.loads(line) for line in disk.left("written", Random(0)).get("marks", b"").splitlines()]


def left_on(disk: Disk, way: str, random: Random) -> Files:
    """Return what a cut leaves, without the marks, and what no disk has."""
    left = disk.left(way, random)
    return {name: held for name, held in left.items() if name != "marks" and "-shm" not in name}


def final_of(records: Sequence[Record]) -> Final:
    """What became of it, whole."""
    disk = Disk()
    for record in records:
        disk.apply(record)
    folder = Path(mkdtemp())
    try:
        left = disk.left("written", Random(0))
        for name in {"egress.db", "egress.db-wal"} & left.keys():
            (folder / name).write_bytes(left[name])
        with contextlib.closing(Outbox(folder / "egress.db", ROOT)) as outbox:
            return Final(list(outbox.rows()), {name: left[name] for name in MADE_ONCE})
    finally:
        rmtree(folder)


def choose(records: Sequence[Record], count: int, seed: int) -> list[int]:
    """Choose places to cut: a quarter of them at the beginning, where what happens once happens; none within
    the marks, which no power cut concerns.
    """
    marks = {record.file for record in records if record.op == "C" and record.data == b"marks"}
    places = [after for after, record in enumerate(records, 1) if record.file not in marks]
    first = places[: count // 4]
    return sorted(first + Random(seed).sample(places[len(first) :], count - len(first)))
