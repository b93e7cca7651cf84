"""What CI installs is what the tests want, and a test that is skipped for want of it has failed there."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.conftest import INSTALLED

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]
SKIPPED = """
import pytest

@pytest.mark.skipif(True, reason="{why}")
def test_by_a_mark():
    pass

def test_from_within():
    pytest.skip("{why}")
"""


def outcomes(pytester, why):
    pytester.makeconftest("from tests.conftest import pytest_runtest_makereport")
    pytester.makepyfile(SKIPPED.format(why=why))
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist").parseoutcomes()


def test_where_all_is_installed_what_is_skipped_for_want_of_it_has_failed(pytester, monkeypatch):
    why = "ALSA: no PyAudio in this environment"
    monkeypatch.delenv("OVERHEARD_ALL_INSTALLED", raising=False)
    assert outcomes(pytester, why) == {"skipped": 2}
    monkeypatch.setenv("OVERHEARD_ALL_INSTALLED", "1")
    assert outcomes(pytester, why) == {"failed": 1, "errors": 1}
    assert outcomes(pytester, "the recordings are not here") == {"skipped": 2}


GROUPED = """
import os
import pathlib
import pytest

pytestmark = pytest.mark.xdist_group("one")

@pytest.mark.parametrize("number", range(8))
def test_which(number):
    pathlib.Path(f"{os.environ['PYTEST_XDIST_WORKER']}.ran").touch()
"""


def test_what_shares_an_expensive_fixture_is_run_by_one_worker(pytester):
    """pytest 9.2 undid that: pytest-xdist 3.8 knows its nodes by a name that they no longer have."""
    pytester.makepyfile(GROUPED)
    pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup").assert_outcomes(passed=8)
    assert len(list(pytester.path.glob("*.ran"))) == 1


def texts_of_tests():
    return [
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)
    ]


@pytest.mark.parametrize("beginning", INSTALLED)
def test_each_of_these_skips_is_one_of_ours(beginning):
    """One that nobody says any more would guard nothing."""
    said = re.compile(rf"(return f?|reason=|skip\(){re.escape(chr(34) + beginning)}")
    assert any(said.search(text) for text in texts_of_tests())


PACKAGES = {
    "chattr": "e2fsprogs", "chromium": "chromium", "espeak-ng": "espeak-ng", "gcc": "gcc", "ip": "iproute2",
    "mosquitto": "mosquitto", "nft": "nftables", "postgres": "postgresql", "systemd-analyze": "systemd",
    "setpriv": "util-linux", "unshare": "util-linux", "venv": "python3-venv",
    "asoundlib.h": "libasound2-dev", "portaudio.h": "portaudio19-dev", "libusb": "libusb-1.0-0",
}  # fmt: skip
"""What the tests look for on a machine, and Debian's package that has it."""

ELSEWHERE = {"chromium-browser", "google-chrome", "cloud-init", "netplan", "tshark"}
"""Other names of the same; what would set this machine up anew at its next boot; and a second opinion."""


def test_ci_installs_all_that_the_tests_look_for():
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    wanted = " ".join(re.findall(r"wanted\+?=\((.*)\)", run)).split()
    assert set(PACKAGES.values()) <= set(wanted), "see .ci/run"
    looked_for = {name for text in texts_of_tests() for name in re.findall(r'which\(\s*"([^"]+)"', text)}
    assert looked_for - ELSEWHERE <= set(PACKAGES), "which package has it? Then it goes into .ci/run"


def test_ruff_looks_at_every_script_in_python():
    looked_at = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix]
    python = {f"scripts/{path.name}" for path in scripts if "python" in path.read_text().partition("\n")[0]}
    assert python == set(looked_at["extend-include"])
