"""What scripts/install decides by itself: which machine will do, whom a speaker may call, its settings."""

import argparse
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_calls import calls
from install_machine import ROOM_BYTES, Machine, wanted
from install_pip import Pip
from install_place import InstallError, Owner, Place
from install_settings import pin, write_speaker

PI = Machine(bits=64, kind="aarch64", python=(3, 13), is_root=True, free_bytes=ROOM_BYTES)
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
        (PI._replace(free_bytes=ROOM_BYTES - 1), "make room"),
    ],
    ids=["32-bit Python on a 64-bit kernel", "32-bit kernel", "old Python", "no root", "no space"],
)
def test_a_machine_that_will_not_do_is_told_why(machine, said):
    PI.check()
    with pytest.raises(InstallError, match=said) as refused:
        machine.check()
    one_line(refused)


def test_this_machine_is_what_it_is(tmp_path):
    mine = Machine.this(Place(tmp_path))
    assert mine.python == sys.version_info[:2]
    assert mine.bits == (64 if sys.maxsize > 2**32 else 32)
    assert mine.is_root, "in a folder nothing needs root"


def test_a_cloud_needs_a_broker_and_no_compiler():
    assert "mosquitto" in wanted(["cloud"], build=True)
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
    found = calls({"uplink": {"host": "localhost", "port": 8883}}, resolv_conf)
    assert set(found.brokers) & {"127.0.0.1", "::1"}
    assert found.names == ("192.168.1.1", "fe80::1"), "what is on this machine needs no leave"
    assert "add element inet overheard names4 { 192.168.1.1 }" in found.nft()
    assert "add element inet overheard names6 { fe80::1 }" in found.nft()
    for line in found.nft().splitlines():
        assert not ("4 {" in line and "::" in line), line


def test_a_name_without_an_address_lets_nobody_be_called():
    found = calls({"uplink": {"host": "no-such-name.invalid"}}, "")
    assert found.brokers == ()
    assert "IPAddressAllow" not in found.drop_in()
    assert "element" not in found.nft()


def test_a_folder_of_the_cloud_makes_settings_that_the_firmware_reads(tmp_path):
    from cloud_stub.broker_files import SPEAKER
    from device.config import load

    folder = tmp_path / "for-a-new-speaker"
    folder.mkdir()
    root = "cloud+12345678+AAAA"
    text = SPEAKER.format(host="192.168.1.5", port=8883, guest_port=8884, root=root)
    (folder / "speaker.toml").write_text(text)
    for name in ("ca.crt", "claim.crt", "claim.key"):
        (folder / name).write_text(name)
    place = Place(tmp_path / "root")
    write_speaker(place, argparse.Namespace(**{**GIVEN, "join": folder}))
    settings = load(place.at("/etc/overheard/speaker.toml"))
    assert (settings.board.name, settings.uplink.host, settings.cloud.root) == ("pi", "192.168.1.5", root)
    assert settings.device.state_dir == "/var/lib/overheard"
    assert Path(settings.provision.claim_key) == place.at("/etc/overheard/claim.key")
    assert place.at("/etc/overheard/claim.key").stat().st_mode & 0o777 == 0o600


def test_each_part_can_be_said_by_itself(tmp_path):
    from device.config import load

    (tmp_path / "a").write_text("a")
    given = {**GIVEN, "broker": "[fd00::5]:8883", "cloud_root": "cloud+12345678+AAAA"}
    for name in ("ca", "claim", "claim_key"):
        given[name] = tmp_path / "a"
    place = Place(tmp_path / "root")
    write_speaker(place, argparse.Namespace(**given))
    settings = load(place.at("/etc/overheard/speaker.toml"))
    assert (settings.uplink.host, settings.uplink.port) == ("fd00::5", 8883)
    assert settings.cloud.root == "cloud+12345678+AAAA"
    assert Path(settings.uplink.ca).read_text() == "a"


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


def test_settings_that_are_there_stay(tmp_path):
    place = Place(tmp_path)
    place.write("/etc/overheard/speaker.toml", b"mine", Owner(mode=0o600))
    write_speaker(place, argparse.Namespace(**GIVEN))
    assert place.at("/etc/overheard/speaker.toml").read_bytes() == b"mine"


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
