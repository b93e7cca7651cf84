"""What scripts/install asks of a machine and does to it: users, packages, pip, owners, systemd and udev. The
programs of the system are small scripts here, where they would change this machine.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import install_files as files
import install_release as releases
from install_machine import APT, LISTS, PINS, TO_BUILD, see_to_packages
from install_pip import Pip
from install_place import InstallError, Owner, Place, belong
from install_service import Systemd

from tests.installed_twin import ROOT, a_home

NOBODY = 65534


def program(folder: Path, name: str, text: str) -> None:
    """A program of the system, which says in `told` that it was called."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {folder}/told\n{text}\n')
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found before the system's."""
    folder = tmp_path / "programs"
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def told(programs: Path) -> list[str]:
    return (programs / "told").read_text().splitlines()


# -- users -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["overheard", "overheard-cloud"])
def test_a_person_who_has_our_users_name_is_not_made_the_speaker(tmp_path, user):
    home = a_home(tmp_path)
    home.at("/etc/passwd").write_text(f"root:x:0:0::/root:/bin/bash\n{user}:x:1000:1000::/home/x:/bin/bash\n")
    with pytest.raises(InstallError, match=f"the user {user}: a person's, number 1000") as refused:
        home.install("1.0.0", "--cloud") if user == "overheard-cloud" else home.install("1.0.0")
    assert "\n" not in str(refused.value)
    assert home.services.told == []
    home.at("/etc/passwd").write_text(f"{user}:x:997:997::/var/lib/{user}:/usr/sbin/nologin\n")
    files.require_own_users(home.place, ["speaker", "cloud"])


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming nobody takes root")
@pytest.mark.parametrize("word", ["--rollback", "--uninstall"])
def test_who_is_not_root_is_told_so(word):
    command = [
        "setpriv",
        f"--reuid={NOBODY}",
        "--clear-groups",
        sys.executable,
        ROOT / "scripts/install",
        word,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "scripts/install: not root; run: sudo scripts/install\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_a_file_whose_owner_has_no_name_gets_its_owner(tmp_path):
    file = tmp_path / "file"
    file.touch(0o644)
    os.chown(file, 54321, 54321)
    assert belong(file, Owner(), named=True)
    assert (file.stat().st_uid, file.stat().st_gid) == (0, 0)
    assert not belong(file, Owner(), named=True)


# -- packages ----------------------------------------------------------------------------------------------


def archive(programs: Path, there: set[str], known: set[str], refreshed: set[str]) -> None:
    """A system with these packages, an apt that knows of those, and of more once it was told to look."""
    program(
        programs, "dpkg-query", f'case " {" ".join(there)} " in *" $3 "*) echo install ok installed;; esac'
    )
    lists = programs / "lists"
    lists.write_text(" ".join(known))
    knows = (
        f'case " $(cat {lists}) " in *" $2 "*) echo "  Candidate: 1";; *) echo "  Candidate: (none)";; esac'
    )
    program(programs, "apt-cache", knows)
    program(programs, "apt-get", f'[ "$3" != update ] || echo "{" ".join(refreshed)}" > {lists}')


SPEAKER = {*APT["any"], *APT["speaker"], *TO_BUILD}


def test_on_a_new_system_apt_looks_before_it_is_asked_what_there_is(programs, tmp_path):
    archive(programs, there=SPEAKER, known=set(), refreshed=set(PINS))
    assert see_to_packages(Place(tmp_path), ["speaker"], build=True) == PINS
    assert [line for line in told(programs) if line.startswith("apt-get")] == [
        "apt-get --quiet --quiet update",
        f"apt-get --quiet --quiet install --yes --no-install-recommends {' '.join(PINS)}",
    ]


def test_where_apt_has_looked_it_does_not_look_again_for_what_its_archive_lacks(programs, tmp_path):
    place = Place(tmp_path / "root")
    place.write(f"{LISTS}/deb.example_dists_Packages", b"")
    archive(programs, there=SPEAKER, known=set(), refreshed=set())
    assert see_to_packages(place, ["speaker"], build=True) == []
    assert not [line for line in told(programs) if line.startswith("apt-get")]


def test_what_is_missing_comes_at_once_and_nothing_else(programs, tmp_path):
    archive(programs, there=SPEAKER - {"gcc"}, known=set(), refreshed={PINS[0]})
    assert see_to_packages(Place(tmp_path), ["speaker"], build=True) == ["gcc", PINS[0]]


# -- pip ---------------------------------------------------------------------------------------------------


BUILDER = """\
import zipfile
def build_wheel(to, *_):
    with zipfile.ZipFile(f"{to}/pyaudio-1-py3-none-any.whl", "w") as file:
        for name, text in {
            "built_by.py": "version = %r",
            "pyaudio-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: pyaudio\\nVersion: 1\\n",
            "pyaudio-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
            "pyaudio-1.dist-info/RECORD": "",
        }.items():
            file.writestr(name, text)
    return "pyaudio-1-py3-none-any.whl"
"""


def builder(folder: Path, version: str) -> None:
    """A wheel of what builds the other package; it writes its own version into it."""
    info = f"tiny_builder-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tiny_builder-{version}-py3-none-any.whl", "w") as file:
        file.writestr("tiny_builder.py", BUILDER % version)
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-builder\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


