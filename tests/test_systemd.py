"""The unit files: systemd's own checker has nothing to say, and what they start does start."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from cloud_stub.loopback import accepts
from tests.secure_home import SecureHome, needs_mosquitto, until

UNITS = sorted((Path(__file__).parents[1] / "systemd").glob("*.service"))
STORAGE = "/var/lib/overheard-cloud"
ANALYZE = shutil.which("systemd-analyze")

needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")


def verified(unit: Path) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, "verify", "--man=no", unit], capture_output=True, text=True, check=False)


@needs_systemd
@needs_mosquitto
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_verifies_the_unit(unit):
    done = verified(unit)
    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, about_it) == (0, [])


@needs_systemd
def test_systemd_would_say_if_something_were_wrong(tmp_path):
    (unit,) = (unit for unit in UNITS if unit.name == "overheard-broker.service")
    broken = tmp_path / unit.name
    broken.write_text(unit.read_text().replace("ProtectSystem=", "ProtectSistem="))
    assert "ProtectSistem" in verified(broken).stderr


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
