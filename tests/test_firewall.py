"""The packet rules: nft takes them, the speaker sees that they are in force, and what they leave open on this
machine. Whom they let through is seen by scripts/prove_units.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_calls import Calls

from tests.unit_boxes import SYSTEMD, lines_of

RULES = SYSTEMD / "overheard.nft"
CALLS = Calls(("192.168.1.5", "fd00::5"), (8883, 8884), ("192.168.1.1", "fd00::1"))
ALONE = ("unshare", "--net", "sh", "-ec")


def why_not() -> str | None:
    """Why no rules can be tried here, in one line; None if they can."""
    missing = [name for name in ("nft", "ip", "unshare") if shutil.which(name) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    tried = subprocess.run([*ALONE, "ip link set lo up"], capture_output=True, check=False)
    return "a network of its own is not given here" if tried.returncode else None


REASON = why_not()
needs_nft = pytest.mark.skipif(REASON is not None, reason=str(REASON))


def in_a_network_of_its_own(script: str) -> subprocess.CompletedProcess[str]:
    command = [*ALONE, f"ip link set lo up\n{script}"]
    root = SYSTEMD.parent
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, timeout=60)


def rules_for(user: int, scratch: Path) -> Path:
    """The rules, for a user that is here."""
    file = scratch / "overheard.nft"
    file.write_text(RULES.read_text().replace('"overheard"', str(user)))
    return file


def test_where_a_program_is_missing_the_rules_are_not_tried(monkeypatch, tmp_path):
    for name in ("nft", "unshare"):
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert why_not() == "not installed: ip"
    (tmp_path / "ip").symlink_to("/bin/true")
    assert why_not() is None
    (tmp_path / "unshare").unlink()
    (tmp_path / "unshare").symlink_to("/bin/false")
    assert why_not() == "a network of its own is not given here"


@needs_nft
def test_nft_takes_the_rules_and_takes_them_again(tmp_path):
    file = rules_for(65534, tmp_path)
    more = tmp_path / "broker.nft"
    more.write_text(CALLS.nft())
    done = in_a_network_of_its_own(f"nft -c -f {file}\nnft -f {file}\nnft -f {file}\nnft -f {more}")
    assert (done.returncode, done.stderr) == (0, "")
    file.write_text(file.read_text().replace("ip daddr . tcp dport", "ip daddr . tcp door"))
    assert in_a_network_of_its_own(f"nft -c -f {file}").returncode != 0


SEES = """
import os
from device.protections import WALLS
os.setuid({user})
print(WALLS["ports"](), WALLS["addresses"]())
"""


@needs_nft
def test_the_speaker_sees_that_its_rules_are_in_force_and_nobody_else_is_meant(tmp_path):
    file = rules_for(65534, tmp_path)
    asks = {user: f"{sys.executable} -c '{SEES.format(user=user)}'" for user in (65534, 65533)}
    done = in_a_network_of_its_own(f"{asks[65534]}\nnft -f {file}\n{asks[65534]}\n{asks[65533]}")
    assert done.stdout.splitlines() == ["False False", "True False", "False False"], done.stderr


# -- on this machine ---------------------------------------------------------------------------------------

CALLS_ITSELF = """
import os, socket
listening = [socket.create_server(("127.0.0.1", port)) for port in (53, 3128, 8883, 0)]
resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
resolver.bind(("127.0.0.53", 53))
os.setuid(65534)
def reached(kind, address):
    with socket.socket(socket.AF_INET, kind) as calling:
        try:
            calling.connect(address)
            calling.send(b"?")
        except OSError:
            return False
    return True
print(*[reached(socket.SOCK_STREAM, one.getsockname()) for one in listening])
print(reached(socket.SOCK_DGRAM, ("127.0.0.53", 53)))
"""


@needs_nft
@pytest.mark.parametrize(
    ("names", "asked"),
    [pytest.param((), "False", id="address"), pytest.param(("127.0.0.53",), "True", id="name")],
)
def test_on_this_machine_it_reaches_its_broker_and_itself_and_no_resolver_that_it_does_not_need(
    names, asked, tmp_path
):
    file, more = rules_for(65534, tmp_path), tmp_path / "broker.nft"
    more.write_text(Calls(("127.0.0.1",), (8883,), names).nft())
    calls_itself = tmp_path / "calls.py"
    calls_itself.write_text(CALLS_ITSELF)
    asks = f"{sys.executable} {calls_itself}"
    done = in_a_network_of_its_own(f"{asks}\nnft -f {file}\nnft -f {more}\n{asks}")
    assert done.stdout.splitlines() == ["True True True True", "True", "False False True True", asked], (
        done.stderr
    )


def test_whoever_flushes_all_rules_brings_these_back():
    lines = lines_of((SYSTEMD / "overheard-firewall.service").read_text(), "Unit")
    assert {"PartOf=nftables.service", "ReloadPropagatedFrom=nftables.service"} <= set(lines)
    after = {name for line in lines if line.startswith("After=") for name in line[6:].split()}
    assert {"nftables.service", "ufw.service", "firewalld.service"} <= after
