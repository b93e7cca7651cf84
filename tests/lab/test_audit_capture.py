"""Capture files to packets, flows and streams: every form of file, link and header, and damage."""

import contextlib
import struct
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.audit.capture.blocks import Faults, Record
from lab.audit.capture.packet import decode
from lab.audit.capture.stream import Memory, Stream
from lab.audit.capture.survey import At, Flow, Survey, read
from lab.audit.errors import Damaged
from tests.lab.packets import (
    MACS,
    NANOSECONDS,
    Kept,
    block,
    ethernet,
    ipv4,
    ipv6,
    pcap,
    pcapng,
    segment,
    tcp,
    udp,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "echo-traffic" / "pcap"
NTP = udp(bytes(48), 123)
SNAP = b"\xaa\xaa\x03\0\0\0\x08\0"
OPTIONS = b"\x3c\0" + bytes(6) + b"\x11\0" + bytes(6)


class Heard:
    """What a connection said, by side; what was lost is a question mark a byte."""

    def __init__(self) -> None:
        self.said = {True: b"", False: b""}
        self.ends = 0

    def hear(self, from_first: bool, data: bytes, _at: At) -> None:
        self.said[from_first] += data

    def lost(self, from_first: bool, count: int, _at: At) -> None:
        self.said[from_first] += b"?" * count

    def over(self) -> None:
        self.ends += 1


def look(tmp_path: Path, content: bytes) -> Survey:
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    return read(path)


def listen(tmp_path: Path, *frames: bytes | Kept) -> tuple[list[Heard], Survey]:
    path, heard = tmp_path / "x.pcap", list[Heard]()
    path.write_bytes(pcap(frames))

    def open_stream(_flow: Flow) -> Heard:
        heard.append(Heard())
        return heard[-1]

    return heard, read(path, open_stream)


def only(found: Survey) -> Flow:
    (flow,) = found.flows
    return flow


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pcap([ethernet(ipv4(NTP, 17))]),
        pcap([ethernet(ipv4(NTP, 17))], order=">"),
        pcap([ethernet(ipv4(NTP, 17))], nano=True),
        pcap([ethernet(ipv4(NTP, 17))], order=">", nano=True),
        pcapng([ethernet(ipv4(NTP, 17))]),
        pcapng([ethernet(ipv4(NTP, 17))], order=">"),
        pcapng([ethernet(ipv4(NTP, 17))], options=NANOSECONDS),
        pcapng([]) + pcapng([ethernet(ipv4(NTP, 17))]) + block(0x40000BAD, b"unknown"),
    ],
)
def test_every_form_of_file_says_the_same(tmp_path: Path, content: bytes) -> None:
    found = look(tmp_path, content)
    assert str(only(found)) == "udp 10.0.0.2:40000 > 10.0.0.1:123"
    counts = found.flows[only(found)]
    assert (counts.packets, counts.bytes, counts.payload) == ([1, 0], [90, 0], [48, 0])
    assert (counts.at_first, dict(counts.words)) == (At(1, 1_700_000_000_000_000_000), {"NTP": 1})
    assert found.faults == []


def test_a_time_of_nanoseconds_keeps_them(tmp_path: Path) -> None:
    when = 1_700_000_000_123_456_789
    for content in (
        pcap([Kept(ethernet(ipv4(NTP, 17)), when)], nano=True),
        pcapng([Kept(ethernet(ipv4(NTP, 17)), when)], options=NANOSECONDS),
    ):
        found = look(tmp_path, content)
        assert found.flows[only(found)].at_last == At(1, when)


def test_keys_in_a_pcapng_are_found(tmp_path: Path) -> None:
    keys = b"CLIENT_TRAFFIC_SECRET_0 00 11\n"
    secrets = block(10, struct.pack("<II", 0x544C534B, len(keys)) + keys)
    assert look(tmp_path, pcapng([]) + secrets).secrets == [keys]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x0a\x0d\x0d\x0a", pcap([])[:20]])
def test_what_is_no_capture_is_damaged(tmp_path: Path, content: bytes) -> None:
    if content == b"\x0a\x0d\x0d\x0a":
        assert look(tmp_path, content).faults == [("the file ends within a block", 0)]
        return
    with pytest.raises(Damaged):
        look(tmp_path, content)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_a_file_that_ends_early_is_read_to_there_and_said_to(make, tmp_path: Path) -> None:
    whole = make([segment(1, b"a"), segment(2, b"b")])
    for short in (1, 3, 30):
        found = look(tmp_path, whole[:-short])
        assert found.packets == 1
        assert "ends within" in found.faults[-1][0]


