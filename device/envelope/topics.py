"""The MQTT topics of version 1, built and parsed in one place. Never decides what to do with them."""

import re
from typing import Final, NamedTuple

from device.envelope.errors import EnvelopeError

ROOT: Final = "overheard/v1"
KEYS: Final = f"{ROOT}/keys"
UP_FILTER: Final = f"{ROOT}/+/up/#"
"""What an ingest subscribes to: everything every device says."""

UTTERANCES: Final = f"{ROOT}/+/up/utterance/#"
UP_BESIDES: Final = f"{ROOT}/+/up/+"
"""The same in two: utterances, and everything else."""

PARTS: Final = ("begin", "segment", "end")

_DEVICE = re.compile(r"[a-z0-9-]{1,36}")
_UTTERANCE = re.compile(r"[0-9a-f]{32}")
_PARSED = re.compile(
    rf"{ROOT}/(?P<device>{_DEVICE.pattern})/"
    rf"(?:up/utterance/(?P<utterance>{_UTTERANCE.pattern})/(?P<part>begin|segment|end)"
    r"|up/(?P<up>status|checkpoint|request|state)"
    r"|down/(?P<down>ack|command|response|certificate))"
)


class Topic(NamedTuple):
    """A topic taken apart.

    kind: begin, segment, end, status, checkpoint, request, state, ack, command, response, certificate or
    keys. `device` is None for keys;
    `utterance` is None for all but begin, segment and end.
    """

    kind: str
    device: str | None
    utterance: str | None


def utterance(device: str, utterance_id: str, part: str) -> str:
    """Topic of one part (begin, segment, end) of an utterance (32 lower hex characters). EnvelopeError."""
    if not _UTTERANCE.fullmatch(utterance_id) or part not in PARTS:
        raise EnvelopeError(f"topic of {utterance_id!r}: not an utterance's part; use 32 hex and {PARTS}")
    return f"{_of(device)}/up/utterance/{utterance_id}/{part}"


def status(device: str) -> str:
    """Retained, and the device's last will."""
    return f"{_of(device)}/up/status"


def checkpoint(device: str) -> str:
    """The signed head of the device's ledger."""
    return f"{_of(device)}/up/checkpoint"


def request(device: str) -> str:
    """A device's request for a certificate, its first or its next."""
    return f"{_of(device)}/up/request"


def state(device: str) -> str:
    """Retained: what a home's automation may know of the device."""
    return f"{_of(device)}/up/state"


def ack(device: str) -> str:
    """What the cloud has, and misses, of an utterance."""
    return f"{_of(device)}/down/ack"


def command(device: str) -> str:
    """Remote commands: they can only make the speaker quieter."""
    return f"{_of(device)}/down/command"


def response(device: str) -> str:
    """The sealed answer to an utterance."""
    return f"{_of(device)}/down/response"


def certificate(device: str) -> str:
    """The cloud's answer to a request."""
    return f"{_of(device)}/down/certificate"


def parse(topic: str) -> Topic | None:
    """The topic taken apart, or None for anything that is not exactly one of ours."""
    if topic == KEYS:
        return Topic("keys", None, None)
    found = _PARSED.fullmatch(topic)
    if found is None:
        return None
    kind = found["part"] or found["up"] or found["down"]
    return Topic(kind, found["device"], found["utterance"])


def _of(device: str) -> str:
    if not _DEVICE.fullmatch(device):  # a + or # here would pass a broker's pattern rules
        raise EnvelopeError(f"topic of {device!r}: not a device id; use 1 to 36 of a-z, 0-9 and -")
    return f"{ROOT}/{device}"
