"""The capture of a run, read once: its frames, its connections, and what its reader found wrong with it."""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from lab.audit.capture import survey
from lab.audit.capture.survey import Flow, Survey
from lab.audit.errors import NotGiven
from lab.audit.evidence import Evidence
from lab.audit.line import keylog, link
from lab.audit.line.call import Call
from lab.audit.line.frames import Frames
from lab.audit.line.keylog import KeyLog
from lab.audit.line.link import Link
from lab.audit.line.nonsense import place
from lab.audit.line.talk import Device
from lab.audit.verdicts import Finding

CAPTURE, KEYS = "wire.pcapng", "wire.keys"
_MORE = 1000
_ALIVE_S = 20
"""What a device says that was told nothing else."""


class Wire(NamedTuple):
    """What there is of it. calls: in the order in which they began."""

    link: Link
    survey: Survey
    frames: Frames
    calls: list[Call]
    device: str
    names: frozenset[str]
    log: KeyLog | None


def read(evidence: Evidence) -> Wire:
    """Read all of it. Raises NotGiven and Damaged."""
    path = evidence.named(
        evidence.given.capture, CAPTURE, f"a capture of the device's link: --pcap, or {CAPTURE}"
    )
    what = f"whose the addresses in the capture are, and what the kernel counted: {link.FILE} of the run"
    cable = link.read(evidence.path(link.FILE, what))
    seen = _pass(evidence, path, cable, _log(evidence))
    if seen.log is None and seen.survey.secrets:  # the key log is in the capture itself
        seen = _pass(evidence, path, cable, keylog.parse(b"\n".join(seen.survey.secrets), path.name))
    if not seen.survey.packets:
        raise NotGiven("a capture of the device's link with a packet in it")
    return seen


def _pass(evidence: Evidence, path: Path, cable: Link, log: KeyLog | None) -> Wire:
    """Read the capture once, with these keys."""
    device = Device(evidence.device_key.name, _alive_s(evidence), 2 * len(evidence.rows) + _MORE)
    own = {str(ip_address(each)) for each in cable.device}
    broker = survey.Endpoint(str(ip_address(cable.broker.host)), cable.broker.port)
    calls, frames, tickets = list[Call](), Frames(cable), set[bytes]()

    def listen(flow: Flow) -> Call | None:
        if flow.protocol != "tcp" or flow.first.address not in own or flow.second != broker:
            return None
        calls.append(Call(device, log, tickets))
        return calls[-1]

    found = survey.read(path, listen, frames.see, evidence.reading)
    return Wire(cable, found, frames, calls, device.name, frozenset(_names(evidence, cable)), log)


def faults(wire: Wire) -> Iterator[Finding]:
    """What is wrong with the capture as a file, and what strange frames there are."""
    for what, number in wire.survey.faults:
        yield Finding(what, f"packet {number}" if number else "the capture")
    for strange in wire.frames.strange:
        yield Finding(strange.what, place(strange.at))
    if wire.frames.more:
        yield Finding(f"{wire.frames.more} more strange frames", "the capture")


def _log(evidence: Evidence) -> KeyLog | None:
    given = evidence.given.keylog
    try:
        return keylog.read(evidence.named(given, KEYS, "a key log"))
    except NotGiven:
        return None


def _alive_s(evidence: Evidence) -> int | None:
    """The keep alive that the device was told, or would have without a word."""
    try:
        said = evidence.settings.get("uplink", {}).get("keepalive_s", _ALIVE_S)
    except NotGiven:
        return None
    return said if isinstance(said, int) else None


def _names(evidence: Evidence, cable: Link) -> Iterator[str]:
    """By what names the device may ask for its broker."""
    yield ""
    yield cable.broker.host
    try:
        yield str(evidence.settings.get("uplink", {}).get("host", ""))
    except NotGiven:
        return
