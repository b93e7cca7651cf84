"""The folder of a cloud is read by root and can be written by the cloud's user, whom the network talks to:
what lies there decides nothing but whom the speaker calls.
"""

import argparse
import os
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from install_join import MAX_BYTES
from install_place import ETC, InstallError, Place
from install_settings import pin, write_speaker

from device.config import load
from tests.new_speaker import CLOUD_ROOT, for_a_new_speaker

NONE = ("profile", "broker", "ca", "claim", "claim_key", "cloud_root")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return for_a_new_speaker(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "root")


def join(place: Place, folder: Path) -> None:
    write_speaker(place, argparse.Namespace(join=folder, **dict.fromkeys(NONE)))


def refusal(place: Place, folder: Path) -> str:
    """The one line with which it is refused; nothing may be written then."""
    with pytest.raises(InstallError) as refused:
        join(place, folder)
    assert not place.at(ETC).exists()
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(str(folder))
    return line


def test_what_the_cloud_made_is_taken_as_it_is(place, folder):
    join(place, folder)
    settings = load(place.at("/etc/overheard/speaker.toml"))
    assert (settings.uplink.host, settings.uplink.port) == ("192.168.1.5", 8883)
    assert (settings.provision.port, settings.cloud.root) == (8884, CLOUD_ROOT)
    assert (settings.board.name, settings.device.state_dir) == ("pi", "/var/lib/overheard")
    for name, mode in (("ca.crt", 0o644), ("claim.crt", 0o644), ("claim.key", 0o600)):
        there = place.at(f"{ETC}/{name}")
        assert there.read_bytes() == (folder / name).read_bytes()
        assert there.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", ["ca.crt", "claim.crt", "claim.key", "speaker.toml"])
def test_a_link_is_not_followed(place, folder, tmp_path, name):
    (folder / name).rename(tmp_path / "secret")  # what it leads to would do, were it not for the link
    (folder / name).symlink_to(tmp_path / "secret")
    assert "plain file" in refusal(place, folder)


@pytest.mark.parametrize("name", ["ca.crt", "claim.crt", "claim.key", "speaker.toml"])
@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "large"])
def test_what_is_no_small_file_is_not_read(place, folder, name, kind):
    good = (folder / name).read_bytes()
    (folder / name).unlink()
    match kind:
        case "folder":
            (folder / name).mkdir()
        case "pipe":
            os.mkfifo(folder / name)
        case "large":
            (folder / name).write_bytes(good + b"#" * MAX_BYTES)
    assert "plain file" in refusal(place, folder)


@pytest.mark.parametrize("name", ["ca.crt", "claim.crt"])
def test_what_is_no_certificate_is_not_published(place, folder, name):
    for secret in (b"root:$y$j9T$abc:20000:0:99999:7:::\n", (folder / "claim.key").read_bytes(), b"\xff\x00"):
        (folder / name).write_bytes(secret)
        assert "no certificate" in refusal(place, folder)


def test_what_is_no_key_is_not_given_to_the_speaker(place, folder):
    shutil.copy(folder / "ca.crt", folder / "claim.key")
    assert "no private key" in refusal(place, folder)


def test_of_a_file_with_more_in_it_the_certificate_alone_is_published(place, folder):
    good = (folder / "ca.crt").read_bytes()
    (folder / "ca.crt").write_bytes(b"root:secret\n" + good + (folder / "claim.key").read_bytes())
    join(place, folder)
    assert place.at(f"{ETC}/ca.crt").read_bytes() == good


@pytest.mark.parametrize(
    "more",
    [
        '[board]\nname = "sim"\n',
        '[device]\nstate_dir = "/root"\n',
        '[wakeword]\nheads = ["/etc/shadow"]\n',
        '[privacy]\nsave = true\n',
    ],
)  # fmt: skip
def test_of_its_settings_only_what_is_the_clouds_to_say_is_taken(place, folder, tmp_path, more):
    join(Place(tmp_path / "other"), folder)
    with (folder / "speaker.toml").open("a") as text:
        text.write("\n" + more)
    join(place, folder)
    there = place.at("/etc/overheard/speaker.toml").read_text()
    assert there == (tmp_path / "other/etc/overheard/speaker.toml").read_text()


@pytest.mark.parametrize("name", ["ca", "claim", "claim_key", "allow_plaintext"])
def test_other_paths_and_wishes_in_its_tables_are_not_taken(place, folder, name):
    table = "provision" if name.startswith("claim") else "uplink"
    value = "true" if name == "allow_plaintext" else '"/etc/shadow"'
    text = (folder / "speaker.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(f"{name} ")]
    lines.insert(lines.index(f"[{table}]") + 1, f"{name} = {value}")
    (folder / "speaker.toml").write_text("\n".join(lines))
    join(place, folder)
    settings = load(place.at("/etc/overheard/speaker.toml"))
    assert not settings.uplink.allow_plaintext
    assert Path(settings.uplink.ca) == place.at(f"{ETC}/ca.crt")
    assert Path(settings.provision.claim_key) == place.at(f"{ETC}/claim.key")


@pytest.mark.parametrize(
    "text",
    [
        "[uplink",
        "uplink = 3",
        "[uplink]\nhost = 3",
        '[uplink]\nport = "mqtt"',
        "[uplink]\nport = true",
        "\udcff",
    ],
)
def test_settings_of_it_that_make_no_sense_are_refused(place, folder, text):
    (folder / "speaker.toml").write_bytes(text.encode(errors="surrogateescape"))
    assert "speaker.toml" in refusal(place, folder)


@pytest.mark.parametrize(
    "host", ['"\n[board]\nname = "sim', "kueche-\u00e4\U0001f511.lan", "\\", "tab\there"]
)
def test_no_text_breaks_out_of_its_place(place, host):
    given = argparse.Namespace(join=None, **{**dict.fromkeys(NONE), "broker": f"{host}:8883"})
    write_speaker(place, given)
    settings = tomllib.loads(place.at("/etc/overheard/speaker.toml").read_text())
    assert (settings["uplink"]["host"], settings["board"]["name"]) == (host, "pi")


def test_a_text_that_toml_cannot_hold_is_refused(place):
    given = argparse.Namespace(join=None, **{**dict.fromkeys(NONE), "broker": "a\x7fb:8883"})
    with pytest.raises(InstallError, match="make no sense"):
        write_speaker(place, given)
    assert not place.at(ETC).exists()


@pytest.mark.parametrize("line", [b"\xff\xfe", b"", b"name+0000+key", b"overheard-release+00000000+AA\nmore"])
def test_what_is_no_release_key_is_not_pinned(place, tmp_path, line):
    key = tmp_path / "release.key.pub"
    key.write_bytes(line)
    with pytest.raises(InstallError, match="not a release key"):
        pin(place, key)
    assert not place.at(ETC).exists()
