"""scripts/install goes back when a release does not become ready, and finishes what was interrupted: with the
twin of the services. What systemd itself does is tried by scripts/prove_install.
"""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_place import InstallError, NoAddressError, NotReadyError

from tests.installed_twin import KNOWN, ROOT, SETTINGS, TwinHome, a_home

HALFWAY = ["enable", "reload", "restart overheard-firewall", "restart overheard-device"]
"""Where an installer may end, after `current` has moved."""


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    return a_home(tmp_path)


def test_a_release_that_becomes_ready_stays(home):
    home.install("1.0.0")
    home.install("2.0.0")
    assert (home.runs, home.before) == ("2.0.0", "1.0.0")
    assert "overheard-calls.timer" in home.services.enabled
    told = home.services.told[:]
    home.install("2.0.0")
    assert home.services.told[len(told) :] == ["enable", "reload"], "nothing is begun anew"


def test_a_release_that_does_not_become_ready_is_taken_back(home):
    for version in ("0.9.0", "1.0.0"):
        home.install(version)
    home.services.broken = {"2.0.0"}
    with pytest.raises(InstallError, match=r"broken; went back to 1\.0\.0-.*, which is ready") as refused:
        home.install("2.0.0")
    assert refused.value.exit_code == 1
    assert (home.runs, home.before, home.there) == ("1.0.0", "0.9.0", {"0.9.0", "1.0.0"})
    home.services.broken = set()
    home.install("2.0.0")
    assert home.runs == "2.0.0"


def test_a_release_is_not_its_own_way_back(home):
    home.install("1.0.0")
    home.services.broken = {"2.0.0"}
    with pytest.raises(InstallError, match=r"went back to 1\.0\.0-"):
        home.install("2.0.0")
    with pytest.raises(InstallError, match="no release before this one is there; nothing was changed"):
        home.rollback()
    assert home.runs == "1.0.0"


def test_where_the_release_before_does_not_run_either_both_are_said(home):
    home.install("1.0.0")
    home.services.broken = {"1.0.0", "2.0.0"}
    with pytest.raises(InstallError, match=r"broken; went back to 1\.0\.0-.*, and .* is not ready"):
        home.install("2.0.0")
    assert (home.now, home.there) == ("1.0.0", {"1.0.0"})


def test_a_first_release_that_is_not_ready_stays_to_be_looked_at(home):
    home.services.broken = {"1.0.0"}
    with pytest.raises(NotReadyError, match="sudo -u overheard overheard-device doctor") as refused:
        home.install("1.0.0")
    assert (refused.value.exit_code, home.now) == (3, "1.0.0")
    home.services.broken = set()
    home.install("1.0.0")
    assert home.runs == "1.0.0"


def test_one_that_never_was_ready_is_nothing_to_go_back_to(home):
    home.services.broken = {"1.0.0", "2.0.0"}
    for version in ("1.0.0", "2.0.0"):
        with pytest.raises(NotReadyError):
            home.install(version)
    assert home.now == "2.0.0"


@pytest.mark.parametrize("halfway", HALFWAY)
def test_what_was_interrupted_is_finished_by_the_next_run(home, halfway):
    home.install("1.0.0")
    home.services.stop_at = halfway
    with pytest.raises(KeyboardInterrupt):
        home.install("2.0.0")
    assert (home.now, home.there) == ("2.0.0", {"1.0.0", "2.0.0"}), "the way back is there"
    home.install("2.0.0")
    assert (home.runs, home.before) == ("2.0.0", "1.0.0")
    home.rollback()
    assert (home.runs, home.before) == ("1.0.0", "2.0.0")


@pytest.mark.parametrize("version", ["2.0.0", "3.0.0"], ids=["the same", "another"])
@pytest.mark.parametrize("halfway", HALFWAY)
def test_after_an_interruption_the_release_that_ran_is_still_the_one_to_go_back_to(home, halfway, version):
    home.install("1.0.0")
    home.services.stop_at = halfway
    home.services.broken = {"2.0.0", "3.0.0"}
    with pytest.raises(KeyboardInterrupt):
        home.install("2.0.0")
    with pytest.raises(InstallError, match=r"went back to 1\.0\.0-.*, which is ready"):
        home.install(version)
    assert (home.runs, home.there) == ("1.0.0", {"1.0.0"})


