"""What the audit makes of a search of the firmware's memory: it believes what was found, and concludes."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.audit.evidence import Evidence, Given
from lab.audit.memory import CHECKS
from lab.audit.verdicts import Result, make
from lab.canary import record
from lab.canary.record import Look, Memory, Piece, Place, Process

RINGS = Piece("sound as int16, one in 6", 64_000 - 5_120, 5_120)
HEARD = Piece("sound as int16", 64_000 - 320, 320)
HALF_A_SECOND = Piece("sound as float32", 64_000 - 8_000, 8_000)

WITH_CARD = Process(7, "capture", True, 0, 9_000_000, 8_000_000, (Place("[heap]", 4_096, 99_000, (RINGS,)),))
FIRMWARE = Process(6, "speaker", False, 0, 9_000_000, 8_000_000, (Place("[heap]", 4_096, 99_000, (HEARD,)),))
OUTBOX = Place("state/egress.db", 0, 28_672, ())


def made(*processes: Process, files: tuple[Place, ...] = (OUTBOX,), opened: tuple[Place, ...] = ()) -> Memory:
    """What a search writes that found this."""
    looks = (Look(64_000, processes or (FIRMWARE, WITH_CARD), opened, ()),)
    return Memory(
        v=1, seed=1, rate=16_000, channels=6, played_samples=64_000, forms=record.names(),
        frame_samples=record.FRAME_SAMPLES, heard_samples=record.HEARD_SAMPLES,
        driver_samples=record.DRIVER_SAMPLES, looks=looks, files=files,
        bound_samples=record.bound(looks, with_card=False),
        holds_card_bound_samples=record.bound(looks, with_card=True),
        kept=not list(record.faults(looks, files)),
    )  # fmt: skip


def holding(process: Process, piece: Piece) -> Process:
    return msgspec.structs.replace(process, places=(*process.places, Place("anonymous", 1, 99_000, (piece,))))


def judged(folder: Path, written: Memory | bytes) -> Result:
    data = written if isinstance(written, bytes) else msgspec.json.encode(written)
    (folder / record.FILE).write_bytes(data)
    first, second = (make(check, Evidence(Given(folder))) for check in CHECKS)
    assert (first.state, first.findings, first.needs) == (second.state, second.findings, second.needs)
    return first


def test_what_is_heard_and_the_drivers_ring_are_nothing_to_find(tmp_path: Path) -> None:
    assert judged(tmp_path, made()).state == "holds"
    frames_on_their_way = Place("pipe:[7]", 0, 8_000, (Piece("sound as int16", 60_160, 320),))
    assert judged(tmp_path, made(opened=(frames_on_their_way,))).state == "holds"


def late(by: int, program: int) -> Process:
    """A process with the card whose ring is longer by `by`, and whose program was stopped `program` late."""
    ring = Piece(RINGS.form, 64_000 - record.DRIVER_SAMPLES - by, record.DRIVER_SAMPLES + by)
    holds = Place("[heap]", 4_096, 99_000, (ring, Piece("sound as int16", 64_000 - program - 320, 320)))
    return msgspec.structs.replace(WITH_CARD, places=(holds,))


def test_a_program_that_is_late_finds_a_longer_ring_and_no_other_does(tmp_path: Path) -> None:
    assert judged(tmp_path, made(FIRMWARE, late(by=320, program=640))).state == "holds"
    assert judged(tmp_path, made(FIRMWARE, late(by=320, program=0))).state == "found"
    too_late = record.LATE_SAMPLES + record.HEARD_SAMPLES
    assert judged(tmp_path, made(FIRMWARE, late(by=0, program=too_late))).state == "found"


def test_without_a_search_it_is_said_how_to_make_one(tmp_path: Path) -> None:
    result = make(CHECKS[0], Evidence(Given(tmp_path)))
    assert result.state == "not given"
    assert "overheard-lab canary" in result.needs


@pytest.mark.parametrize(
    "broken",
    [
        made(holding(FIRMWARE, HALF_A_SECOND), WITH_CARD),
        made(holding(FIRMWARE, Piece("sound at 8 kHz as int16", 64_000 - 3_200, 1_600)), WITH_CARD),
        made(FIRMWARE, holding(WITH_CARD, HALF_A_SECOND)),
        made(FIRMWARE, holding(WITH_CARD, Piece("sound as int16", 64_000 - 3_200, 3_200))),
        made(FIRMWARE, holding(WITH_CARD, Piece("sound as int16, one in 6", 64_000 - 16_000, 16_000))),
        made(files=(OUTBOX, Place("firmware.log", 0, 700, (Piece("sound as int16", 63_999, 12),)))),
        made(opened=(Place("/dev/shm/x", 0, 700, (Piece("sound as int16", 63_700, 300),)),)),
        made(opened=(Place("socket:[3]", 0, 700, (Piece("sound as int16", 63_700, 300),)),)),
        made(opened=(Place("pipe:[3]", 0, 64_000, (Piece("sound as int16", 44_000, 20_000),)),)),
    ],
    ids=[
        "kept",
        "resampled",
        "beside the ring",
        "mono beside the ring",
        "long ring",
        "log",
        "shm",
        "socket",
        "pipe",
    ],
)
def test_sound_that_is_older_is_found_wherever_it_is(tmp_path: Path, broken: Memory) -> None:
    result = judged(tmp_path, broken)
    assert result.state == "found"
    assert result.findings[0].where.startswith("memory.json: ")


def replaced(**fields: object) -> Callable[[Memory], Memory]:
    return lambda honest: msgspec.structs.replace(honest, **fields)


@pytest.mark.parametrize(
    "lie",
    [
        replaced(kept=False),
        replaced(v=2),
        replaced(rate=8_000),
        replaced(driver_samples=64_000),
        replaced(heard_samples=64_000),
        replaced(bound_samples=319),
        replaced(holds_card_bound_samples=0),
        replaced(looks=()),
        replaced(played_samples=1),
        replaced(files=(msgspec.structs.replace(OUTBOX, found=(Piece("sound as int16", 99_999, 12),)),)),
        replaced(files=(msgspec.structs.replace(OUTBOX, found=(Piece("as it likes", 9, 12),)),)),
    ],
)
def test_a_verdict_that_does_not_follow_is_not_believed(
    tmp_path: Path, lie: Callable[[Memory], Memory]
) -> None:
    assert judged(tmp_path, lie(made())).state == "found"


def test_a_broken_search_that_says_kept_is_found(tmp_path: Path) -> None:
    broken = made(holding(FIRMWARE, HALF_A_SECOND), WITH_CARD)
    assert judged(tmp_path, msgspec.structs.replace(broken, kept=True)).state == "found"


@pytest.mark.parametrize(
    ("blind", "needs"),
    [
        (msgspec.structs.replace(made(), forms=record.names()[1:]), "every form"),
        (made(FIRMWARE), "its process that hears"),
        (made(msgspec.structs.replace(FIRMWARE, places=()), WITH_CARD), "sees at least"),
        (made(FIRMWARE, msgspec.structs.replace(WITH_CARD, places=())), "sees at least"),
        (made(files=()), "its outbox"),
    ],
)
def test_a_search_that_saw_too_little_proves_nothing(tmp_path: Path, blind: Memory, needs: str) -> None:
    result = judged(tmp_path, blind)
    assert result.state == "not given"
    assert needs in result.needs


def test_what_could_not_be_looked_into_is_named(tmp_path: Path) -> None:
    honest = made()
    look = msgspec.structs.replace(honest.looks[0], unseen=("socket:[99]",))
    result = judged(tmp_path, msgspec.structs.replace(honest, looks=(look,)))
    assert "socket:[99]" in result.needs


BROKEN = msgspec.json.encode(made(holding(FIRMWARE, HALF_A_SECOND), WITH_CARD))


@settings(max_examples=400, deadline=None)
@given(at=st.integers(0, len(BROKEN) - 1), byte=st.integers(0, 255))
def test_no_byte_of_a_broken_search_makes_it_a_kept_promise(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    changed = bytearray(BROKEN)
    changed[at] = byte
    assert judged(tmp_path_factory.getbasetemp(), bytes(changed)).state != "holds"


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_no_bytes_crash_it(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    assert judged(tmp_path_factory.getbasetemp(), data).state == "found"
