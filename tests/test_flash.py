"""scripts/flash: what it puts onto a card lets nobody in, and cloud-init and netplan read it."""

import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from device.bundle import KEY_NAME, Manifest, note_of
from device.ledger import Signer
from tests.written_card import (
    PASSWORD,
    ROOT,
    SSH_KEY,
    STYLES,
    boot_partition,
    contents,
    flash,
    private_key,
    refused,
    words_for,
)

sys.path.insert(0, str(ROOT / "scripts"))

from flash_card import FlashError, require_removable
from flash_cloud_init import GROUPS
from flash_files import card_files
from flash_imager import write_list
from flash_wifi import Wifi, read_wifi, wifi
from flash_wishes import Wishes

WISHES = Wishes("cloudinit-rpi", "kitchen", "owner", SSH_KEY, None, "Europe/London", "generic-usb", "0" * 64)


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    return boot_partition(tmp_path / "bootfs")


@pytest.fixture
def given(tmp_path: Path, boot: Path) -> list[str]:
    return words_for(boot, tmp_path)


@pytest.mark.parametrize("style", STYLES)
def test_no_password_and_no_private_key_but_the_claim_is_on_a_card(boot, given, style):
    assert flash([*given, "--style", style]).returncode == 0
    on_card = contents(boot)
    keys = {name for name, content in on_card.items() if b"PRIVATE KEY" in content}
    assert keys == {"overheard/join/claim.key"}
    for name, content in on_card.items():
        assert PASSWORD.encode() not in content, name
        for word in (b"plain_text_passwd", b"chpasswd", b"$6$", b"$5$", b"$y$", b"hashed_passwd"):
            if name != "overheard/release.tar.gz":
                assert word not in content, name


@pytest.mark.parametrize("name", ["ca.crt", "claim.crt", "speaker.toml"])
def test_a_private_key_in_another_place_is_refused(boot, given, tmp_path, name):
    before = contents(boot)
    (tmp_path / "for-a-new-speaker" / name).write_bytes(private_key())
    assert "private key" in refused(given)
    assert contents(boot) == before


def test_the_page_names_each_file_that_has_the_wifis_key(boot, given):
    key = wifi('Home: "#1"', PASSWORD, "GB").key.encode()
    found = set()
    for style in STYLES:
        assert flash([*given, "--style", style]).returncode == 0
        found |= {name for name, content in contents(boot).items() if key in content}
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| (.+) \| your Wi-Fi's name, and the key", page, re.MULTILINE)
    assert found == set(re.findall(r"`([^`]+)`", row))


def test_nobody_can_log_in_but_with_the_owners_key(boot, given):
    assert flash(given).returncode == 0
    said = yaml.safe_load((boot / "user-data").read_text())
    (user,) = said["users"]
    assert (user["lock_passwd"], user["ssh_authorized_keys"]) == (True, [SSH_KEY])
    assert said["ssh_pwauth"] is False
    assert said["disable_root"] is True


def test_without_a_key_nobody_can_log_in_and_ssh_stays_off(boot):
    said = yaml.safe_load(
        card_files(WISHES._replace(ssh_key=""), boot, boot / "config.txt", None)["user-data"]
    )
    (user,) = said["users"]
    assert user["lock_passwd"] is True
    assert "ssh_authorized_keys" not in user
    assert "sudo" not in user
    assert not any("ssh" in command for command in said["runcmd"])


