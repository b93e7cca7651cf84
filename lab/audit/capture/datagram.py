"""What a UDP datagram is, in a few words: for a list that a person reads, never to excuse it."""

from lab.audit.capture.packet import Packet

_DNS = {53: "DNS", 5353: "mDNS", 5355: "LLMNR"}
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    65: "HTTPS",
    255: "ANY",
}
_PORTS = {
    67: "DHCP", 68: "DHCP", 123: "NTP", 137: "NetBIOS", 138: "NetBIOS", 500: "IKE", 546: "DHCPv6",
    547: "DHCPv6", 1900: "SSDP", 3478: "STUN", 4500: "IPsec", 5683: "CoAP", 51820: "WireGuard",
}  # fmt: skip


def is_named(*ports: int) -> bool:
    """Whether a datagram between these ports asks something that is worth to be named, each time."""
    return any(port in _DNS for port in ports)


def words(packet: Packet) -> str:
    """Name it by its ports, and of DNS what is asked."""
    ports = packet.source[1], packet.target[1]
    data = packet.record.data[packet.start : packet.end]
    for port in ports:
        if port in _DNS:
            return _dns(_DNS[port], data)
        if port in _PORTS:
            return _PORTS[port]
    if 443 in ports and data[:1] and data[0] & 0xC0:
        return "QUIC"
    return "UDP"


def _dns(name: str, data: bytes) -> str:
    if len(data) < 12 or data[4:6] == b"\0\0":
        return f"{name} response" if len(data) >= 12 and data[2] & 0x80 else name
    kind = "response" if data[2] & 0x80 else "query"
    labels: list[bytes] = []
    at = 12
    while at < len(data) and 0 < data[at] < 64 and len(labels) < 128:
        labels.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    asked = ".".join("".join(chr(b) if 33 <= b < 127 else f"\\x{b:02x}" for b in label) for label in labels)
    code = int.from_bytes(data[at + 1 : at + 3], "big")
    return f"{name} {kind} {_TYPES.get(code, f'TYPE{code}')} {asked or '.'}"