def test_what_builds_pyaudio_is_pinned_too(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for version in ("1.0", "2.0"):
        builder(wheels, version)
    source = tmp_path / "pyaudio-1"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["tiny-builder"]\nbuild-backend = "tiny_builder"\n'
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: pyaudio\nVersion: 1\n")
    with tarfile.open(wheels / "pyaudio-1.tar.gz", "w:gz") as tar:
        tar.add(source, source.name)
    pins = tmp_path / "constraints.txt"
    pins.write_text("tiny-builder==1.0\n")
    releases._environment(tmp_path / "venv", speaks=False)
    Pip(tmp_path / "venv/bin/python", wheels, offline=True).install("pyaudio", pins)
    (built,) = (tmp_path / "venv").glob("lib/python3*/site-packages/built_by.py")
    assert built.read_text() == "version = '1.0'"


@pytest.mark.parametrize(("given", "used"), [(None, "/var/tmp"), ("/srv/room", "/srv/room")])
def test_pip_does_not_unpack_in_memory(tmp_path, monkeypatch, given, used):
    monkeypatch.delenv("TMPDIR", raising=False)
    if given:
        monkeypatch.setenv("TMPDIR", given)
    program(tmp_path, "python", f'echo "$TMPDIR" > {tmp_path}/room')
    Pip(tmp_path / "python").install("anything", tmp_path / "constraints.txt")
    assert (tmp_path / "room").read_text() == f"{used}\n"


@pytest.mark.parametrize("speaks", [True, False])
def test_what_a_speaker_sees_of_the_system_does_not_depend_on_the_day(tmp_path, speaks):
    releases._environment(tmp_path / "venv", speaks=speaks)
    said = (tmp_path / "venv" / "pyvenv.cfg").read_text()
    assert f"include-system-site-packages = {str(speaks).lower()}" in said


# -- releases ----------------------------------------------------------------------------------------------


def test_a_profile_that_is_none_is_refused_before_anything_is_written(tmp_path):
    place, mine = Place(tmp_path / "root"), tmp_path / "mine.toml"
    profiles = place.at("/opt/overheard/releases/one/lib/python3.11/site-packages/hardware/profiles")
    profiles.mkdir(parents=True)
    for name in ("generic-usb", "respeaker-xvf3800"):
        (profiles / f"{name}.toml").touch()
    with pytest.raises(InstallError, match="nonsense: there is none; say one of generic-usb, respeaker-xvf"):
        releases.require_profile(place, "one", "nonsense")
    with pytest.raises(InstallError, match="there is none"):
        releases.require_profile(place, "one", str(mine))
    mine.touch()
    for profile in (None, "generic-usb", str(mine)):
        releases.require_profile(place, "one", profile)


def test_a_nonsense_profile_costs_nothing(tmp_path):
    home = a_home(tmp_path)
    with pytest.raises(InstallError, match="--profile nonsense: there is none"):
        home.install("1.0.0", "--profile", "nonsense")
    assert home.services.told == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("chattr"), reason="a file that stays takes root")
def test_what_is_half_removed_does_not_pass_for_a_release(tmp_path):
    home = a_home(tmp_path)
    for version in ("1.0.0", "2.0.0"):
        home.install(version)
    (old,) = home.at("/opt/overheard/releases").glob("1.0.0-*")
    stays = old / "source" / "RELEASE"
    if subprocess.run(["chattr", "+i", stays], capture_output=True, check=False).returncode:
        pytest.skip("this file system lets every file be removed")
    try:
        with pytest.raises(PermissionError):
            home.install("3.0.0")
        assert not releases.is_there(home.place, old.name)
    finally:
        subprocess.run(["chattr", "-i", stays], check=True)


# -- removal -----------------------------------------------------------------------------------------------


def test_removal_stops_what_was_started_and_keeps_what_is_the_owners(tmp_path):
    home = a_home(tmp_path)
    home.install("1.0.0")
    own = [home.at(f"/etc/credstore/{name}") for name in ("overheard.identity.key", "overheard.reply.key")]
    other = home.at("/etc/credstore/other.key")
    other.parent.mkdir(parents=True)
    for path in (*own, other):
        path.write_text("a key")
    home.uninstall()
    assert home.services.enabled == set()
    assert not home.at("/opt/overheard").exists()
    assert all(path.exists() for path in own), "keys that were made elsewhere"
    home.uninstall("--purge", "--yes")
    assert [path.name for path in other.parent.iterdir()] == ["other.key"]
    assert not home.at("/etc/overheard").exists()


def test_nothing_is_removed_under_another_installer(tmp_path):
    home = a_home(tmp_path)
    home.install("1.0.0")
    with home.place.alone(), pytest.raises(InstallError, match="another installer"):
        home.uninstall()
    assert home.runs == "1.0.0"


# -- systemd and udev --------------------------------------------------------------------------------------


def test_new_rules_are_followed_for_what_is_plugged_in_already(programs):
    program(programs, "udevadm", "")
    Systemd().plugged()
    assert told(programs) == [
        "udevadm control --reload",
        "udevadm trigger --action=change --subsystem-match=usb",
    ]


def test_a_service_that_takes_too_long_to_start_is_not_waited_for_for_ever(programs):
    program(programs, "systemctl", '[ "$1" != is-active ] || echo activating')
    program(programs, "journalctl", "echo its last words")
    said = Systemd().restart(["overheard-device", "overheard-cloud"], within_s=0.0)
    assert said == "overheard-device is not ready: its last words"
    assert not any("cloud" in line for line in told(programs))


def test_a_service_that_is_ready_is_started_once(programs):
    program(programs, "systemctl", '[ "$1" != is-active ] || echo active')
    assert Systemd().restart(["overheard-device"], within_s=9.0) == ""
    assert [line for line in told(programs) if " restart " in line] == ["systemctl restart overheard-device"]
