"""What scripts/prove-arm64 calls proof can fail: each check finds what was slipped in. No emulation."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from device.envelope.gaps import Gap
from hardware.board import RATE_HZ
from scripts.arm64_card import tape
from scripts.arm64_opened import WORD, Heard, heard_here, place_in_the_room, room
from scripts.arm64_page import PROOFS, Line, log, put
from scripts.arm64_root import RootError, alone
from scripts.arm64_scene import SceneError
from scripts.arm64_speaker import until_answered
from scripts.arm64_steps import STEPS, complaints
from scripts.arm64_wheels import elf_machine, examine

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "lab" / "scenarios" / "audio" / "alexa_time.flac"
X86_64, AARCH64, ARM = 62, 183, 40


# -- the wheels --------------------------------------------------------------------------------------


def elf(machine: int, bits: int = 64) -> bytes:
    """The first bytes of a library for that machine."""
    return (
        b"\x7fELF"
        + bytes([bits // 32, 1, 1])
        + bytes(9)
        + (3).to_bytes(2, "little")
        + machine.to_bytes(2, "little")
    )


def wheel(site: Path, name: str, tag: str, **files: bytes) -> None:
    """Install a made-up wheel."""
    (site / name).mkdir(parents=True)
    for file, content in files.items():
        (site / name / f"{file}.cpython-311-aarch64-linux-gnu.so").write_bytes(content)
    (site / f"{name}-1.dist-info").mkdir()
    (site / f"{name}-1.dist-info" / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")


def test_wheels_for_arm64_and_for_any_machine_are_right(tmp_path: Path) -> None:
    wheel(tmp_path, "quick", "cp311-cp311-manylinux_2_17_aarch64", core=elf(AARCH64), more=elf(AARCH64))
    wheel(tmp_path, "pure", "py3-none-any", note=b"\x7fELF, they say")
    assert examine(tmp_path) == (2, 2, [])


@pytest.mark.parametrize(("content", "machine"), [(elf(X86_64), "x86-64"), (elf(ARM, 32), "arm")])
def test_a_library_of_another_machine_is_found_whatever_it_is_called(
    tmp_path: Path, content: bytes, machine: str
) -> None:
    wheel(tmp_path, "quick", "cp311-cp311-manylinux_2_17_aarch64", core=elf(AARCH64), slipped=content)
    binaries, _, wrong = examine(tmp_path)
    assert binaries == 2
    assert [line.split(":")[0] for line in wrong] == ["quick/slipped.cpython-311-aarch64-linux-gnu.so"]
    assert f"made for {machine}," in wrong[0]


@pytest.mark.parametrize("tag", ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-linux_armv7l"])
def test_a_wheel_with_another_machines_tag_is_found_though_its_files_are_right(
    tmp_path: Path, tag: str
) -> None:
    wheel(tmp_path, "quick", tag, core=elf(AARCH64))
    assert [tag in line for line in examine(tmp_path).wrong] == [True]


def test_a_wheel_without_a_tag_is_found(tmp_path: Path) -> None:
    wheel(tmp_path, "quick", "cp311-cp311-manylinux_2_17_aarch64")
    (tmp_path / "quick-1.dist-info" / "WHEEL").write_text("Wheel-Version: 1.0\n")
    assert len(examine(tmp_path).wrong) == 1


def test_what_python_itself_is_made_for_is_read_from_it() -> None:
    assert elf_machine(Path(os.path.realpath(sys.executable))) == os.uname().machine.replace("_", "-")
    assert elf_machine(Path(__file__)) is None


# -- the units ---------------------------------------------------------------------------------------

UNIT = "[Unit]\nDescription=Made up\n[Service]\nExecStart=/bin/true\nProtectSystem=strict\n"


def here(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    return subprocess.run(command, stdout=pipe, stderr=both, text=True, check=False)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(
    ("line", "broken", "says"),
    [
        ("ProtectSystem=strict", "ProtectSistem=strict", "ProtectSistem"),
        ("/bin/true", "/bin/nothing", "/bin/nothing"),
    ],
)
def test_a_unit_with_a_broken_line_is_found(tmp_path: Path, line: str, broken: str, says: str) -> None:
    unit = tmp_path / "made-up.service"
    unit.write_text(UNIT)
    assert complaints(here, [unit]) == []
    unit.write_text(UNIT.replace(line, broken))
    assert [says in each for each in complaints(here, [unit])] == [True]


# -- what was opened ---------------------------------------------------------------------------------

SOUND = np.random.default_rng(3).integers(-9000, 9000, 4 * RATE_HZ).astype("<i2").tobytes()
FIRST, GAP = 8_000, Gap(16_000, 3_200)
ROOM = Heard(Path(), SOUND)
CARD = Heard(Path(), SOUND, late_samples=3_000)


def test_what_was_opened_is_the_rooms_sound_and_then_its_silence() -> None:
    place_in_the_room(SOUND[2 * FIRST :] + bytes(640), [], FIRST, ROOM)


@pytest.mark.parametrize("change", ["a bit", "a sample later", "nothing of it"])
def test_what_was_opened_and_is_not_the_rooms_is_found(change: str) -> None:
    pcm = bytearray(SOUND[2 * FIRST :])
    if change == "a bit":
        pcm[20_001] ^= 1
    elif change == "a sample later":
        pcm = pcm[2:]
    else:
        pcm = bytearray(len(pcm))
    with pytest.raises(SceneError, match="is not the room's from 8000 on"):
        place_in_the_room(bytes(pcm), [], FIRST, ROOM)


def test_a_card_may_begin_late_and_is_found_where_it_does_but_not_later_nor_early() -> None:
    pcm = SOUND[2 * FIRST :]
    assert [place_in_the_room(pcm, [], FIRST + late, CARD) for late in (0, 1, 3_000)] == [FIRST] * 3
    for clock, heard in ((FIRST + 3_001, CARD), (FIRST - 1, CARD), (FIRST + 1, ROOM)):
        with pytest.raises(SceneError, match="from its sample 0 on"):
            place_in_the_room(pcm, [], clock, heard)


def lossy(after: int) -> bytes:
    """What a gap leaves: zeros in it, then the room from `after` samples beyond its end on."""
    end = FIRST + GAP.end + after
    return (
        SOUND[2 * FIRST : 2 * (FIRST + GAP.first)]
        + bytes(2 * GAP.samples)
        + SOUND[2 * end : 2 * end + 32_000]
    )


def test_after_a_marked_gap_the_room_goes_on_there_or_near() -> None:
    for after in (0, 100, -100):
        place_in_the_room(lossy(after), [GAP], FIRST, ROOM)


def test_a_gap_that_is_not_marked_is_found_and_so_is_other_sound_after_one() -> None:
    with pytest.raises(SceneError):
        place_in_the_room(lossy(0), [], FIRST, ROOM)
    with pytest.raises(SceneError, match="from its sample 19200 on"):
        place_in_the_room(lossy(RATE_HZ), [GAP], FIRST, ROOM)


def test_the_ears_of_this_machine_hear_the_recording_and_nothing_in_noise() -> None:
    assert heard_here(room(RECORDING)).wake.word == WORD
    with pytest.raises(SceneError, match="hear no"):
        heard_here(SOUND)


def test_the_tape_of_the_card_is_the_sound_and_never_quite_silent() -> None:
    sounds = np.frombuffer(tape(bytes(2 * RATE_HZ)), "<i2")
    assert 0 < np.abs(sounds).max() < 10
    assert len(sounds) > 100 * RATE_HZ


# -- a speaker that is not answered ------------------------------------------------------------------

TALK = "import signal; signal.signal(15, lambda *_: exit({code})); print({says!r}, flush=True); {wait}"
ENDS = {
    "well": TALK.format(code=0, says="answered (time)", wait="signal.pause()"),
    "badly": TALK.format(code=6, says="answered (time)", wait="signal.pause()"),
    "unanswered": TALK.format(code=0, says="no broker", wait="exit(4)"),
}


def test_a_speaker_that_was_answered_and_ended_well_is_believed(tmp_path: Path) -> None:
    said = until_answered([sys.executable, "-c", ENDS["well"]], tmp_path / "log", 20)
    assert said == ["answered (time)"]
    assert "answered (time)" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("way", ["badly", "unanswered"])
def test_a_speaker_that_was_not_answered_or_ended_badly_is_found(tmp_path: Path, way: str) -> None:
    with pytest.raises(SceneError, match="exit code"):
        until_answered([sys.executable, "-c", ENDS[way]], tmp_path / "log", 20)


# -- nothing is left behind --------------------------------------------------------------------------

INSIDE = """
import signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who was begun in the background ignores it
sys.path.insert(0, {root!r})
from scripts.arm64_root import RootError, alone
try:
    alone("a test")