def test_no_name_breaks_out_of_its_place(boot):
    name = 'x": {password: y}}\\ #'
    wishes = WISHES._replace(wifi=wifi(name, PASSWORD, "GB"), ssh_key="ssh-ed25519 AAAA me: #'x' \u20ac")
    files = card_files(wishes, boot, boot / "config.txt", None)
    network = yaml.safe_load(files["network-config"])["network"]
    assert list(network["wifis"]["wlan0"]["access-points"]) == [name]
    assert yaml.safe_load(files["user-data"])["users"][0]["ssh_authorized_keys"] == [
        "ssh-ed25519 AAAA me: #'x' \u20ac"
    ]
    shell = card_files(wishes._replace(style="systemd"), boot, boot / "config.txt", None)[
        "firstrun.sh"
    ].decode()
    heard = subprocess.run(
        ["bash", "-c", shell.replace("/usr/lib/raspberrypi-sys-mods/imager_custom", "say").split("cat >")[0]],
        env={"PATH": os.environ["PATH"], "BASH_FUNC_say%%": "() { printf '<%s>' \"$@\"; }"},
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    assert f"<set_wlan><{name}>" in heard


def test_the_wifi_key_is_that_of_the_standard():
    """The example of IEEE 802.11i, annex H.4."""
    key = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"
    assert wifi("IEEE", "password", "GB") == Wifi("IEEE", key, "GB")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name\nshort\nGB\n",
        f"name\n{PASSWORD}\n",
        f"name\n{PASSWORD}\ngb\n",
        f"{'n' * 33}\n{PASSWORD}\nGB\n",
        f"name\n{PASSWORD}\u20ac\nGB\n",
        f"name\n{PASSWORD * 3}\nGB\n",
        f"na\x07me\n{PASSWORD}\nGB\n",
    ],
)
def test_a_wifi_that_cannot_be_one_is_refused_and_its_password_not_said(tmp_path, text):
    (tmp_path / "wifi").write_text(text)
    with pytest.raises(FlashError) as refused:
        read_wifi(tmp_path / "wifi")
    assert PASSWORD not in str(refused.value)
    assert "short" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "wish",
    [
        {"hostname": "a b"},
        {"hostname": "-a"},
        {"hostname": ""},
        {"user": "root"},
        {"user": "a;b"},
        {"timezone": "$(id)"},
        {"profile": "../../x"},
        {"profile": "no-such-array"},
        {"ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n"},
        {"ssh_key": "ssh-ed25519 AAAA\nssh-ed25519 BBBB"},
        {"ssh_key": "ssh-ed25519 AAAA me\nssh-ed25519 BBBB"},
        {"ssh_key": "ssh-ed25519 AAAA me\x7f"},
    ],
    ids=str,
)
def test_wishes_that_make_no_sense_are_refused(boot, wish):
    with pytest.raises(FlashError) as refused:
        card_files(WISHES._replace(**wish), boot, boot / "config.txt", None)
    assert "\n" not in str(refused.value)
    assert "PRIVATE" not in str(refused.value)


def names_taken() -> set[str]:
    """Users and groups of Debian where this is one, of Pi OS as far as we add somebody to them, and ours."""
    ours = (ROOT / "systemd" / "overheard.sysusers.conf").read_text()
    lists = [Path("/usr/share/base-passwd") / name for name in ("passwd.master", "group.master")]
    debian = "".join(path.read_text() for path in lists if path.exists())
    names = set(re.findall(r"^[ug] (\S+)", ours, re.MULTILINE))
    return names | set(re.findall(r"^([\w-]+):", debian, re.MULTILINE)) | set(GROUPS.split(","))


def test_the_owner_has_no_name_that_the_system_or_the_speaker_has(boot):
    names = names_taken()
    assert {"overheard", "overheard-cloud", "gpio", "netdev"} < names
    for name in (*names, "systemd-network", "_apt"):
        with pytest.raises(FlashError, match=f"--user {name}: "):
            card_files(WISHES._replace(user=name), boot, boot / "config.txt", None)
    assert card_files(WISHES._replace(user="listener"), boot, boot / "config.txt", None)


def test_the_comment_of_a_key_is_of_any_letters_but_its_file_is_text(boot, given, tmp_path):
    comment = "J\u00fcrgen's \u5bb6"
    (tmp_path / "id.pub").write_text(f"{SSH_KEY} {comment}\n", encoding="utf-8")
    assert flash(given).returncode == 0
    (user,) = yaml.safe_load((boot / "user-data").read_text(encoding="utf-8"))["users"]
    assert user["ssh_authorized_keys"] == [f"{SSH_KEY} {comment}"]
    (tmp_path / "id.pub").write_bytes(f"{SSH_KEY} J\u00fcrgen\n".encode("latin-1"))
    assert "id.pub: not text of UTF-8; name the file" in refused(given)


@pytest.mark.parametrize("lost", ["config.txt", "cmdline.txt"])
def test_a_folder_that_is_no_boot_partition_is_left_alone(boot, given, lost):
    (boot / lost).unlink()
    before = contents(boot)
    assert "no boot partition" in refused(given)
    assert contents(boot) == before


def test_a_block_device_is_not_written(given):
    device = next((path for path in Path("/dev").iterdir() if path.is_block_device()), None)
    if device is None:
        pytest.skip("there is no block device here")
    assert "block device" in refused([str(device), *given[1:]])


def test_a_bundle_of_somebody_else_or_a_damaged_one_is_not_put_on_a_card(boot, given):
    before = contents(boot)
    bundle = Path(given[2])
    bundle.write_bytes(bundle.read_bytes() + b"x")
    assert "longer" in refused(given)
    stranger = Signer(KEY_NAME, Ed25519PrivateKey.generate())
    note_of(bundle).write_text(Manifest.of(bundle, "1.0.0").sign(stranger), encoding="utf-8")
    assert "not signed" in refused(given)
    assert contents(boot) == before


