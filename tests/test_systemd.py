"""The unit files: systemd's own checkers have nothing to say, no line of a box is missing, and what they
start does start. That the boxes hold is seen by scripts/prove_units, which boots them.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_calls import Calls

from cloud_stub.loopback import accepts
from tests.secure_home import SecureHome, needs_mosquitto, until

SYSTEMD = Path(__file__).parents[1] / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
STORAGE = "/var/lib/overheard-cloud"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


_BOTH = """
IPAddressDeny=any
IPAddressAllow=localhost
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
DevicePolicy=closed
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
LimitCORE=0
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
StateDirectoryMode=0700
UMask=0077
"""
BOX = _BOTH.strip().splitlines()
"""Lines of both boxes."""

DEVICE = [
    *BOX,
    "User=overheard",
    "Group=overheard",
    "SupplementaryGroups=audio gpio spi",
    "RestrictAddressFamilies=AF_NETLINK",
    "DeviceAllow=char-alsa rw",
    "DeviceAllow=char-gpiochip rw",
    "DeviceAllow=char-spi rw",
    "DeviceAllow=char-usb_device rw",
    "RuntimeDirectoryMode=0700",
    "MemoryMax=512M",
    "LimitDATA=768M",
    "TasksMax=64",
]
CLOUD = [
    *BOX,
    "User=overheard-cloud",
    "Group=overheard-cloud",
    "PrivateDevices=yes",
    "PrivateUsers=yes",
    "ProcSubset=pid",
    "MemoryMax=2G",
    "TasksMax=256",
]
BOXES = {"overheard-device.service": (DEVICE, 1.4), "overheard-cloud.service": (CLOUD, 2.0)}
"""What a unit's box is made of, and how exposed it may be by systemd's own count (0 to 10)."""

OUTSIDE = {
    "Type", "NotifyAccess", "ExecStart", "WatchdogSec", "TimeoutStartSec", "TimeoutStopSec", "Restart",
    "RestartSec", "RestartPreventExitStatus", "LoadCredential", "StateDirectory", "RuntimeDirectory",
    "WorkingDirectory", "Environment",
}  # fmt: skip
"""Keys of [Service] that no wall is made of."""

EVERY_LINE = [(name, line) for name, (box, _) in BOXES.items() for line in box]


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


def service_lines(text: str) -> list[str]:
    section = text.partition("[Service]\n")[2].partition("\n[")[0]
    return [line for line in section.splitlines() if line and not line.startswith("#")]


def faults(text: str, box: list[str]) -> set[str]:
    """Lines that the box lacks, and lines that are no part of it but might open it."""
    lines = service_lines(text)
    opening = {line for line in lines if line not in box and line.partition("=")[0] not in OUTSIDE}
    return {f"-{line}" for line in box if line not in lines} | {f"+{line}" for line in opening}


def exposure(text: str, scratch: Path, limit: float) -> tuple[int, str]:
    """The exit code of systemd's own count against a limit, and what it says last."""
    assert ANALYZE is not None
    unit = scratch / "overheard-counted.service"
    unit.write_text(text)
    command = [ANALYZE, "security", "--offline=true", f"--threshold={round(limit * 10)}", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("name", BOXES)
def test_the_box_is_whole(name):
    assert faults((SYSTEMD / name).read_text(), BOXES[name][0]) == set()


@pytest.mark.parametrize(("name", "line"), EVERY_LINE)
def test_a_box_without_one_of_its_lines_is_found(name, line):
    text = (SYSTEMD / name).read_text()
    assert text.count(f"\n{line}\n") == 1
    assert faults(text.replace(f"\n{line}\n", "\n"), BOXES[name][0]) == {f"-{line}"}


@pytest.mark.parametrize(
    "line", ["IPAddressAllow=any", "SystemCallFilter=@mount", "ReadWritePaths=/etc", "User="]
)
def test_a_line_that_opens_the_box_again_is_found(line):
    text = (SYSTEMD / "overheard-device.service").read_text().replace("\n[Install]", f"\n{line}\n\n[Install]")
    assert faults(text, DEVICE) == {f"+{line}"}


@needs_systemd
@pytest.mark.parametrize("name", BOXES)
def test_systemd_counts_it_as_hardly_exposed(name, tmp_path):
    code, says = exposure((SYSTEMD / name).read_text(), tmp_path, BOXES[name][1])
    assert code == 0, says


@needs_systemd
@pytest.mark.parametrize("line", ["PrivateMounts=yes", "RestrictNamespaces=yes", "NoNewPrivileges=yes"])
def test_systemds_count_of_a_box_with_a_hole_is_too_high(line, tmp_path):
    text = (SYSTEMD / "overheard-device.service").read_text()
    code, says = exposure(text.replace(f"\n{line}\n", "\n"), tmp_path, BOXES["overheard-device.service"][1])
    assert code != 0, says


# -- the firewall ------------------------------------------------------------------------------------------

needs_nft = pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("nft") or not shutil.which("unshare"),
    reason="nftables and a network of its own take root, nft and unshare",
)
RULES = SYSTEMD / "overheard.nft"
CALLS = Calls(("192.168.1.5", "fd00::5"), (8883, 8884), ("192.168.1.1", "fd00::1"))
ELSEWHERE = """
import os
from device.protections import WALLS
os.setuid({user})
print(WALLS["ports"](), WALLS["addresses"]())
"""


def in_a_network_of_its_own(script: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "--net", "sh", "-ec", f"ip link set lo up\n{script}"]
    root = RULES.parents[1]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, timeout=60)


def rules_for(user: int, scratch: Path) -> Path:
    """The rules, for a user that is here."""
    file = scratch / "overheard.nft"
    file.write_text(RULES.read_text().replace('"overheard"', str(user)))
    return file


@needs_nft
def test_nft_takes_the_rules_and_takes_them_again(tmp_path):
    file = rules_for(65534, tmp_path)
    more = tmp_path / "broker.nft"
    more.write_text(CALLS.nft())
    done = in_a_network_of_its_own(f"nft -c -f {file}\nnft -f {file}\nnft -f {file}\nnft -f {more}")
    assert (done.returncode, done.stderr) == (0, "")
    file.write_text(file.read_text().replace("ip daddr . tcp dport", "ip daddr . tcp door"))
    assert in_a_network_of_its_own(f"nft -c -f {file}").returncode != 0


@needs_nft
def test_the_speaker_sees_that_its_rules_are_in_force_and_nobody_else_is_meant(tmp_path):
    file = rules_for(65534, tmp_path)
    asks = {user: f"{sys.executable} -c '{ELSEWHERE.format(user=user)}'" for user in (65534, 65533)}
    done = in_a_network_of_its_own(f"{asks[65534]}\nnft -f {file}\n{asks[65534]}\n{asks[65533]}")
    assert done.stdout.splitlines() == ["False False", "True False", "False False"], done.stderr


@needs_systemd
def test_systemd_would_say_if_something_were_wrong(tmp_path):
    broken = tmp_path / "overheard-broken.service"
    text = (SYSTEMD / "overheard-broker.service").read_text()
    broken.write_text(text.replace("ProtectSystem=", "ProtectSistem="))
    assert "ProtectSistem" in verified(broken, tmp_path).stderr


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