def test_lengths_that_cannot_be_are_damage_and_not_memory(tmp_path: Path) -> None:
    wild = pcap([segment(1)])[:24] + struct.pack("<IIII", 0, 0, 1 << 31, 1 << 31)
    with pytest.raises(Damaged, match="broken file"):
        look(tmp_path, wild)
    with pytest.raises(Damaged, match="broken file"):
        look(tmp_path, pcapng([]) + struct.pack("<II", 6, 0xFFFFFFF0) + bytes(40))
    with pytest.raises(Damaged, match="two different lengths"):
        look(tmp_path, pcapng([segment(1)])[:-4] + b"\x10\0\0\0")
    with pytest.raises(Damaged, match="interface 0"):
        look(tmp_path, pcapng([])[:28] + block(6, bytes(20)))


@settings(max_examples=300, deadline=None)
@example(pcapng, 72_764, 15, 0)  # a packet of which fifteen bytes were kept
@given(st.sampled_from([pcap, pcapng]), st.integers(0, 2**20), st.integers(0, 255), st.integers(0, 3))
def test_no_byte_of_a_file_does_more_than_be_damage(make, where: int, value: int, cut: int) -> None:
    frames = [segment(1, b"abc"), ethernet(ipv6(udp(bytes(20), 53)), 0x86DD), ethernet(b"who has", 0x0806)]
    content = bytearray(make(frames))
    content[where % len(content)] = value
    with NamedTemporaryFile() as file:
        file.write(bytes(content[: len(content) - cut]))
        file.flush()
        with contextlib.suppress(Damaged):
            assert read(Path(file.name), lambda _flow: Heard()).packets <= 4


@settings(max_examples=500)
@given(st.sampled_from([0, 1, 9, 12, 101, 105, 108, 113, 127, 147, 276]), st.binary(max_size=120))
def test_no_packet_does_more_than_be_named(link: int, data: bytes) -> None:
    packet = decode(Record(1, 0, link, data, len(data)))
    assert packet.protocol
    assert packet.network <= packet.transport <= packet.start


# -- links -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "frame"),
    [
        (1, ethernet(ipv4(NTP, 17), tags=b"\x81\x00\x00\x07")),
        (1, ethernet(ipv4(NTP, 17), tags=b"\x88\xa8\x00\x07\x81\x00\x00\x08")),
        (1, ethernet(b"\x11\0\0\1\0\x4e\0\x21" + ipv4(NTP, 17), 0x8864)),
        (1, MACS + struct.pack(">H", 8 + len(ipv4(NTP, 17))) + b"\xaa\xaa\x03\0\0\0\x08\0" + ipv4(NTP, 17)),
        (113, b"\0\4\0\1\0\6" + MACS[6:] + b"\0\0\x08\0" + ipv4(NTP, 17)),
        (276, b"\x08\0\0\0\0\0\0\1\0\1\4\6" + MACS[6:] + b"\0\0" + ipv4(NTP, 17)),
        (101, ipv4(NTP, 17)),
        (12, ipv4(NTP, 17)),
        (228, ipv4(NTP, 17, options=b"\x94\4\0\0")),
        (0, b"\2\0\0\0" + ipv4(NTP, 17)),
        (108, b"\0\0\0\2" + ipv4(NTP, 17)),
        (9, b"\xff\x03\0\x21" + ipv4(NTP, 17)),
        (105, b"\x08\x01\0\0" + MACS + b"\x02\0\0\0\0\x03\0\0" + SNAP + ipv4(NTP, 17)),
        (127, b"\0\0\x09\0\0\0\0\0\x10\x88\x02\0\0" + MACS + bytes(10) + SNAP + ipv4(NTP, 17)),
    ],
)  # fmt: skip
def test_every_link_of_a_home_leads_to_the_same_packet(tmp_path: Path, link: int, frame: bytes) -> None:
    found = look(tmp_path, pcap([frame], link))
    assert str(only(found)) == "udp 10.0.0.2:40000 > 10.0.0.1:123"
    assert (found.flows[only(found)].payload, found.links, found.faults) == ([48, 0], {link: 1}, [])


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (ethernet(b"who has", 0x0806), "arp 02:00:00:00:00:02 > 02:00:00:00:00:01"),
        (ethernet(b"", 0x88CC), "lldp 02:00:00:00:00:02 > 02:00:00:00:00:01"),
        (ethernet(b"x", 0x9999), "0x9999 02:00:00:00:00:02 > 02:00:00:00:00:01"),
        (ethernet(ipv4(b"\x08\0" + bytes(6), 1)), "icmp 10.0.0.2 > 10.0.0.1"),
        (ethernet(ipv4(b"x", 253)), "ip 253 10.0.0.2 > 10.0.0.1"),
        (ethernet(ipv6(udp(b"x", 9)), 0x86DD), "udp [::2]:40000 > [::1]:9"),
        (ethernet(ipv6(udp(b"x", 9), 0, OPTIONS), 0x86DD), "udp [::2]:40000 > [::1]:9"),
        (ethernet(ipv6(b"\x86\0" + bytes(6), 58), 0x86DD), "icmp6 ::2 > ::1"),
    ],
)  # fmt: skip
def test_everything_has_a_name(tmp_path: Path, frame: bytes, said: str) -> None:
    found = look(tmp_path, pcap([frame]))
    assert (str(only(found)), found.faults) == (said, [])


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (ethernet(ipv4(NTP, 17, fragment=0x2000)), "a fragment"),
        (ethernet(ipv4(NTP, 17, fragment=0x0010)), "a fragment"),
        (ethernet(ipv6(NTP, 44, b"\x11\0\0\1" + bytes(4)), 0x86DD), "a fragment"),
        (ethernet(b"\x60" + ipv4(NTP)[1:]), "an IPv4 header that is none"),
        (ethernet(b"\x43" + ipv4(NTP)[1:]), "an IPv4 header that is none"),
        (ethernet(b"\x45" + ipv6(NTP)[1:], 0x86DD), "an IPv6 header that is none"),
        (ethernet(ipv4(b"", 6)[:2] + b"\0\x10" + ipv4(b"", 6)[4:]), "an IPv4 packet shorter than its header"),
        (ethernet(ipv4(tcp(1)[:12] + b"\xf0" + tcp(1)[13:])), "a tcp header longer than its packet"),
        (b"short", "cut short"),
    ],
)
def test_a_header_that_is_none_is_a_fault(tmp_path: Path, frame: bytes, fault: str) -> None:
    assert look(tmp_path, pcap([frame])).faults == [(fault, 1)]


