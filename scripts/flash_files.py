"""Every file that goes onto a card, as text: the same wishes give the same card.

No password, no key of a speaker: only the owner's SSH key lets anybody in, and the first boot makes keys.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from flash_card import BEFORE, FOLDER, FlashError
from flash_first_boot import RUN_ONCE, first_boot, first_boot_unit, first_run
from flash_wifi import Wifi

HERE = Path(__file__).resolve().parents[1]
GROUPS = "users,adm,audio,netdev,plugdev,gpio,spi,i2c,sudo"
JOINED = ("ca.crt", "claim.crt", "claim.key", "speaker.toml")
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SSH = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/=]+( [^\r\n\"]*)?\n?")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")


class Wishes(NamedTuple):
    """What the owner wants of a card; `sha256` is the release's."""

    style: str
    hostname: str
    user: str
    ssh_key: str
    wifi: Wifi | None
    timezone: str
    profile: str
    sha256: str

    def check(self) -> None:
        """Raise FlashError unless all of it makes sense, and nothing of it is a command or a private key."""
        for what, text, pattern in (
            ("--hostname", self.hostname, _HOSTNAME),
            ("--user", self.user, _USER),
            ("--timezone", self.timezone, _ZONE),
            ("--profile", self.profile, _HOSTNAME),
        ):
            if not pattern.fullmatch(text):
                raise FlashError(f"{what} {text!r}: cannot be one; use letters, digits and hyphens")
        if self.user == "root":
            raise FlashError("--user root: name another; that one may become root with sudo")
        if self.ssh_key and not _SSH.fullmatch(self.ssh_key):
            raise FlashError("--ssh-key: not one public key; name the file that ends with .pub")


def card_files(wishes: Wishes, boot: Path, release_key: Path, join: Path | None) -> dict[str, bytes]:
    """The files by their names on the card. Raises FlashError."""
    wishes.check()
    texts = cloud_init(wishes) if wishes.style == "cloudinit-rpi" else run_once(wishes, boot)
    texts[f"{FOLDER}/first-boot"] = first_boot(wishes.profile, wishes.sha256, joins=join is not None)
    if needs_spi(wishes.profile):
        texts["config.txt"] = with_spi(_as_it_was(boot, "config.txt"))
    files = {name: text.encode() for name, text in texts.items()}
    files[f"{FOLDER}/release.key"] = release_key.read_bytes()
    for name in JOINED if join else ():
        files[f"{FOLDER}/join/{name}"] = _read(Path(str(join)) / name)
    return files


def cloud_init(wishes: Wishes) -> dict[str, str]:
    """What cloud-init reads from the boot partition."""
    return {"user-data": user_data(wishes), "network-config": network_config(wishes), "meta-data": META_DATA}


META_DATA = """\
# Written by scripts/flash. Another instance-id would have the first boot happen again.
dsmode: local
instance-id: overheard-card
"""


def user_data(wishes: Wishes) -> str:
    """The `#cloud-config`. Strings are written as JSON, which YAML reads: no name breaks out of its place."""
    lines = [
        "#cloud-config",
        "# Written by scripts/flash. No password is set, and none can be used.",
        f"hostname: {json.dumps(wishes.hostname)}",
        "manage_etc_hosts: true",
        f"timezone: {json.dumps(wishes.timezone)}",
        "ssh_pwauth: false",
        "disable_root: true",
        "users:",
        f"  - name: {json.dumps(wishes.user)}",
        f"    groups: {json.dumps(GROUPS)}",
        "    shell: /bin/bash",
        "    lock_passwd: true",
    ]
    if wishes.ssh_key:
        lines += [
            '    sudo: "ALL=(ALL) NOPASSWD:ALL"',
            "    ssh_authorized_keys:",
            f"      - {json.dumps(wishes.ssh_key.strip(), ensure_ascii=False)}",
        ]
    lines += ["write_files:", f"  - path: {RUN_ONCE}", "    content: |"]
    lines += [f"      {line}".rstrip() for line in first_boot_unit().splitlines()]
    lines += ["runcmd:"]
    if wishes.ssh_key:
        lines += ["  - [systemctl, enable, --now, ssh]"]
    lines += [
        "  - [systemctl, daemon-reload]",
        f"  - [systemctl, enable, --now, --no-block, {Path(RUN_ONCE).name}]",
    ]
    return "\n".join(lines) + "\n"


def network_config(wishes: Wishes) -> str:
    """Netplan: the wire by DHCP, and the Wi-Fi, whose key stands there hashed."""
    lines = [
        "network:",
        "  version: 2",
        "  ethernets:",
        "    eth0:",
        "      dhcp4: true",
        "      optional: true",
    ]
    if wishes.wifi:
        lines += [
            "  wifis:",
            "    wlan0:",
            "      dhcp4: true",
            "      optional: true",
            f"      regulatory-domain: {json.dumps(wishes.wifi.country)}",
            "      access-points:",
            f"        {json.dumps(wishes.wifi.name, ensure_ascii=False)}:",
            f"          password: {json.dumps(wishes.wifi.key)}",
        ]
    return "\n".join(lines) + "\n"


def run_once(wishes: Wishes, boot: Path) -> dict[str, str]:
    """What Bookworm runs once: a script, and the kernel's command line that names it."""
    return {
        "firstrun.sh": first_run(
            wishes.hostname, wishes.user, wishes.ssh_key.strip(), wishes.timezone, wishes.wifi
        ),
        "cmdline.txt": _as_it_was(boot, "cmdline.txt").split(" systemd.run")[0].strip()
        + " systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot"
        " systemd.unit=kernel-command-line.target\n",
    }


def needs_spi(profile: str) -> bool:
    """Whether the lights of that profile hang on the SPI bus. Raises FlashError for an unknown one."""
    path = HERE / "hardware" / "profiles" / f"{profile}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in path.parent.glob("*.toml")))
        raise FlashError(f"--profile {profile}: unknown; choose one of {known}")
    return bool(tomllib.loads(path.read_text(encoding="utf-8"))["lights"]["kind"] == "apa102")


def with_spi(config: str) -> str:
    """The config.txt with the SPI bus on."""
    line = "dtparam=spi=on"
    if line in config.splitlines():
        return config
    return config.rstrip("\n") + f"\n\n# for the lights of the microphone array\n[all]\n{line}\n"


def _as_it_was(boot: Path, name: str) -> str:
    before = boot / (name + BEFORE)
    return _read(before if before.exists() else boot / name).decode("utf-8", errors="replace")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FlashError(f"{path}: {error.strerror}; nothing was written") from error
