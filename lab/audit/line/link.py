"""link.json: what whoever captured says of the cable, whose ends they are and what its kernel counted."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import msgspec

from lab.audit.errors import Damaged

FILE = "link.json"

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Address = Annotated[str, msgspec.Meta(min_length=2, max_length=64)]
Mac = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")]


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the device may call, and how."""

    host: Address
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    tls: bool


class Kernel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the device's end of the cable counted during the capture: `sent` by the device, whole frames."""

    interface: str
    sent_packets: Count
    sent_bytes: Count
    received_packets: Count
    received_bytes: Count


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cable. `dropped`: packets that the capture was too slow for."""

    device: Annotated[list[Address], msgspec.Meta(min_length=1, max_length=64)]
    mac: Mac
    broker: Broker
    kernel: Kernel
    dropped: Count

    @property
    def own(self) -> frozenset[bytes]:
        """The device's addresses, packed."""
        return frozenset(ip_address(each).packed for each in self.device)

    @property
    def host(self) -> bytes:
        """The broker's address, packed."""
        return ip_address(self.broker.host).packed

    @property
    def card(self) -> bytes:
        """The device's card, packed."""
        return bytes.fromhex(self.mac.replace(":", ""))


def read(path: Path) -> Link:
    """Read link.json. Raises Damaged."""
    try:
        link = msgspec.json.decode(path.read_bytes(), type=Link)
        _ = link.own, link.host
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise Damaged(path.name, f"not a description of a link ({error})") from error
    return link
