"""What a device says outside of utterances: status, state, requests, its announcement. Unsigned, or with
strings in it, these are where sound could hide: so every field is of those that docs/wire-format.md has, of
those values, and no message is longer or more frequent than what happened makes it.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from device.envelope import EnvelopeError, topics
from device.envelope.layout import Count, from_json
from device.envelope.request import open_request
from lab.audit.evidence import LEDGER, Evidence, Message, begins
from lab.audit.verdicts import Check, Finding

_UP = frozenset({"begin", "segment", "end", "status", "state", "checkpoint", "request"})
_DISCOVERY = re.compile(r"(?P<prefix>.{1,64})/device/(?P<device>ovh-[a-z2-7]{26})/config", re.DOTALL)
_DISCOVERY_BYTES = 4096
_PER_EVENT = 10
"""So many states or statuses at most come of one thing that happened, by generous count."""

Device = Annotated[str, msgspec.Meta(pattern=r"\Aovh-[a-z2-7]{26}\Z")]
Boot = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9-]{1,64}\Z")]


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whether the device is there; its last will does not know how many rows there are."""

    v: Literal[1]
    device: Device
    boot: Boot
    state: Literal["online", "offline", "lost"]
    ledger: Count | None = None


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the device is, for a home's automation."""

    v: Literal[1]
    device: Device
    boot: Boot
    phase: Literal["idle", "verifying", "listening", "processing", "responding", "muted", "not_told"]
    muted: bool
    microphone: Literal["open", "closed", "lost"]
    fault: Literal[
        "", "unplugged", "wedged", "silent", "constant", "humming", "clipped", "overrunning", "held"
    ]
    waiting: Count


def faults(evidence: Evidence) -> Iterator[Finding]:
    """What is wrong with the topics of all messages, and with what those say that are no utterance's."""
    for message in evidence.messages:
        topic = topics.parse(message.topic)
        if topic is None:
            fault = _announcement(evidence, message)
        elif topic.kind not in _UP:
            fault = f"{len(message.payload)} bytes at {message.topic}, where no device speaks"
        else:
            fault = _content(topic, message.payload)
        if fault:
            yield Finding(fault, message.where)
    yield from _one_announcement(evidence)


def _content(topic: topics.Topic, payload: bytes) -> str:
    """What is wrong with a message; heads are looked at by `ledger.heads`."""
    look = _LOOKS.get(topic.kind)
    try:
        device = look(payload) if look else topic.device
    except EnvelopeError as error:
        return f"{topic.kind}: {error}"
    return (
        "" if device in (topic.device, None) else f"a {topic.kind} of {device} at the topic of {topic.device}"
    )


def _status(payload: bytes) -> str:
    status = from_json(payload, Status, "status")
    if (status.state == "lost") != (status.ledger is None):
        raise EnvelopeError("status: only a last will does not say how many rows there are")
    return status.device


def _state(payload: bytes) -> str | None:
    """Empty takes the last one back."""
    return from_json(payload, State, "state").device if payload else None


def _request(payload: bytes) -> str:
    """A request, whose CSR holds nothing but what it must."""
    request, _ = open_request(payload)
    csr = x509.load_pem_x509_csr(request.csr.encode())
    plain = csr.public_bytes(Encoding.PEM).decode() == request.csr
    if not plain or len(csr.attributes) or len(csr.extensions):
        raise EnvelopeError("request: more in it than a request needs")
    return request.device


def _announcement(evidence: Evidence, message: Message) -> str:
    """The one message that is at no topic of ours: what Home Assistant reads, if the owner wanted it."""
    found = _DISCOVERY.fullmatch(message.topic)
    unknown = f"{len(message.payload)} bytes at {message.topic}, a topic that is not known"
    if found is None:
        return unknown
    wish = evidence.settings.get("home_assistant", {})
    wanted = wish.get("discovery") is True and found["prefix"] == wish.get("prefix", "homeassistant")
    if (message.payload and not wanted) or len(message.payload) > _DISCOVERY_BYTES:
        return unknown
    return ""


