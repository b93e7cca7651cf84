"""The walls of the box: outside of any, each is missing. That each is in force in the unit's box is seen by
scripts/prove_units, in docs/units.md.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from device.assemble import assemble
from device.config import load
from device.diary import Diary
from device.errors import SandboxError
from device.ledger import Row
from device.protections import WALLS, Protections, look
from hardware.sim import SimBoard
from tests.device.house import CLOUD_ROOT, House

ROOT = Path(__file__).parents[2]


IMPORT = "import ctypes, os, resource; import device.protections as p;"
USER = "os.getuid() or os.setuid(65534);"


def said_by(code: str) -> str:
    """What a process of its own says, in no box."""
    command = [sys.executable, "-c", IMPORT + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_outside_of_a_box_every_wall_is_missing() -> None:
    found = look()
    walls = set(WALLS) - {"not-root"} if os.getuid() else set(WALLS)
    assert set(found.missing) >= walls - _of_this_machine()
    assert set(found.in_force) | set(found.missing) == set(WALLS)


def _of_this_machine() -> set[str]:
    """Walls that a container or an owner may have put around all of this machine's processes."""
    boxed = "\nSeccomp:\t0\n" not in Path("/proc/self/status").read_text(encoding="utf-8")
    return (
        {"system-calls", "namespaces", "no-new-privileges", "kernel", "memory", "no-capabilities"}
        if boxed
        else {"memory"}
    )


def test_looking_changes_nothing() -> None:
    before = {entry: os.readlink(f"/proc/self/ns/{entry}") for entry in os.listdir("/proc/self/ns")}
    open_before = len(os.listdir("/proc/self/fd"))
    look()
    assert {entry: os.readlink(f"/proc/self/ns/{entry}") for entry in os.listdir("/proc/self/ns")} == before
    assert len(os.listdir("/proc/self/fd")) == open_before


@pytest.mark.skipif(os.getuid() != 0, reason="listening to every interface takes root")
def test_nothing_that_it_sends_leaves_the_machine() -> None:
    """Outside of a box its datagrams are not refused: they are seen on loopback, and nowhere else."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)) as wire:
        wire.setblocking(False)
        look()
        seen = set()
        while True:
            try:
                data, (interface, *_) = wire.recvfrom(2048)
            except BlockingIOError:
                break
            if data[16:20] == socket.inet_aton("198.51.100.1"):
                seen.add(interface)
    assert seen == {"lo"}


def test_what_is_found_can_be_read_back_from_its_line() -> None:
    for found in (look(), Protections(("a", "b"), ()), Protections((), ("c",))):
        assert Protections.of(str(found)) == found


# -- one wall at a time, put around a process of ours ------------------------------------------------------

PUT_UP = {
    "not-root": USER,
    "no-new-privileges": "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0);",
    "memory": "resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30));",
}


@pytest.mark.parametrize("wall", PUT_UP)
def test_a_wall_that_is_put_up_is_in_force(wall: str) -> None:
    assert wall in said_by(PUT_UP[wall] + "print(*p.look().in_force)").split()


def test_a_wall_that_cannot_be_tried_is_missing() -> None:
    def broken() -> bool:
        raise OSError

    assert look({"broken": broken, "whole": lambda: True}) == Protections(("whole",), ("broken",))


def test_a_wall_that_is_missing_is_tried_twice() -> None:
    """A required box is not refused for good because a file was gone when it was looked at."""
    answers = iter([FileNotFoundError(), True, False, True, False, False])

    def moving() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    walls = dict.fromkeys(("raised", "fell", "never"), moving)
    assert look(walls) == Protections(("raised", "fell"), ("never",))


def test_what_goes_while_the_devices_are_looked_at_is_passed_over() -> None:
    """A file in /dev/shm is removed between being listed and being looked at."""
    code = (
        "import sys, tempfile\n"
        "from pathlib import Path\n"
        "with tempfile.TemporaryDirectory(dir='/dev/shm') as folder:\n"
        "    goes, later = Path(folder) / 'goes', Path(folder) / 'later'\n"
        "    goes.touch(), later.mkdir()\n"
        "    def hook(event, args):\n"
        "        if event == 'os.scandir' and str(args[0]) == str(later):\n"
        "            goes.unlink(missing_ok=True)\n"
        "    sys.addaudithook(hook)\n"
        "    found = p.WALLS['devices']()\n"
        "    print(found, goes.exists())"
    )
    assert said_by(code) in {"False False\n", "True False\n"}


# -- what becomes of it ------------------------------------------------------------------------------------


def settings(path: Path, more: str) -> Path:
    file = path / "my.toml"
    file.write_text(f'device.state_dir = "state"\ncloud.root = "{CLOUD_ROOT.vkey}"\n{more}')
    return file


def test_a_box_that_is_required_and_not_there_is_refused(tmp_path: Path) -> None:
    config = load(settings(tmp_path, "device.require_sandbox = true"))
    with pytest.raises(SandboxError, match=r"not in force: .*addresses.*; start it by") as refused:
        assemble(config, SimBoard())
    assert refused.value.exit_code == 9
    assert not (tmp_path / "state").exists(), "before anything is made"


def rows_of(house: House) -> list[Row]:
    return [row for row in house.rows() if row.kind == "protections"]


def test_a_real_board_writes_down_what_protects_it(tmp_path: Path) -> None:
    house = House(tmp_path, 1, 'board.name = "pi"\n')
    house.run()
    (row,) = rows_of(house)
    found = Protections.of(row.cause or "")
    assert set(found.in_force) | set(found.missing) == set(WALLS)
    (told,) = [fields for kind, _, fields in house.told if kind == "protections"]
    assert told == {"in_force": found.in_force, "missing": found.missing}


def test_a_simulated_one_does_not_look(tmp_path: Path) -> None:
    house = House(tmp_path, 1)
    house.run()
    assert rows_of(house) == []


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ((), "every protection is in force"),
        (("addresses",), "NOT protected by: addresses; see docs/units.md"),
    ],
)
def test_a_person_is_told_in_one_line(missing: tuple[str, ...], line: str) -> None:
    lines: list[str] = []
    Diary(lines.append)("protections", 0, in_force=("not-root",), missing=missing)
    assert lines == [f"      0.00 s  {line}"]


def test_every_protection_is_explained() -> None:
    page = (ROOT / "docs" / "units.md").read_text(encoding="utf-8")
    assert {name for name in WALLS if f"| `{name}` |" not in page} == set()


def test_the_probe_of_devices_opens_nothing() -> None:
    """It asks whether it might: a device that is opened may begin to do something."""
    code = (
        "import sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == 'open' else None)\n"
        "p.WALLS['devices']()\n"
        "print([path for path in opened if path.startswith('/dev')])"
    )
    assert said_by(code) == "[]\n"
