"""What scripts/install decides by itself: which machine will do, whom a speaker may call, its settings."""

import argparse
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_calls import calls
from install_machine import ROOM_BYTES, Machine, wanted
from install_options import parse
from install_pip import Pip
from install_place import InstallError, Owner, Place
from install_settings import pin, write_speaker
from install_steps import update

from tests.new_speaker import for_a_new_speaker

PI = Machine(bits=64, kind="aarch64", python=(3, 13), is_root=True, free_bytes=ROOM_BYTES)
NAME = "0xC0A80105"
"""No address to Python, and a name whose address the system finds by itself, without asking anybody."""
GIVEN = {
    "profile": "generic-usb", "join": None, "broker": None, "ca": None, "claim": None, "claim_key": None,
    "cloud_root": None,
}  # fmt: skip


def one_line(refused: pytest.ExceptionInfo[InstallError]) -> str:
    line = str(refused.value)
    assert "\n" not in line
    assert ": " in line
    return line


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (PI._replace(bits=32), "64-bit"),
        (PI._replace(kind="armv7l"), "64-bit"),
        (PI._replace(python=(3, 9)), "older than 3.11"),
        (PI._replace(is_root=False), "sudo"),
    ],
    ids=["32-bit Python on a 64-bit kernel", "32-bit kernel", "old Python", "no root"],
)
def test_a_machine_that_will_not_do_is_told_why(machine, said):
    PI.check()
    with pytest.raises(InstallError, match=said) as refused:
        machine.check()
    one_line(refused)


def test_room_is_asked_for_where_a_release_is_made_and_not_before():
    PI.check_room()
    full = PI._replace(free_bytes=ROOM_BYTES - 1)
    full.check()
    with pytest.raises(InstallError, match="make room") as refused:
        full.check_room()
    one_line(refused)


def test_this_machine_is_what_it_is(tmp_path):
    mine = Machine.this(Place(tmp_path))
    assert mine.python == sys.version_info[:2]
    assert mine.bits == (64 if sys.maxsize > 2**32 else 32)
    assert mine.is_root, "in a folder nothing needs root"


def test_a_cloud_needs_a_broker_and_no_compiler():
    assert {"mosquitto", "espeak-ng"} <= set(wanted(["cloud"], build=True)), "answers are spoken"
    assert "gcc" not in wanted(["cloud"], build=True)
    assert "gcc" in wanted(["speaker"], build=True)
    assert "gcc" not in wanted(["speaker"], build=False), "PyAudio came as a wheel"


def test_a_broker_with_an_address_needs_no_name_server():
    found = calls(
        {"uplink": {"host": "192.168.1.5", "port": 8883}, "provision": {}}, "nameserver 192.168.1.1\n"
    )
    assert found.drop_in().splitlines()[2:] == ["IPAddressAllow=192.168.1.5"]
    assert found.nft().splitlines()[1:] == [
        "add element inet overheard broker4 { 192.168.1.5 . 8883, 192.168.1.5 . 8884 }"
    ]


def test_a_broker_with_a_name_needs_one_and_both_kinds_of_addresses_are_kept_apart():
    resolv_conf = "# by hand\nnameserver 192.168.1.1\nnameserver fe80::1%eth0\nnameserver 127.0.0.53\n"
    found = calls({"uplink": {"host": NAME, "port": 8883}}, resolv_conf)
    assert found.brokers == ("192.168.1.5",)
    assert found.names == ("192.168.1.1", "fe80::1", "127.0.0.53"), "one of this machine needs leave, too"
    assert "add element inet overheard names4 { 192.168.1.1, 127.0.0.53 }" in found.nft()
    assert "add element inet overheard names6 { fe80::1 }" in found.nft()
    for line in found.nft().splitlines():
        assert not ("4 {" in line and "::" in line), line


def test_a_name_without_an_address_lets_nobody_be_called():
    found = calls({"uplink": {"host": "no-such-name.invalid"}}, "")
    assert found.brokers == ()
    assert "IPAddressAllow" not in found.drop_in()
    assert "element" not in found.nft()


def test_each_part_can_be_said_by_itself(tmp_path):
    from device.config import load

    folder = for_a_new_speaker(tmp_path)
    given = {**GIVEN, "broker": "[fd00::5]:8883", "cloud_root": "cloud+12345678+AAAA"}
    for option, name in (("ca", "ca.crt"), ("claim", "claim.crt"), ("claim_key", "claim.key")):
        given[option] = folder / name
    place = Place(tmp_path / "root")
    write_speaker(place, argparse.Namespace(**given))
    settings = load(place.at("/etc/overheard/speaker.toml"))
    assert (settings.uplink.host, settings.uplink.port) == ("fd00::5", 8883)
    assert settings.cloud.root == "cloud+12345678+AAAA"
    assert Path(settings.uplink.ca).read_bytes() == (folder / "ca.crt").read_bytes()