def _one_announcement(evidence: Evidence) -> Iterator[Finding]:
    """It is the same each time, or empty, which takes it back."""
    first = b""
    for message in evidence.messages:
        if message.payload and _DISCOVERY.fullmatch(message.topic):
            first = first or message.payload
            if message.payload != first:
                yield Finding("another announcement than the one before", message.where)


def counted(evidence: Evidence) -> Iterator[Finding]:
    """What status and state count fits the ledger, and there are no more of them than reasons for them."""
    rows = {(row.topic, row.sha256): row.index for row in reversed(evidence.rows) if row.sha256}
    triggers = [row.index for row in evidence.rows if row.kind in ("trigger", "resealed")]
    for message in evidence.messages:
        own = rows.get((message.topic, hashlib.sha256(message.payload).hexdigest()))
        topic = topics.parse(message.topic)
        if own is None or topic is None:
            continue  # `envelope.ledgered` says so
        rows_said, waiting = _counts(topic.kind, message.payload)
        if rows_said > own:
            yield Finding(f"a status counts {rows_said} rows, and is row {own}", message.where)
        if waiting > sum(index < own for index in triggers):
            yield Finding(f"{waiting} utterances wait, more than there ever were", message.where)
    yield from _too_many(evidence)


def _too_many(evidence: Evidence) -> Iterator[Finding]:
    happened = sum(row.kind not in _NOTHING_HAPPENED for row in evidence.rows)
    for kind in ("status", "state"):
        often = sum(row.kind == kind for row in evidence.rows)
        if often > _PER_EVENT * (happened + 1):
            yield Finding(f"{often} times {kind}, and only {happened} things happened", LEDGER)


def _counts(kind: str, payload: bytes) -> tuple[int, int]:
    """How many rows a status says there are, and how many utterances wait by a state; `envelope.strict` says
    what is neither.
    """
    with suppress(EnvelopeError):
        if kind == "status":
            return from_json(payload, Status, "status").ledger or 0, 0
        if kind == "state" and payload:
            return 0, from_json(payload, State, "state").waiting
    return 0, 0


def free(evidence: Evidence) -> Iterator[Finding]:
    """Strings that may be anything are the same each time: a key's name, a model's word, a boot's."""
    names: dict[str, str] = {}
    boots: dict[str, str] = {}
    for sent, begin in begins(evidence):
        header = begin.header
        said = {f"reader {reader.id}": reader.name for reader in header.readers}
        if header.trigger.kind == "wake_word":
            said[f"the model {header.trigger.model}"] = str(header.trigger.word)
        for what, name in said.items():
            if names.setdefault(what, name) != name:
                yield Finding(f"{what} is called {name!r}, and {names[what]!r} before", sent.where)
        boots.setdefault(header.boot, sent.where)
    for message in evidence.messages:
        if (boot := _boot(message)) is not None:
            boots.setdefault(boot, message.where)
    started = sum(row.kind == "boot" for row in evidence.rows)
    if len(boots) > started:
        where = list(boots.values())[started]
        yield Finding(f"{len(boots)} names of boots, and the device started {started} times", where)


def _boot(message: Message) -> str | None:
    topic = topics.parse(message.topic)
    with suppress(EnvelopeError):
        if topic is not None and topic.kind == "status":
            return from_json(message.payload, Status, "status").boot
        if topic is not None and topic.kind == "state" and message.payload:
            return from_json(message.payload, State, "state").boot
    return None


_NOTHING_HAPPENED = frozenset({"status", "state", "segment", "discovery", "checkpoint", "request"})

_LOOKS: dict[str, Callable[[bytes], str | None]] = {
    "status": _status,
    "state": _state,
    "request": _request,
}

CHECKS = (
    Check("envelope.counted", 5, "what status and state count is what the ledger has", counted),
    Check("envelope.free", 6, "names that may be anything are the same each time", free),
)
