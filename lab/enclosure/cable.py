"""The one cable: a veth pair between a namespace of the device and one of the laboratory. Nothing but what
the device sends goes over it: neighbours are known beforehand, and IPv6 is off, so no kernel says a word.
"""

import fcntl
import socket
import struct
import subprocess
from array import array
from pathlib import Path
from typing import NamedTuple

from lab.enclosure.errors import EnclosureError
from lab.enclosure.namespace import Namespace

LAB, DEVICE = "10.77.0.1", "10.77.0.2"
LAB_MAC, DEVICE_MAC = "02:00:00:77:00:01", "02:00:00:77:00:02"
LAB_END, DEVICE_END = "lab", "net"

_SIOCETHTOOL = 0x8946
_OFF = {0x17: "tx checksums", 0x1F: "tso", 0x19: "scatter-gather", 0x24: "gso", 0x2C: "gro"}
"""Offloads as ethtool's commands call them: with them a packet of the capture would be none of the wire."""


class Counters(NamedTuple):
    """What the kernel counted at the device's end: whole Ethernet frames."""

    sent_packets: int
    sent_bytes: int
    received_packets: int
    received_bytes: int


def lay(lab: Namespace, device: Namespace) -> None:
    """Lay the cable and bring both ends up.

    Raises:
        EnclosureError: `ip` (iproute2) is not there, or refuses.
    """
    pair = ["link", "add", LAB_END, "address", LAB_MAC, "type", "veth", "peer", "name", DEVICE_END]
    pair += ["address", DEVICE_MAC, "netns", f"/proc/self/fd/{device.fd}"]
    lab.run(lambda: _ip(*pair, keep=device.fd))
    for namespace, end, own, other, mac in (
        (lab, LAB_END, LAB, DEVICE, DEVICE_MAC),
        (device, DEVICE_END, DEVICE, LAB, LAB_MAC),
    ):
        namespace.run(lambda end=end, own=own, other=other, mac=mac: _bring_up(end, own, other, mac))  # type: ignore[misc]  # a lambda that binds by defaults


def counters() -> Counters:
    """What was counted at the device's end so far; to be asked inside of its namespace."""
    folder = Path("/sys/class/net") / DEVICE_END / "statistics"
    if folder.exists():  # sysfs shows the namespace of who mounted it
        return Counters(*(int((folder / name).read_text()) for name in _STATISTICS))
    for line in Path("/proc/thread-self/net/dev").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == DEVICE_END:
            numbers = [int(word) for word in rest.split()]
            return Counters(numbers[9], numbers[8], numbers[1], numbers[0])
    raise EnclosureError(f"{DEVICE_END}: the cable is gone")


_STATISTICS = ("tx_packets", "tx_bytes", "rx_packets", "rx_bytes")


def _bring_up(end: str, own: str, other: str, mac: str) -> None:
    """In a namespace: one end with its address, its only neighbour known."""
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    Path("/proc/sys/net/ipv6/conf/default/disable_ipv6").write_text("1")
    _plain(end)
    _ip("link", "set", "lo", "up")
    _ip("address", "add", f"{own}/30", "dev", end)
    _ip("link", "set", end, "up", "arp", "off")
    _ip("neighbour", "replace", other, "lladdr", mac, "dev", end, "nud", "permanent")


def _plain(end: str) -> None:
    """Turn off what a card would do for the kernel."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        for command, name in _OFF.items():
            value = array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP", end.encode(), value.buffer_info()[0])
            try:
                fcntl.ioctl(handle, _SIOCETHTOOL, request)
            except OSError as error:
                raise EnclosureError(f"{end}: {name} can't be turned off ({error.strerror})") from error


def _ip(*words: str, keep: int | None = None) -> None:
    """Run `ip`; it gets the file descriptor `keep`."""
    handed = () if keep is None else (keep,)
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True, pass_fds=handed)  # noqa: S607 - wherever the system has it
    except FileNotFoundError as error:
        raise EnclosureError("ip: not installed; apt install iproute2") from error
    except subprocess.CalledProcessError as error:
        raise EnclosureError(f"ip {' '.join(words)}: {error.stderr.strip()}") from error