@pytest.mark.parametrize("halfway", HALFWAY)
def test_after_an_interruption_the_release_that_ran_can_be_chosen(home, halfway):
    home.install("1.0.0")
    home.services.stop_at = halfway
    with pytest.raises(KeyboardInterrupt):
        home.install("2.0.0")
    home.install("1.0.0")
    assert (home.runs, home.there) == ("1.0.0", {"1.0.0"})


@pytest.mark.parametrize("halfway", HALFWAY)
def test_a_way_back_that_was_interrupted_is_finished(home, halfway):
    for version in ("1.0.0", "2.0.0"):
        home.install(version)
    home.services.stop_at = halfway
    with pytest.raises(KeyboardInterrupt):
        home.rollback()
    home.install("1.0.0")
    assert (home.runs, home.before) == ("1.0.0", "2.0.0")


def test_a_way_back_that_does_not_become_ready_is_no_way(home):
    for version in ("1.0.0", "2.0.0"):
        home.install(version)
    home.services.broken = {"1.0.0"}
    with pytest.raises(InstallError, match=r"went back to 2\.0\.0-"):
        home.rollback()
    assert (home.runs, home.before) == ("2.0.0", "1.0.0")


@pytest.mark.parametrize(
    ("act", "mistake"),
    [
        pytest.param("install", "[uplink\n", id="no TOML"),
        pytest.param("install", "[uplink]\n", id="a table twice"),
        pytest.param("install", 'board = "x"\n', id="no table"),
        pytest.param("install", '[provision]\nport = "mqtt"\n', id="no port"),
        pytest.param("rollback", "[uplink\n", id="no TOML, on the way back"),
    ],
)
def test_settings_that_make_no_sense_are_found_before_anything_moves(home, act, mistake):
    for version in ("0.9.0", "1.0.0"):
        home.install(version)
    good = home.at(SETTINGS).read_text()
    home.at(SETTINGS).write_text(mistake + good if mistake[0] != "[" else good + mistake)
    with pytest.raises(InstallError, match=r"/etc/overheard/speaker\.toml: ") as refused:
        home.install("2.0.0") if act == "install" else home.rollback()
    assert "\n" not in str(refused.value)
    assert (home.runs, home.before) == ("1.0.0", "0.9.0")
    home.at(SETTINGS).write_text(good)
    home.install("2.0.0")
    home.rollback()
    assert home.runs == "1.0.0"


def test_what_was_installed_and_not_started_is_started_by_the_next_run(home):
    home.install("1.0.0")
    home.install("2.0.0", "--no-start")
    assert home.services.running["overheard-device"].startswith("1.0.0")
    home.install("2.0.0")
    assert (home.runs, home.before) == ("2.0.0", "1.0.0")


def test_a_broker_whose_name_has_no_address_is_another_ending(home):
    home.at(SETTINGS).write_text('[uplink]\nhost = "no..name"\n' + KNOWN)
    with pytest.raises(NoAddressError, match=r"the broker no\.\.name: ") as refused:
        home.install("1.0.0")
    assert (refused.value.exit_code, home.runs) == (4, "1.0.0")


def test_the_command_ends_with_that_number(home):
    home.at(SETTINGS).write_text('[uplink]\nhost = "no..name"\n' + KNOWN)
    release = home.release("1.0.0")
    (release / "scripts").mkdir()
    for path in [ROOT / "scripts" / "install", *(ROOT / "scripts").glob("install_*.py")]:
        (release / "scripts" / path.name).write_bytes(path.read_bytes())
    command = [sys.executable, release / "scripts" / "install", "--root", home.root, "--offline"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done.stdout + done.stderr


def test_what_is_plugged_in_follows_new_rules_at_once(home):
    home.install("1.0.0")
    assert home.services.told.count("plugged") == 1
    home.install("2.0.0")
    assert home.services.told.count("plugged") == 1, "the same rules"


def test_two_installers_do_not_work_at_once(home):
    with home.place.alone(), pytest.raises(InstallError, match="another installer is at work") as refused:
        home.install("1.0.0")
    assert "\n" not in str(refused.value)
    home.install("1.0.0")
    home.install("2.0.0")
    with home.place.alone(), pytest.raises(InstallError, match="another installer"):
        home.rollback()
    assert home.runs == "2.0.0"