@pytest.mark.parametrize("broker", ["192.168.1.5", "host:", "host:0", "host:65536", "host:mqtt"])
def test_half_a_broker_is_refused(tmp_path, broker):
    with pytest.raises(InstallError, match="not HOST:PORT") as refused:
        write_speaker(Place(tmp_path), argparse.Namespace(**{**GIVEN, "broker": broker}))
    one_line(refused)
    assert not (tmp_path / "etc" / "overheard" / "speaker.toml").exists()


def test_half_a_folder_of_the_cloud_is_refused(tmp_path):
    (tmp_path / "speaker.toml").write_text("")
    with pytest.raises(InstallError, match="for-a-new-speaker") as refused:
        write_speaker(Place(tmp_path / "root"), argparse.Namespace(**{**GIVEN, "join": tmp_path}))
    one_line(refused)


@pytest.mark.parametrize(
    ("asked", "left"),
    [("respeaker-xvf3800", 0), (None, 0), ("generic-usb", 1)],
    ids=["same", "none", "other"],
)
def test_settings_that_are_there_stay_and_another_profile_is_not_swallowed(tmp_path, capsys, asked, left):
    place, mine = Place(tmp_path), b'[board]\nprofile = "respeaker-xvf3800"\n'
    place.write("/etc/overheard/speaker.toml", mine, Owner(mode=0o600))
    write_speaker(place, argparse.Namespace(**GIVEN | {"profile": asked}))
    assert place.at("/etc/overheard/speaker.toml").read_bytes() == mine
    assert place.left == left
    said = capsys.readouterr().out
    assert ('it says profile "respeaker-xvf3800", you said "generic-usb": change it there' in said) == bool(
        left
    )


def test_without_a_word_of_it_the_profile_is_that_of_any_microphone(tmp_path):
    from device.config import load

    place = Place(tmp_path)
    write_speaker(place, argparse.Namespace(**GIVEN | {"profile": None}))
    assert load(place.at("/etc/overheard/speaker.toml")).board.profile == "generic-usb"


def test_a_release_key_is_pinned_once(tmp_path):
    key, other = tmp_path / "a", tmp_path / "b"
    key.write_text("name+00000000+key")
    other.write_text("name+00000000+other")
    place = Place(tmp_path / "root")
    pin(place, key)
    pin(place, key)
    with pytest.raises(InstallError, match="delete that file first"):
        pin(place, other)
    assert place.at("/etc/overheard/release.key").read_text() == "name+00000000+key\n"


@pytest.mark.parametrize("written", ["./overheard-0.2.0.tar.gz", "sub/..//overheard-0.2.0.tar.gz"])
@pytest.mark.parametrize("word", [["--update", "{}"], ["--update={}"]], ids=["apart", "in one"])
def test_the_bundle_is_not_passed_on_to_its_own_installer(tmp_path, monkeypatch, written, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    Path("overheard-0.2.0.tar.gz").touch()
    device = Place(tmp_path / "root").at("/opt/overheard/current/bin/overheard-device")
    device.parent.mkdir(parents=True)
    device.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\nexit 8\n')
    device.chmod(0o755)
    said = ["--root", "root", *(part.format(written) for part in word), "--offline", "--host", "./here"]
    assert update(parse("", said), said) == 8
    command, bundle, _key, _path, *rest = (tmp_path / "told").read_text().splitlines()
    assert (command, Path(bundle)) == ("update", Path(written))
    assert rest == ["--root", "root", "--offline", "--host", "./here"]


def test_a_file_is_whole_or_as_it_was_and_only_a_change_counts(tmp_path):
    place = Place(tmp_path)
    assert place.write("/etc/x", b"one")
    before = place.at("/etc/x").stat()
    assert not place.write("/etc/x", b"one")
    assert place.at("/etc/x").stat().st_mtime_ns == before.st_mtime_ns
    assert place.write("/etc/x", b"one", Owner(mode=0o600))
    place.at("/etc/.x.new").write_text("left by a power cut")
    assert place.write("/etc/x", b"two", Owner(mode=0o600))
    assert place.at("/etc/x").read_bytes() == b"two"
    assert [path.name for path in place.at("/etc").iterdir()] == ["x"]


def test_a_link_moves_in_one_step(tmp_path):
    place = Place(tmp_path)
    place.at("/releases/a").mkdir(parents=True)
    assert place.link("/current", "releases/a")
    assert not place.link("/current", "releases/a")
    place.at("/.current.new").symlink_to("left by a power cut")
    assert place.link("/current", "releases/b")
    assert place.at("/current").readlink() == Path("releases/b")
    assert not place.at("/.current.new").is_symlink()


def test_pip_says_in_one_line_what_it_lacks(tmp_path):
    constraints = tmp_path / "constraints.txt"
    constraints.touch()
    with pytest.raises(InstallError, match="no-such-thing") as refused:
        Pip(Path(sys.executable), tmp_path, offline=True).install("no-such-thing==1", constraints)
    one_line(refused)
