"""What a new speaker is told of its cloud. Root reads it, out of a folder in which others may write: no link
is followed, nothing large is read, and of every file only what its name says is taken.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import NamedTuple

from install_place import InstallError

MAX_BYTES = 65_536
CERTIFICATE = r"CERTIFICATE"
PRIVATE_KEY = r"(?:EC |RSA )?PRIVATE KEY"
TAKEN: dict[tuple[str, str], type] = {
    ("uplink", "host"): str,
    ("uplink", "port"): int,
    ("provision", "port"): int,
    ("cloud", "root"): str,
}
"""Of the folder's settings. What else they say, such as another board, is not the cloud's to say."""

Tables = dict[str, dict[str, object]]


class Joining(NamedTuple):
    """What belongs to the settings, and the files that they name."""

    text: str
    public: dict[str, bytes]
    secret: dict[str, bytes]


def joined(folder: Path) -> Joining:
    """From the folder for-a-new-speaker of `overheard-cloud broker init`. Raises InstallError."""
    try:
        said = tomllib.loads(read(folder / "speaker.toml").decode())
        tables: Tables = {
            "uplink": {**_taken(said, "uplink"), "ca": "ca.crt"},
            "provision": {**_taken(said, "provision"), "claim": "claim.crt", "claim_key": "claim.key"},
            "cloud": _taken(said, "cloud"),
        }
        certificates = {name: pem(folder / name, CERTIFICATE) for name in ("ca.crt", "claim.crt")}
        return Joining(_toml(tables), certificates, {"claim.key": pem(folder / "claim.key", PRIVATE_KEY)})
    except InstallError as error:
        raise InstallError(f"{error}, or copy the cloud's for-a-new-speaker again, whole") from error
    except ValueError as error:
        raise InstallError(f"{folder}/speaker.toml: {error}; copy for-a-new-speaker again, whole") from error


def called(given: argparse.Namespace) -> Joining:
    """From the command line, each by itself. Raises InstallError."""
    if not given.broker:
        return Joining(
            "\n# [uplink], [provision], [cloud]: as in your cloud's for-a-new-speaker/speaker.toml\n", {}, {}
        )
    host, colon, port = given.broker.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise InstallError(f"--broker {given.broker}: not HOST:PORT; say for example 192.168.1.5:8883")
    tables: Tables = {"uplink": {"host": host.strip("[]"), "port": int(port)}, "provision": {}, "cloud": {}}
    public, secret = {}, {}
    if given.ca:
        tables["uplink"]["ca"] = "ca.crt"
        public["ca.crt"] = pem(given.ca, CERTIFICATE)
    if given.claim:
        tables["provision"] = {"claim": "claim.crt", "claim_key": "claim.key"}
        public["claim.crt"] = pem(given.claim, CERTIFICATE)
        secret["claim.key"] = pem(given.claim_key, PRIVATE_KEY)
    if given.cloud_root:
        tables["cloud"]["root"] = given.cloud_root
    return Joining(_toml(tables), public, secret)


def read(path: Path) -> bytes:
    """The content of a small plain file. Raises InstallError for a link, a device, or a large one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            content = file.read(MAX_BYTES + 1) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError as error:
        raise InstallError(f"{path}: {error.strerror}; name a plain file, no link to one") from error
    if content is None or len(content) > MAX_BYTES:
        raise InstallError(f"{path}: not a plain file of at most {MAX_BYTES} bytes; name one")
    return content


def pem(path: Path, kind: str) -> bytes:
    """The blocks of that kind in the file, and nothing else of it. Raises InstallError where none are."""
    text = read(path).decode("ascii", "replace")
    marked = rf"-----BEGIN ({kind})-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----"
    blocks = [found[0] for found in re.finditer(marked, text) if _is_der(found[2])]
    if not blocks:
        what = "certificate" if kind == CERTIFICATE else "private key"
        raise InstallError(f"{path}: no {what} in PEM; take the file that the cloud made")
    return "".join(f"{block}\n" for block in blocks).encode()


def _is_der(text: str) -> bool:
    try:
        return base64.b64decode("".join(text.split()), validate=True)[:1] == b"\x30"
    except ValueError:
        return False


def _taken(said: dict[str, object], table: str) -> dict[str, object]:
    values = said.get(table, {})
    if not isinstance(values, dict):
        raise ValueError(f"{table}: not a table")  # noqa: TRY004, as all that can be wrong with the text
    found = {name: values[name] for (of, name) in TAKEN if of == table and name in values}
    for name, value in found.items():
        if type(value) is not TAKEN[table, name]:
            raise ValueError(f"{table}.{name} {value!r}: not of type {TAKEN[table, name].__name__}")
    return found


def _toml(tables: Tables) -> str:
    """JSON's texts and numbers are TOML's, too; what is not, is found when the whole is read again."""
    return "".join(
        f"\n[{name}]\n"
        + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())
        for name, table in tables.items()
        if table
    )
