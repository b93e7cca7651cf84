"""In the formats of those who study this: results.txt, IoT Inspector's SQLite, VCFingerprinting's CSV.

results.txt: github.com/NEU-SNS and moniotr's, as published with that study. IoT Inspector: the tables of
nyu-mlab/inspector-core-library, src/libinspector/mem_db.py. CSV: SmartHomePrivacyProject/VCFingerprinting.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from lab.audit.capture.packet import Packet
from lab.audit.capture.survey import read as survey
from lab.traffic.errors import TrafficError
from lab.traffic.rule import Activation

_LISTED = "Devices with corresponding times are listed below:"
_SPAN = re.compile(r"(?P<device>[^:]+):(?P<spans>(?:\(\d+, \d+\)(?:, )?)+)")

_INSPECTOR = """
CREATE TABLE devices (mac_address TEXT PRIMARY KEY, ip_address TEXT NOT NULL, is_inspected INTEGER DEFAULT 0,
    is_gateway INTEGER DEFAULT 0, updated_ts INTEGER DEFAULT 0, metadata_json TEXT DEFAULT '{}');
CREATE TABLE hostnames (ip_address TEXT PRIMARY KEY, hostname TEXT NOT NULL, updated_ts INTEGER DEFAULT 0,
    data_source TEXT NOT NULL, metadata_json TEXT DEFAULT '{}');
CREATE TABLE network_flows (timestamp INTEGER, src_ip_address TEXT, dest_ip_address TEXT, src_hostname TEXT,
    dest_hostname TEXT, src_mac_address TEXT, dest_mac_address TEXT, src_port TEXT, dest_port TEXT,
    protocol TEXT, byte_count INTEGER DEFAULT 0, packet_count INTEGER DEFAULT 0,
    metadata_json TEXT DEFAULT '{}',
    PRIMARY KEY (timestamp, src_mac_address, dest_mac_address, src_ip_address, dest_ip_address, src_port,
                 dest_port, protocol));
"""


class Listed(NamedTuple):
    """A capture's activations as results.txt has them: device, and (first, last) seconds."""

    capture: str
    spans: dict[str, list[tuple[int, int]]]


def to_results(capture: str, device: str, found: Sequence[Activation]) -> str:
    """The lines of results.txt for one capture."""
    spans = ", ".join(f"({each.first}, {each.last})" for each in found)
    return f"{capture}:{_LISTED}\n" + (f"{device}:{spans}\n" if spans else "")


def from_results(text: str) -> list[Listed]:
    """Read a results.txt. Raises TrafficError for a line that is neither."""
    listed: list[Listed] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.rstrip().endswith(_LISTED):
            listed.append(Listed(line.rstrip().removesuffix(_LISTED).rstrip(":"), {}))
        elif line.strip():
            match = _SPAN.fullmatch(line.strip())
            if match is None or not listed:
                raise TrafficError(f"results.txt:{number}: neither a capture nor a device with its seconds")
            pairs = re.findall(r"\((\d+), (\d+)\)", match["spans"])
            listed[-1].spans[match["device"]] = [(int(first), int(last)) for first, last in pairs]
    return listed


def write_trace(capture: Path, device: str, out: Path) -> int:
    """Write `,time,size,direction` of every packet between the device and anybody: seconds from the first,
    bytes of IP, 1.0 for what it sent and -1.0 for what it got. Returns how many.
    """
    own, first, count = ip_address(device).packed, 0, 0
    with out.open("w", encoding="utf-8", newline="") as file:
        file.write(",time,size,direction\n")

        def see(packet: Packet) -> None:
            nonlocal first, count
            if own in (packet.source[0], packet.target[0]) and packet.source[0] != packet.target[0]:
                time_ns = packet.record.time_ns
                first = first or time_ns
                size = float(packet.record.length - packet.network)
                way = 1.0 if packet.source[0] == own else -1.0
                file.write(f"{count},{(time_ns - first) / 1e9},{size},{way}\n")
                count += 1

        survey(capture, see=see)
    return count


def write_inspector(capture: Path, out: Path) -> int:
    """Write a SQLite file with the tables that IoT Inspector reads, flows by second; names stay empty.

    Returns how many rows.
    """
    flows: dict[tuple[object, ...], list[int]] = {}
    cards: dict[str, str] = {}

    def see(packet: Packet) -> None:
        if len(packet.source[0]) in (4, 16):
            ends = [str(ip_address(end[0])) for end in (packet.source, packet.target)]
            macs = [mac.hex(":") for mac in packet.macs]
            second = packet.record.time_ns // 1_000_000_000
            ports = str(packet.source[1]), str(packet.target[1])
            key = (second, *ends, *macs, *ports, packet.protocol.upper())
            counted = flows.setdefault(key, [0, 0])
            counted[0] += packet.record.length
            counted[1] += 1
            if ip_address(ends[0]).is_private:
                cards[macs[0]] = ends[0]

    survey(capture, see=see)
    out.unlink(missing_ok=True)
    with closing(sqlite3.connect(out)) as db, db:
        db.executescript(_INSPECTOR)
        db.executemany("INSERT INTO devices (mac_address, ip_address) VALUES (?, ?)", cards.items())
        flow = "INSERT INTO network_flows VALUES (?, ?, ?, '', '', ?, ?, ?, ?, ?, ?, ?, '{}')"
        db.executemany(flow, _rows(flows))
    return len(flows)


def _rows(flows: dict[tuple[object, ...], list[int]]) -> Iterable[tuple[object, ...]]:
    for (second, source, target, source_mac, target_mac, *rest), counted in flows.items():
        yield (second, source, target, source_mac, target_mac, *rest, *counted)