def disk(sys_folder: Path, number: int, at: str, name: str, removable: str) -> int:
    """A disk in a made-up sysfs, with one partition; returns that one's device number."""
    node = sys_folder / "devices" / at / "block" / name / f"{name}1"
    node.mkdir(parents=True)
    (node / "partition").write_text("1\n")
    (node.parent / "removable").write_text(removable + "\n")
    (sys_folder / "dev" / "block").mkdir(parents=True, exist_ok=True)
    (sys_folder / "dev" / "block" / f"8:{number}").symlink_to(node)
    return os.makedev(8, number)


@pytest.mark.parametrize(
    ("at", "name", "removable", "taken"),
    [
        ("pci/usb1/host3", "sdb", "1", True),
        ("pci/usb1/host3", "sdb", "0", True),
        ("platform/mmc0", "mmcblk1", "0", True),
        ("pci/ata1/host0", "sdc", "0", False),
        ("pci/nvme", "nvme0n1", "0", False),
    ],
)
def test_only_a_disk_that_can_be_taken_out_is_written(tmp_path, at, name, removable, taken):
    card = disk(tmp_path, 17, at, name, removable)
    root = disk(tmp_path, 1, "pci/ata0/host0", "sda", "0")
    if taken:
        require_removable(Path("card"), card, root, tmp_path)
    else:
        with pytest.raises(FlashError, match="cannot be taken out"):
            require_removable(Path("card"), card, root, tmp_path)


def test_a_card_that_this_machine_runs_from_is_not_written(tmp_path):
    root = disk(tmp_path, 1, "platform/mmc0", "mmcblk0", "1")
    with pytest.raises(FlashError, match="runs from"):
        require_removable(Path("card"), root, root, tmp_path)
    with pytest.raises(FlashError, match="no disk"):
        require_removable(Path("card"), os.makedev(0, 5), root, tmp_path)


def test_spi_is_switched_on_for_lights_that_need_it_once(boot, given):
    for _ in range(2):
        assert flash([*given, "--profile", "respeaker-2mic-hat"]).returncode == 0
        assert (boot / "config.txt").read_text().splitlines().count("dtparam=spi=on") == 1


@pytest.mark.skipif(not shutil.which("cloud-init"), reason="cloud-init is not installed")
def test_cloud_init_finds_nothing_wrong(tmp_path, boot, given):
    assert flash(given).returncode == 0
    command = ["cloud-init", "schema", "--config-file"]
    done = subprocess.run([*command, boot / "user-data"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    broken = tmp_path / "broken"
    broken.write_text((boot / "user-data").read_text().replace("lock_passwd: true", "lock_passwd: [1]"))
    assert subprocess.run([*command, broken], capture_output=True, check=False).returncode != 0


@pytest.mark.skipif(not shutil.which("netplan"), reason="netplan is not installed")
def test_netplan_makes_the_network_of_it(tmp_path, boot, given):
    assert flash(given).returncode == 0
    folder = tmp_path / "root" / "etc" / "netplan"
    folder.mkdir(parents=True)
    config = folder / "50-cloud-init.yaml"
    config.write_bytes((boot / "network-config").read_bytes())
    config.chmod(0o600)
    done = subprocess.run(
        ["netplan", "generate", "--root-dir", tmp_path / "root"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    supplicant = (tmp_path / "root" / "run" / "netplan" / "wpa-wlan0.conf").read_text()
    assert "country=GB" in supplicant
    assert hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), b'Home: "#1"', 4096, 32).hex() in supplicant


def test_the_list_for_imager_says_what_the_image_is_once_it_is_unpacked(tmp_path):
    content = os.urandom(100_000) + bytes(3_000_000)
    image = tmp_path / "raspios.img.xz"
    image.write_bytes(lzma.compress(content))
    write_list(image, tmp_path / "list.json", "cloudinit-rpi")
    (entry,) = json.loads((tmp_path / "list.json").read_text())["os_list"]
    assert entry["extract_size"] == len(content)
    assert entry["extract_sha256"] == hashlib.sha256(content).hexdigest()
    assert entry["image_download_size"] == image.stat().st_size
    assert entry["init_format"] == "cloudinit-rpi"
    assert entry["url"] == image.as_uri()
    required = {"name", "description", "icon", "url", "extract_size", "extract_sha256", "image_download_size",
                "release_date", "devices"}  # fmt: skip
    assert required <= set(entry), (
        "Imager's schema, doc/json-schema/os-list-schema.json and doc/schema-notes.md"
    )


def test_a_damaged_image_has_no_list(tmp_path):
    image = tmp_path / "raspios.img.xz"
    image.write_bytes(lzma.compress(bytes(1000))[:-9])
    with pytest.raises(FlashError, match="damaged"):
        write_list(image, tmp_path / "list.json", "cloudinit-rpi")
    assert not (tmp_path / "list.json").exists()