@pytest.mark.parametrize(
    ("port", "data", "said"),
    [
        (53, b"\0\1\1\0\0\1\0\0\0\0\0\0\x04time\x07example\0\0\x01\0\1", "DNS query A time.example"),
        (5353, b"\0\0\x84\0\0\1\0\0\0\0\0\0\x02a \0\0\x0c\0\1", "mDNS response PTR a\\x20"),
        (53, b"\0\1", "DNS"),
        (443, b"\xc3" + bytes(20), "QUIC"),
        (1900, b"M-SEARCH", "SSDP"),
        (9, b"", "UDP"),
    ],
)
def test_a_datagram_is_said_in_words(tmp_path: Path, port: int, data: bytes, said: str) -> None:
    found = look(tmp_path, pcap([ethernet(ipv4(udp(data, port), 17))]))
    assert dict(found.flows[only(found)].words) == {said: 1}


# -- streams -----------------------------------------------------------------------------------------

START = 0xFFFFFFF0  # so that the numbers wrap
SYN, SYN_ACK = segment(START - 1, flags=2), segment(99, flags=0x12, back=True)


def test_a_stream_is_heard_in_order_and_once_and_from_whom(tmp_path: Path) -> None:
    (heard,), found = listen(
        tmp_path, SYN, SYN_ACK, segment(START, b"one "), segment(100, b"yes", back=True),
        segment(START + 8, b"three "), segment(START + 14, b"four"), segment(START + 4, b"two "),
        segment(START + 4, b"two th"), segment(START, b"one two three fo"),
    )  # fmt: skip
    assert (heard.said, heard.ends, found.faults) == ({True: b"one two three four", False: b"yes"}, 1, [])
    assert str(only(found)) == "tcp 10.0.0.2:40000 > 10.0.0.1:8883"
    assert found.flows[only(found)].packets == [7, 2]


def test_who_answers_is_not_first_though_seen_first(tmp_path: Path) -> None:
    (heard,), found = listen(tmp_path, SYN_ACK, segment(100, b"yes", back=True))
    assert str(only(found)) == "tcp 10.0.0.2:40000 > 10.0.0.1:8883"
    assert heard.said[False] == b"yes"


def test_what_is_sent_again_and_is_other_bytes_is_a_fault(tmp_path: Path) -> None:
    for again in (segment(START, b"onX"), segment(START + 1, b"X")):
        (heard,), found = listen(tmp_path, SYN, segment(START, b"one"), again)
        assert heard.said[True] == b"one"
        assert found.faults == [("bytes were sent again, and were others", 3)]
    waits = segment(START + 9, b"one"), segment(START + 9, b"onX")
    assert listen(tmp_path, SYN, *waits)[1].faults[0] == ("bytes were sent again, and were others", 3)


