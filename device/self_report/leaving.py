"""Every message that can leave: which topic, when, which fields, how large. One entry for each kind that the
ledger knows to leave.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import rfc8785

from device import discovery
from device.config import Config
from device.envelope import Header, topics
from device.envelope.layout import EndRecord
from device.envelope.request import Request
from device.home_assistant import own_version
from device.ledger import LEFT
from device.self_report import sizes
from device.self_report.fields import Field, of_struct, of_value
from device.self_report.means import MEANS
from device.status import State, Status, to_bytes

UTTERANCE = "<utterance>"
"""Stands in a topic for the id of any utterance."""


class Leaving(msgspec.Struct, frozen=True):
    """One kind of message. `leaves`: whether it does with these settings; `fields` are of its JSON, `beside`
    what is not JSON; `size` is of the payload.
    """

    kind: str
    topic: str
    leaves: bool
    when: str
    retained: bool
    size: str
    fields: tuple[Field, ...]
    beside: tuple[str, ...] = ()
    qos: int = 1


class _Of(NamedTuple):
    config: Config
    device: str


def leaving(config: Config, device: str) -> tuple[Leaving, ...]:
    """Return what can leave `device`, by its settings, in the order in which it does."""
    said = tuple(make(_Of(config, device)) for make in _MAKERS)
    missing = LEFT - {each.kind for each in said}
    if missing:
        raise LookupError(f"self-report: nothing says what {min(missing)} is; say it in leaving.py")
    return said


def _connect(of: _Of) -> Leaving:
    will = to_bytes(Status(v=1, device=of.device, boot="0" * 16, state="lost"))
    return Leaving(
        "connect", topics.status(of.device), True,
        "with each connection: the last will, which the broker publishes when the speaker is gone",
        True, f"{len(will)} bytes", _narrowed({"state": "always lost", "ledger": "never there"}),
        (
            "MQTT CONNECT: the device id as client id, the protocol's version, uplink.keepalive_s",
            "MQTT SUBSCRIBE: the topics under `comes in`",
        ),
    )  # fmt: skip


def _narrowed(types: dict[str, str]) -> tuple[Field, ...]:
    """The fields of a status, some narrower here than in the type, which has the last will in it too."""
    fields = of_struct(Status, "status", MEANS)
    return tuple(msgspec.structs.replace(each, type=types.get(each.name, each.type)) for each in fields)


def _status(of: _Of) -> Leaving:
    said = to_bytes(Status(v=1, device=of.device, boot="0" * 16, state="online", ledger=10**5))
    return Leaving(
        "status", topics.status(of.device), True, "when a connection stands, and before the speaker stops",
        True, f"about {len(said)} bytes", _narrowed({"state": "online | offline", "ledger": "integer"}),
    )  # fmt: skip


def _discovery(of: _Of) -> Leaving:
    said = discovery.announcement(of.device, own_version())
    settings = of.config.home_assistant
    return Leaving(
        "discovery", discovery.topic(settings.prefix, of.device), settings.discovery,
        "when a connection stands; empty, to be forgotten, once home_assistant.discovery is off again",
        True, f"{len(rfc8785.dumps(said))} bytes, or none", of_value(said),
    )  # fmt: skip


def _state(of: _Of) -> Leaving:
    state = State(
        v=1, device=of.device, boot="0" * 16, phase="listening", muted=False, microphone="open", fault="",
        waiting=0,
    )  # fmt: skip
    return Leaving(
        "state", topics.state(of.device), of.config.home_assistant.discovery,
        "when a connection stands, and when it changes, at most four times a second; empty, to be forgotten, "
        "once home_assistant.discovery is off again",
        True, f"about {len(to_bytes(state))} bytes, or none", of_struct(State, "state", MEANS),
    )  # fmt: skip


def _request(of: _Of) -> Leaving:
    return Leaving(
        "request", topics.request(of.device), bool(of.config.uplink.ca),
        "from `overheard-device provision`; then when two thirds of the certificate are over",
        False, "about 1,000 bytes, or 2,500 with a mlkem768-x25519 reply key",
        of_struct(Request, "request", MEANS), ("a signature",),
    )  # fmt: skip


def _begin(of: _Of) -> Leaving:
    return Leaving(
        "begin", _topic(of, "begin"), True, _utterances(of.config), False,
        f"about {sizes.begin(of.config):,} bytes", of_struct(Header, "begin", MEANS),
        ("the utterance's key, sealed once for each reader", "a commitment to that key", "a signature"),
    )  # fmt: skip


def _segment(of: _Of) -> Leaving:
    padded = f", up to a multiple of {of.config.privacy.pad_s:g} s" if of.config.privacy.pad_s else ""
    return Leaving(
        "segment", _topic(of, "segment"), True,
        f"every {of.config.audio.segment_ms} ms of an utterance{padded}",
        False, f"{sizes.segment(of.config):,} bytes, always", (),
        (
            "its number, and whether it is the last",
            "sound, and where the microphone lost some, sealed: only a reader that the header names can open"
            " it",
        ),
    )  # fmt: skip


def _end(of: _Of) -> Leaving:
    return Leaving(
        "end", _topic(of, "end"), True,
        "when an utterance is over", False, "about 700 bytes",
        of_struct(EndRecord, "end", MEANS), ("a signature",),
    )  # fmt: skip


def _checkpoint(of: _Of) -> Leaving:
    return Leaving(
        "checkpoint", topics.checkpoint(of.device), True,
        "when the cloud asks for it, at most once a second", False, "about 250 bytes", (),
        ("a signed note: the device id, how many rows the ledger has, their hash",),
    )  # fmt: skip


_ANY = "0" * 32

_MAKERS: tuple[Callable[[_Of], Leaving], ...] = (
    _connect, _status, _discovery, _state, _request, _begin, _segment, _end, _checkpoint,
)  # fmt: skip


def _topic(of: _Of, part: str) -> str:
    return topics.utterance(of.device, _ANY, part).replace(_ANY, UTTERANCE)


def _utterances(config: Config) -> str:
    words = ", ".join(config.wakeword.words)
    cover = config.privacy.cover_per_day
    also = f"; and {cover} times a day as cover, at random moments" if cover else ""
    return f"when an utterance begins: one of the words ({words}) that both ears heard, or the button{also}"