except RootError as error:
    print(error, flush=True)
    sys.exit(2)
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", {folder!r}], check=True)
open({folder!r} + "/there", "w").close()
print("mounted", flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_however_it_ends_no_mount_and_no_process_stays(tmp_path: Path, number: signal.Signals) -> None:
    program = tmp_path / "inside.py"
    program.write_text(INSIDE.format(root=str(ROOT), folder=str(tmp_path)))
    command = [sys.executable, str(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        if (said := child.stdout.readline().strip()) != "mounted":
            pytest.skip(said)
        assert not (tmp_path / "there").exists(), "it is seen outside"
        os.killpg(child.pid, number)
        assert child.stdout.read() == ""  # ends when the last process that could write there is gone
        assert child.wait(20) != 0
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_who_is_not_root_is_told() -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(RootError, match="run it with sudo"):
            alone("a test")
    finally:
        os.seteuid(0)


# -- the page ----------------------------------------------------------------------------------------

LINES = [
    Line(True, 124.9, "a Debian", "by mmdebstrap"),
    Line(False, 0.3, "the units", "not installed: a.service"),
]


def test_the_log_says_what_failed_and_how_long_it_took_in_all() -> None:
    assert log("trixie", LINES).splitlines()[1:-1] == [
        "$ scripts/prove-arm64 --suite trixie --write",
        "ok     124.9 s  a Debian: by mmdebstrap",
        "FAIL     0.3 s  the units: not installed: a.service",
        "       125.2 s  in all",
    ]


def test_what_is_put_into_a_page_stands_between_its_marks_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n<!-- one -->\nold\n<!-- /one -->\n<!-- two -->\nstays\n<!-- /two -->\n")
    put(page, "one", "new\n")
    assert (
        page.read_text() == "# Page\n<!-- one -->\nnew\n<!-- /one -->\n<!-- two -->\nstays\n<!-- /two -->\n"
    )
    with pytest.raises(ValueError, match="no <!-- three -->"):
        put(page, "three", "new\n")


def test_the_page_has_a_whole_log_of_the_steps_that_there_are_and_each_was_well() -> None:
    page = PROOFS.read_text(encoding="utf-8")
    for suite in ("bookworm", "trixie"):
        block = page.split(f"<!-- {suite} -->")[1].split(f"<!-- /{suite} -->")[0]
        said = [line.split(" s  ", 1) for line in block.splitlines()[3:-2]]
        assert {before.split()[0] for before, _ in said} == {"ok"}
        assert [any(after.startswith(f"{step.name}: ") for _, after in said) for step in STEPS] == [
            True
        ] * len(said)