def test_what_is_not_in_the_capture_is_said_to_be_lost(tmp_path: Path) -> None:
    (heard,), found = listen(tmp_path, SYN, segment(START, b"one"), segment(START + 5, b"two"))
    assert heard.said[True] == b"one??two"
    assert found.faults == [("2 bytes of a connection are not in the capture", 3)]
    cut = segment(START, b"one two")
    (heard,), found = listen(tmp_path, SYN, Kept(cut[:-4], length=len(cut)), segment(START + 7, b" three"))
    assert heard.said[True] == b"one???? three"
    assert found.faults == [("4 bytes of a connection are not in the capture", 2)]


def test_a_connection_that_began_before_the_capture_is_said_to(tmp_path: Path) -> None:
    (heard,), found = listen(tmp_path, segment(5, b"midway"))
    assert (heard.said[True], found.faults) == (
        b"midway", [("a connection whose beginning is not in the capture", 1)]
    )  # fmt: skip


def test_a_port_that_is_used_again_is_another_connection(tmp_path: Path) -> None:
    heard, found = listen(
        tmp_path, SYN, segment(START, b"one"), segment(7, flags=2), segment(8, b"two"), segment(7, flags=2)
    )
    assert [each.said[True] for each in heard] == [b"one", b"two"]
    assert [each.ends for each in heard] == [1, 1]
    assert len(found.flows) == 1


def test_what_was_said_is_remembered_up_to_a_bound_and_by_who_spoke_last() -> None:
    faults, heard, memory = Faults(), Heard(), Memory(most=10)
    sides = [Stream(heard, faults, memory) for _ in range(2)]

    def say(stream: Stream, sequence: int, data: bytes) -> None:
        stream.take(True, sequence, Record(1, 0, 1, data, len(data)), (0, len(data)))

    for each in sides:
        each.begin(True, 0)
    for stream, sequence in ((sides[0], 0), (sides[1], 0), (sides[0], 4), (sides[1], 4)):
        say(stream, sequence, b"four")
    say(sides[1], 4, b"four")
    assert faults == []
    say(sides[0], 4, b"four")  # it was forgotten for the other
    assert faults == [("bytes were sent again, too long after the first time to compare", 1)]


def test_what_waits_for_what_is_missing_is_bounded(tmp_path: Path) -> None:
    frames = [segment(START + 10 + 1400 * n, bytes(1400)) for n in range(5000)]
    (heard,), found = listen(tmp_path, SYN, *frames)
    assert len(heard.said[True]) == 10 + 1400 * 5000
    assert found.faults == [("10 bytes of a connection are not in the capture", 2)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_order_and_any_overlap_says_the_same(data: st.DataObject) -> None:
    said = bytes(range(64))
    cuts = data.draw(st.lists(st.tuples(st.integers(0, 63), st.integers(1, 20)), max_size=20))
    pieces = [(at, said[at : at + count]) for at, count in [*cuts, *((at, 16) for at in range(0, 64, 16))]]
    order = data.draw(st.permutations(pieces))
    heard = Heard()
    with NamedTemporaryFile() as file:
        file.write(pcap([SYN, *(segment(START + at, piece) for at, piece in order)]))
        file.flush()
        found = read(Path(file.name), lambda _flow: heard)
    assert (heard.said[True], found.faults) == (said, [])


# -- the real thing ----------------------------------------------------------------------------------

# By tshark 4.0.17: `capinfos -T -r -c -d`, `-q -z conv,tcp`, `-Y dns.flags.response==0`.
KNOWN = {
    "echodot3a": (2778, 396_840, "tcp 192.168.12.112:39638 > 52.94.233.109:443", [217, 258], 1),
    "example": (4257, 887_177, "tcp 192.168.12.118:54748 > 17.174.1.5:443", [212, 332], 33),
    "when_is_hanukkah_5": (1984, 624_489, "tcp 52.94.229.122:443 > 192.168.86.40:33159", [665, 950], 6),
}


@pytest.mark.parametrize("name", KNOWN)
def test_real_captures_are_counted_as_another_reader_counts_them(name: str) -> None:
    path = SHARED / f"{name}.pcap"
    if not path.exists():
        pytest.skip("the captures of shared data are not here")
    found = read(path, lambda _flow: Heard())
    packets, size, flow, each_way, asked = KNOWN[name]
    assert (found.packets, found.bytes) == (packets, size)
    assert {str(each): counts.packets for each, counts in found.flows.items()}[flow] == each_way
    words = [said for counts in found.flows.values() for said in counts.words.elements()]
    assert sum("DNS query" in said for said in words) == asked
