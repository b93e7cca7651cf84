"""What the owner wants of a card, and whether it makes sense. No wish is a command, none a private key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from flash_card import FlashError
from flash_wifi import Wifi

_TAKEN = re.compile(
    "root|daemon|bin|sys|sync|games|man|lp|mail|news|uucp|proxy|www-data|backup|list|irc|gnats|nobody|nogroup|"
    "adm|tty|disk|kmem|dialout|fax|voice|cdrom|floppy|tape|sudo|audio|dip|operator|src|shadow|utmp|video|sasl|"
    "plugdev|staff|users|input|render|kvm|sgx|netdev|gpio|spi|i2c|lpadmin|crontab|ssl-cert|bluetooth|sshd|"
    "messagebus|avahi|polkitd|rtkit|dnsmasq|mosquitto|systemd-.*|_.*|overheard.*"
)
"""Users and groups of Raspberry Pi OS, and ours: who logs in as one of them has what is theirs."""
_HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SSH = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/=]+( [^\"]*)?")
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
        """Raise FlashError unless all of it makes sense."""
        for what, text, pattern in (
            ("--hostname", self.hostname, _HOSTNAME),
            ("--user", self.user, _USER),
            ("--timezone", self.timezone, _ZONE),
            ("--profile", self.profile, _HOSTNAME),
        ):
            if not pattern.fullmatch(text):
                raise FlashError(f"{what} {text!r}: cannot be one; use letters, digits and hyphens")
        if _TAKEN.fullmatch(self.user):
            raise FlashError(f"--user {self.user}: the system has one of that name; take another, as `owner`")
        if self.ssh_key and not (_SSH.fullmatch(self.ssh_key) and self.ssh_key.isprintable()):
            raise FlashError("--ssh-key: not one public key; name the file that ends with .pub")


def read_ssh_key(path: Path) -> str:
    """The one line of a .pub file, whose comment may be of any letters. Raises FlashError."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise FlashError(f"{path}: not text of UTF-8; name the file that ends with .pub") from error
