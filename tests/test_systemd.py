"""The unit files: systemd's own checkers have nothing to say, no line of a box is missing, and what they
start does start. That the boxes hold is seen by scripts/prove_units, which boots them.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cloud_stub.loopback import accepts
from tests.secure_home import SecureHome, needs_mosquitto, until
from tests.unit_boxes import BOXES, SYSTEMD, faults, lines_of

UNITS = sorted(SYSTEMD.glob("*.service"))
STORAGE = "/var/lib/overheard-cloud"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")

EVERY_LINE = [(name, line) for name, box in BOXES.items() for line in box.lines]


def verified(unit: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """What systemd says of a unit whose programs of ours are installed."""
    assert ANALYZE is not None
    copy = scratch / unit.name
    copy.write_text(re.sub(r"/opt/overheard/current/bin/\S+", "/bin/true", unit.read_text()))
    command = [ANALYZE, "verify", "--man=no", copy]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_systemd
@needs_mosquitto
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_verifies_the_unit(unit, tmp_path):
    if "nft" in unit.read_text() and shutil.which("nft") is None:
        pytest.skip("nftables is not installed")
    done = verified(unit, tmp_path)
    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, about_it) == (0, [])


# -- the box -----------------------------------------------------------------------------------------------


def exposure(text: str, scratch: Path, limit: float) -> tuple[int, str]:
    """The exit code of systemd's own count against a limit, and what it says last."""
    assert ANALYZE is not None
    unit = scratch / "overheard-counted.service"
    unit.write_text(text)
    command = [ANALYZE, "security", "--offline=true", f"--threshold={round(limit * 10)}", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip().splitlines()[-1]


def test_every_unit_has_a_box():
    assert set(BOXES) == {unit.name for unit in UNITS}


@pytest.mark.parametrize("name", BOXES)
def test_the_box_is_whole(name):
    assert faults((SYSTEMD / name).read_text(), BOXES[name].lines) == set()


@pytest.mark.parametrize(("name", "line"), EVERY_LINE)
def test_a_box_without_one_of_its_lines_is_found(name, line):
    text = (SYSTEMD / name).read_text()
    assert text.count(f"\n{line}\n") == 1
    assert faults(text.replace(f"\n{line}\n", "\n"), BOXES[name].lines) == {f"-{line}"}


@pytest.mark.parametrize(
    "line",
    ["IPAddressAllow=any", "SystemCallFilter=@mount", "ReadWritePaths=/etc", "User=", "ExecStart=+/bin/true"],
)
def test_a_line_that_opens_the_box_again_is_found(line):
    text = (SYSTEMD / "overheard-device.service").read_text().replace("\n[Install]", f"\n{line}\n\n[Install]")
    assert faults(text, BOXES["overheard-device.service"].lines) == {f"+{line}"}


@needs_systemd
@pytest.mark.parametrize("name", BOXES)
def test_systemd_counts_it_as_hardly_exposed(name, tmp_path):
    code, says = exposure((SYSTEMD / name).read_text(), tmp_path, BOXES[name].limit)
    assert code == 0, says


@needs_systemd
@pytest.mark.parametrize("line", ["PrivateMounts=yes", "RestrictNamespaces=yes", "NoNewPrivileges=yes"])
def test_systemds_count_of_a_box_with_a_hole_is_too_high(line, tmp_path):
    text = (SYSTEMD / "overheard-device.service").read_text()
    code, says = exposure(
        text.replace(f"\n{line}\n", "\n"), tmp_path, BOXES["overheard-device.service"].limit
    )
    assert code != 0, says


@needs_systemd
def test_systemd_would_say_if_something_were_wrong(tmp_path):
    broken = tmp_path / "overheard-broken.service"
    text = (SYSTEMD / "overheard-broker.service").read_text()
    broken.write_text(text.replace("ProtectSystem=", "ProtectSistem="))
    assert "ProtectSistem" in verified(broken, tmp_path).stderr


# -- the speaker's first day -------------------------------------------------------------------------------


def starts(name: str, scratch: Path) -> bool:
    """Whether a unit's conditions hold, were `scratch` the root."""
    assert ANALYZE is not None
    text = (SYSTEMD / f"overheard-{name}.service").read_text()
    conditions = [line for line in lines_of(text, "Unit") if line.startswith("Condition")]
    command = [ANALYZE, "condition", *(re.sub(r"=(\|?!?)/", rf"=\1{scratch}/", line) for line in conditions)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@needs_systemd
@pytest.mark.parametrize(
    ("there", "begin"),
    [
        pytest.param((), {"device"}, id="a broker without certificates"),
        pytest.param(("claim.key",), {"provision"}, id="a new speaker"),
        pytest.param(("tls.pem",), {"device"}, id="any other"),
        pytest.param(
            ("claim.key", "tls.pem"), {"provision", "device"}, id="the power went before the claim did"
        ),
    ],
)
def test_a_new_speaker_asks_first_and_a_claim_that_was_left_is_taken_up_again(there, begin, tmp_path):
    for name in there:
        file = tmp_path / ("etc" if name == "claim.key" else "var/lib") / "overheard" / name
        file.parent.mkdir(parents=True)
        file.touch()
    assert {name for name in ("device", "provision") if starts(name, tmp_path)} == begin


@pytest.mark.parametrize("left", [(), ("tls.pem",)])
def test_a_claim_is_removed_where_there_is_a_certificate_however_the_asking_ended(left, tmp_path):
    for name in ("claim.key", *left):
        (tmp_path / name).touch()
    text = (SYSTEMD / "overheard-provision.service").read_text()
    (line,) = re.findall(r"^ExecStopPost=\+(.*)$", text, re.MULTILINE)
    for folder in ("/var/lib/overheard", "/etc/overheard"):
        line = line.replace(folder, str(tmp_path))
    assert subprocess.run(shlex.split(line), check=False).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(left or ("claim.key",))


def test_no_boot_waits_for_an_approval_and_who_is_refused_does_not_ask_at_once():
    lines = lines_of((SYSTEMD / "overheard-provision.service").read_text())
    assert "Type=exec" in lines
    (pause,) = (int(line[11:]) for line in lines if line.startswith("RestartSec="))
    assert pause >= 600


@needs_systemd
def test_the_speakers_user_is_in_the_groups_of_its_unit(tmp_path):
    """`sudo -u overheard overheard-device doctor` has no more than that."""
    (tmp_path / "etc").mkdir()
    command = ["systemd-sysusers", f"--root={tmp_path}", SYSTEMD / "overheard.sysusers.conf"]
    subprocess.run(command, capture_output=True, check=True)
    there = (line.split(":") for line in (tmp_path / "etc/group").read_text().splitlines())
    unit = lines_of((SYSTEMD / "overheard-device.service").read_text())
    (wanted,) = (line.partition("=")[2] for line in unit if line.startswith("SupplementaryGroups="))
    assert {name for name, _, _, members in there if members == "overheard"} == set(wanted.split())


@needs_mosquitto
def test_what_the_brokers_unit_starts_is_the_broker_of_init(tmp_path):
    home = SecureHome(tmp_path)
    home.write()
    unit = (Path(__file__).parents[1] / "systemd" / "overheard-broker.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    command = shlex.split(line.replace(STORAGE, str(home.config.storage.directory)))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as broker:
        try:
            until(lambda: broker.poll() is not None or accepts(home.port), "nobody listens")
            assert broker.poll() is None, "it ended"
            a = home.caller("ovh-a", home.pair("ovh-a")).let_in()
            a.leave()
            assert (home.files.directory / "mosquitto.pid").read_text().strip() == str(broker.pid)
        finally:
            broker.terminate()
    assert broker.returncode == 0
