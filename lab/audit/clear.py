"""The room's sound in no message in the clear: not in the payloads, one after the other, nor in what in them
is text for bytes (promise 6). It is looked for in every form that `lab.canary` knows; what is encrypted for
nobody named is found elsewhere, as a message that is not of the format.
"""

import base64
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from lab.audit.evidence import Evidence
from lab.audit.verdicts import Check, Finding
from lab.canary.forms import RATE_HZ, Samples
from lab.canary.search import Grain, Sought, plain

TWENTY_MS = Grain(least=320, said=320, hop=16)
_AT_ONCE = 120 * RATE_HZ
_OVERLAP = 960
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{24,}")


def _clear(evidence: Evidence) -> Iterator[Finding]:
    """No 20 ms of the room are in what was sent at any topic."""
    streams = {name: data for name, data in _streams(evidence).items() if data}
    names, starts = list(streams), list(accumulate(map(len, streams.values()), initial=0))
    joined = b"".join(streams.values())  # what lies across two of them did not leave as one either
    said: set[tuple[str, str]] = set()
    for sound in _sounds(evidence):
        for found in plain(Sought(sound, TWENTY_MS).within(joined)):
            name = names[bisect_right(starts, found.offset) - 1]
            if (name, found.form) not in said:
                said.add((name, found.form))
                yield Finding(f"20 ms of the room or more went out in the clear ({found.form})", name)


def _streams(evidence: Evidence) -> dict[str, bytes]:
    """All that was sent at each topic in order, and what it says in base64 and in hex."""
    payloads: dict[str, list[bytes]] = {}
    for message in evidence.messages:
        payloads.setdefault(message.topic, []).append(message.payload)
    streams: dict[str, bytes] = {}
    for topic, sent in payloads.items():
        streams[f"messages at {topic}"] = b"".join(sent)
        streams[f"base64 at {topic}"] = b"".join(map(_from_base64, sent))
        streams[f"hex at {topic}"] = b"".join(map(_from_hex, sent))
    return streams


def _from_base64(payload: bytes) -> bytes:
    """Every run of base64 in a message, decoded, one after the other."""
    runs = (match[0].translate(bytes.maketrans(b"-_", b"+/")) for match in _BASE64.finditer(payload))
    return b"".join(base64.b64decode(run[: len(run) // 4 * 4]) for run in runs)


def _from_hex(payload: bytes) -> bytes:
    runs = (match[0].decode("ascii") for match in _HEX.finditer(payload))
    return b"".join(bytes.fromhex(run[: len(run) // 2 * 2]) for run in runs)


def _sounds(evidence: Evidence) -> Iterator[Samples]:
    """The room, a stretch at a time."""
    for first in range(0, evidence.room_samples, _AT_ONCE):
        yield np.frombuffer(evidence.room(first, _AT_ONCE + _OVERLAP), "<i2")


CHECKS = (Check("envelope.clear", 6, "20 ms of the room are nowhere in the clear in what was sent", _clear),)
