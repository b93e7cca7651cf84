"""The Wi-Fi that a card knows. Its password comes from a prompt or a file; its hash alone goes anywhere."""

from __future__ import annotations

import getpass
import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from flash_card import FlashError


class Wifi(NamedTuple):
    """A network: its name, the key made of name and password (64 hexadecimal digits), and the country."""

    name: str
    key: str
    country: str


def wifi(name: str, password: str, country: str) -> Wifi:
    """A network of WPA2 or WPA3. Raises FlashError for what cannot be one; never says the password."""
    if not 1 <= len(name.encode()) <= 32 or not name.isprintable():
        raise FlashError(f"Wi-Fi {name!r}: a name has 1 to 32 bytes, and no control characters")
    if not 8 <= len(password) <= 63 or not (password.isascii() and password.isprintable()):
        raise FlashError(f"Wi-Fi {name!r}: a password has 8 to 63 letters of ASCII; look it up again")
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise FlashError(f"Wi-Fi country {country!r}: two capital letters, such as GB or DE")
    key = hashlib.pbkdf2_hmac("sha1", password.encode("ascii"), name.encode(), 4096, 32)
    return Wifi(name, key.hex(), country)


def read_wifi(path: Path) -> Wifi:
    """From a file of three lines: name, password, country. Raises FlashError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FlashError(f"{path}: cannot be read; write name, password and country, a line each") from error
    if len(lines) != 3:
        raise FlashError(f"{path}: {len(lines)} lines; write name, password and country, a line each")
    return wifi(*lines)


def ask_wifi() -> Wifi:
    """From whoever sits here. Raises FlashError."""
    try:
        return wifi(
            input("Wi-Fi name: "), getpass.getpass("password: "), input("country (GB, DE ...): ").strip()
        )
    except EOFError as error:
        raise FlashError("Wi-Fi: nobody answers; use --wifi-file") from error
