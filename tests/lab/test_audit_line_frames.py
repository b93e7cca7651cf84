"""Frames that the device has no reason to send: each is named, with its packet."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.audit.capture.files import Record
from lab.audit.capture.packet import decode
from lab.audit.errors import Damaged
from lab.audit.line import link
from lab.audit.line.frames import Frames
from tests.lab.captured_line import ACK, BROKER, CARD, DEVICE, OTHER, PSH, RST, SYN, Cable, Chunk

OWN = bytes([10, 77, 0, 2])
MADE = bytes.fromhex("fe80000000000000000000fffe000002")


@pytest.fixture
def cable() -> Cable:
    laid = Cable(8883, tls=True)
    laid.arp()
    laid.arp(back=True)
    laid.call([Chunk(True, b"hello"), Chunk(False, b"hello")])
    return laid


def strange(cable: Cable, run: Path) -> list[str]:
    cable.write(run)
    frames = Frames(link.read(run / "link.json"))
    for number, frame in enumerate(cable.frames, 1):
        frames.see(decode(Record(number, number, 1, frame, len(frame))))
    return [each.what for each in frames.strange]


def tcp(flags: int = PSH | ACK, data: bytes = b"", options: bytes = b"", **more: int) -> bytes:
    words = 5 + len(options) // 4
    ports = more.get("source", 40_001), more.get("port", 8883)
    answered = more.get("answered", 1 if flags & ACK else 0)
    lead = (words << 4 | more.get("reserved", 0), flags, 1000, 0, more.get("urgent", 0))
    return struct.pack(">HHIIBBHHH", *ports, 1, answered, *lead) + options + data


def test_a_connection_and_what_two_cards_need_to_find_each_other_are_nothing_strange(
    cable: Cable, tmp_path: Path
) -> None:
    cable.ip(tcp(options=b"\1\1\x08\x0a" + bytes(8)))
    cable.ip(tcp(SYN, options=b"\2\4\5\xb4\4\2\x08\x0a" + bytes(8) + b"\1\3\3\7"))
    cable.ip(tcp(ACK, options=b"\1\1\5\x0a" + bytes(8)))
    cable.ip(tcp(RST))
    assert strange(cable, tmp_path) == []


def query(cable: Cable) -> None:
    name = b"\x05sound\x07example\0"
    cable.udp(bytes([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + name + b"\0\1\0\1", 53, to="9.9.9.9")


WAYS: dict[str, tuple[Callable[[Cable], None], str]] = {
    "dns": (query, "DNS query A sound.example to 9.9.9.9 port 53"),
    "ntp": (lambda c: c.udp(bytes(48), 123), "NTP to 10.77.0.1 port 123, 48 bytes"),
    "udp": (lambda c: c.udp(b"x", 9999), "UDP to 10.77.0.1 port 9999, 1 bytes"),
    "ping": (lambda c: c.ip(b"\x08\0\0\0" + bytes(60), 1), "icmp to 10.77.0.1, 64 bytes"),
    "igmp": (lambda c: c.ip(bytes(8), 2, to="224.0.0.22"), "igmp to 224.0.0.22"),
    "another port": (lambda c: c.ip(tcp(port=443)), "TCP to 10.77.0.1 port 443, which is not the broker"),
    "another host": (lambda c: c.ip(tcp(), to="10.77.0.9"), "TCP to 10.77.0.9 port 8883, which is not"),
    "lldp": (lambda c: c.send(bytes(40), kind=0x88CC), "lldp to 02:00:00:00:00:01, 40 bytes"),
    "own ethertype": (lambda c: c.send(bytes(40), kind=0x88B5), "0x88b5 to 02:00:00:00:00:01, 40 bytes"),
    "urgent": (lambda c: c.ip(tcp(urgent=7)), "an urgent pointer"),
    "reserved": (lambda c: c.ip(tcp(reserved=2)), "flags of TCP (0x218) that nobody needs"),
    "odd flags": (lambda c: c.ip(tcp(SYN | 1)), "flags of TCP (0x003) that nobody needs"),
    "syn with data": (lambda c: c.ip(tcp(SYN, b"abc")), "3 bytes in a TCP packet that carries none"),
    "rst with data": (lambda c: c.ip(tcp(RST, b"abc")), "3 bytes in a TCP packet that carries none"),
    "idle ack": (lambda c: c.ip(tcp(SYN, answered=7)), "an acknowledgement in a TCP packet that has none"),
    "tcp option": (lambda c: c.ip(tcp(options=b"\xfd\x04ab")), "option 253 of TCP"),
    "option twice": (lambda c: c.ip(tcp(options=2 * (b"\1\1\x08\x0a" + bytes(8)))), "option 8 of TCP"),
    "option cut": (lambda c: c.ip(tcp(options=b"\1\1\x08\x0a")), "option 8 of TCP"),
    "behind the options": (lambda c: c.ip(tcp(options=b"\0abc")), "filling of a TCP header"),
    "behind the packet": (lambda c: c.frames.append(_ip(tcp()) + b"\0\0x"), "3 bytes behind a packet"),
    "zeros behind it": (lambda c: c.frames.append(_ip(tcp()) + bytes(9)), "9 bytes behind a packet"),
    "ip options": (lambda c: c.frames.append(_ip(tcp(), options=b"\x94\4\0\0")), "options in an IPv4 header"),
    "fragment": (lambda c: c.frames.append(_ip(tcp(), fragment=0x2000)), "a fragment"),
    "reserved bit": (lambda c: c.frames.append(_ip(tcp(), fragment=0xC000)), "a fragment, or a reserved bit"),
    "service": (lambda c: c.frames.append(_ip(tcp(), service=0x40)), "a class of service that nobody set"),
    "hops": (lambda c: c.frames.append(_ip(tcp(), hops=63)), "another number of hops"),
    "another card": (lambda c: c.frames.append(OTHER + OTHER + _ip(tcp())[12:]), "a frame with the device's"),
    "a third card": (lambda c: c.frames.append(CARD + b"\2third\x08\0" + bytes(20)), "a frame of a thi"),
    "arp for all": (lambda c: c.send(_arp(asked=bytes([10, 77, 0, 77])), kind=0x0806), "an ARP packet about"),
    "arp as another": (lambda c: c.send(_arp(source=b"abcd"), kind=0x0806), "an ARP packet about"),
    "arp with an answer": (lambda c: c.send(_arp(target=b"secret"), kind=0x0806), "an ARP question with"),
    "arp with more": (lambda c: c.send(_arp() + bytes(17) + b"x", kind=0x0806), "18 bytes behind an ARP"),
    "no arp": (lambda c: c.send(_arp()[:20], kind=0x0806), "an ARP packet that is none"),
    "ping 6": (lambda c: c.send(_icmp6(b"\x80" + bytes(31)), kind=0x86DD), "ICMPv6 of type 128, 32 bytes"),
    "nd with more": (lambda c: c.send(_icmp6(_ask(MADE, b"\1\1secret")), kind=0x86DD), "neighbour disc"),
    "nd of another": (lambda c: c.send(_icmp6(_ask(bytes(16))), kind=0x86DD), "neighbour discovery about"),
    "groups": (lambda c: c.send(_groups(b"\xff\x02" + b"hidden sound!!"), kind=0x86DD), "neighbour disc"),
}  # fmt: skip


def _ip(body: bytes, fragment: int = 0x4000, service: int = 0, hops: int = 64, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    size = 4 * words + len(body)
    head = struct.pack(">BBHHHBBH", 0x40 | words, service, size, 1, fragment, hops, 6, 0)
    return OTHER + CARD + b"\x08\0" + head + OWN + bytes([10, 77, 0, 1]) + options + body


def _arp(source: bytes = OWN, target: bytes = bytes(6), asked: bytes = bytes([10, 77, 0, 1])) -> bytes:
    return bytes.fromhex("0001080006040001") + CARD + source + target + asked


def _icmp6(body: bytes, source: bytes = MADE) -> bytes:
    target = bytes.fromhex("ff0200000000000000000001ff000002")
    return struct.pack(">IHBB", 6 << 28, len(body), 58, 255) + source + target + body


def _ask(asked: bytes, option: bytes = b"\x01\x01" + CARD) -> bytes:
    return b"\x87\0" + bytes(6) + asked + option


def _groups(group: bytes) -> bytes:
    report = b"\x8f\0\0\0\0\0\0\1\4\0\0\0" + group
    head = struct.pack(">IHBB", 6 << 28, 8 + len(report), 0, 1) + MADE + b"\xff\2" + bytes(13) + b"\x16"
    return head + bytes([58, 0, 5, 2, 0, 0, 1, 0]) + report


@pytest.mark.parametrize("way", WAYS)
def test_each_is_named(cable: Cable, tmp_path: Path, way: str) -> None:
    send, what = WAYS[way]
    send(cable)
    assert any(each.startswith(what) for each in strange(cable, tmp_path)), strange(cable, tmp_path)


def test_a_card_that_comes_up_with_ipv6_says_so_a_few_times(cable: Cable, tmp_path: Path) -> None:
    mine = bytes.fromhex("ff0200000000000000000001ff000002")
    router = b"\x85" + bytes(7) + b"\x01\x01" + CARD
    taken = _icmp6(_ask(MADE, b"\x0e\x01random"), source=bytes(16))
    for _ in range(10):
        for body in (_groups(mine), _icmp6(router), taken, _icmp6(_ask(MADE))):
            cable.send(body, kind=0x86DD)
    assert strange(cable, tmp_path) == []
    for _ in range(10):
        cable.send(taken, kind=0x86DD)
    assert strange(cable, tmp_path)[0].startswith("more than 32 times")


def test_what_the_capture_has_in_part_is_found(cable: Cable, tmp_path: Path) -> None:
    cable.write(tmp_path)
    frames = Frames(link.read(tmp_path / "link.json"))
    frames.see(decode(Record(1, 1, 1, _ip(tcp(data=bytes(100)))[:80], 154)))
    assert [each.what for each in frames.strange] == ["74 bytes of a packet that the capture does not have"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([1, 101, 113, 276]))
def test_no_bytes_end_it(data: bytes, kind: int) -> None:
    told = link.Link(
        [DEVICE], CARD.hex(":"), link.Broker(BROKER, 8883, True), link.Kernel("a", 0, 0, 0, 0), 0
    )
    for frame in (data, OTHER + CARD + data):
        Frames(told).see(decode(Record(1, 1, kind, frame, len(frame))))


@pytest.mark.parametrize(
    "change",
    [{"device": []}, {"device": ["nowhere"]}, {"mac": "2"}, {"dropped": -1}, {"more": 1},
     {"broker": {"host": BROKER, "port": 0, "tls": True}}],
)  # fmt: skip
def test_a_link_that_says_what_cannot_be_is_damage(
    cable: Cable, tmp_path: Path, change: dict[str, object]
) -> None:
    cable.write(tmp_path)
    told = json.loads((tmp_path / "link.json").read_text())
    (tmp_path / "link.json").write_text(json.dumps({**told, **change}))
    with pytest.raises(Damaged, match=r"link.json"):
        link.read(tmp_path / "link.json")
