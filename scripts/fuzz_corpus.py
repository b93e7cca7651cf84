"""Reads the corpus of malformed MQTT: packets written as hex and quoted text, each with its reason.

It knows nothing of MQTT; what is wrong with a packet is the corpus's to say.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, NamedTuple

CORPUS = Path(__file__).resolve().parents[1] / "tests" / "device" / "malformed_mqtt.toml"

_TOKEN = re.compile(r'"(?P<text>[^"]*)"|(?P<hex>(?:[0-9a-f]{2})+)(?:\*(?P<times>\d+))?|#[^\n]*|\s+')


class Malformed(NamedTuple):
    """Bytes that a broker must not send. `when`: instead of its welcome, or on a connection that stands."""

    name: str
    why: str
    when: Literal["welcome", "standing"]
    data: bytes


def read(path: Path = CORPUS) -> list[Malformed]:
    """Return the corpus in its order. Raises ValueError for an entry that says something else."""
    return [_entry(**fields) for fields in tomllib.loads(path.read_text(encoding="utf-8"))["packet"]]


def _entry(
    name: str, why: str, bytes: str, when: Literal["welcome", "standing"] = "standing", times: int = 1
) -> Malformed:
    if when not in ("welcome", "standing"):
        raise ValueError(f"{name}: when = {when!r}; say welcome or standing")
    return Malformed(name, why, when, _parsed(name, bytes) * times)


def _parsed(name: str, text: str) -> bytes:
    """Pairs of hex digits, `00*300` for 300 of them, "quoted text", and comments to the end of a line."""
    data, at = bytearray(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"{name}: {text[at : at + 12]!r} is neither hex nor text")
        if token["text"] is not None:
            data += token["text"].encode()
        elif token["hex"] is not None:
            data += bytes.fromhex(token["hex"]) * int(token["times"] or 1)
        at = token.end()
    return bytes(data)
