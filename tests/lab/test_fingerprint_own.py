"""Traces of our own speaker: records are cut where they end, the wire changes nothing, and the real firmware
over a real broker leaves traces that the attack can read."""

import random
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from device.envelope import Utterance
from lab.errors import RunError
from lab.fingerprint.attack import measure
from lab.fingerprint.codec import compressed
from lab.fingerprint.framing import Splitter
from lab.fingerprint.own import Own, Said, in_time, record
from lab.fingerprint.traces import Packet, Trace, read, write
from lab.fingerprint.wire import Record, Wire
from lab.opening import open_all, read_key

AUDIO = Path(__file__).resolve().parents[2] / "lab" / "scenarios" / "audio"


def mqtt(payload: int) -> bytes:
    """A PUBLISH packet around that many bytes."""
    length, digits = payload, bytearray()
    while True:
        length, digit = length >> 7, length & 0x7F
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([0x32, *digits]) + b"\x17" * payload


def tls(payload: int) -> bytes:
    return b"\x17\x03\x03" + payload.to_bytes(2) + b"\x30" * payload


def hear(stream: bytes, cuts: list[int]) -> list[int]:
    """What a splitter makes of a stream that arrives in pieces."""
    splitter, sizes, at = Splitter(), list[int](), 0
    for cut in [*sorted(cuts), len(stream)]:
        sizes += splitter.hear(stream[at:cut])
        at = cut
    return sizes


@pytest.mark.parametrize("framed", [mqtt, tls])
@given(payloads=st.lists(st.integers(0, 20_000), min_size=1, max_size=8), data=st.data())
def test_records_are_cut_where_they_end_however_they_arrive(framed, payloads, data) -> None:
    records = [framed(payload) for payload in payloads]
    stream = b"".join(records)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
    assert hear(stream, cuts) == [len(each) for each in records]
    assert sum(hear(stream[:-1], cuts)) == len(stream) - len(records[-1])  # nothing before it is whole


class End:
    """One end of a TLS 1.3 connection in memory, with a certificate of its own."""

    def __init__(self, context: ssl.SSLContext, **more: Any) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **more)

    def shakes_hands(self, other: "End") -> bytes:
        """Go as far as possible, and return what was said, which the other has."""
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.says_to(other)

    def says_to(self, other: "End") -> bytes:
        said = self.outgoing.read()
        other.incoming.write(said)
        return said


@pytest.fixture
def connected(tmp_path: Path) -> tuple[End, list[bytes]]:
    """A speaker's end of a connection that stands, and what it said to get there."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begins).not_valid_after(begins + timedelta(days=9999))
    certificate = builder.sign(key, None)
    pem = certificate.public_bytes(Encoding.PEM) + key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    (tmp_path / "broker.pem").write_bytes(pem)
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(tmp_path / "broker.pem")
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    speaker, broker = End(client), End(server, server_side=True)
    said = []
    for _ in range(2):
        said.append(speaker.shakes_hands(broker))
        broker.shakes_hands(speaker)
    return speaker, said


def test_tls_makes_one_record_of_22_bytes_more_of_each_packet(connected: tuple[End, list[bytes]]) -> None:
    speaker, said = connected
    assert speaker.tls.version() == "TLSv1.3"
    for greeting in said:
        assert sum(hear(greeting, [1, 3, 100])) == len(greeting)
    packets = [mqtt(payload) for payload in (0, 1, 2600, 2684, 16_000)]
    for packet in packets:
        speaker.tls.write(packet)
    stream = speaker.outgoing.read()
    assert hear(stream, [4, 30, 2000]) == [len(packet) + 22 for packet in packets]


def test_the_wire_changes_nothing_and_counts_both_ways() -> None:
    up, down = b"".join(mqtt(n) for n in (0, 5, 300)), b"".join(mqtt(n) for n in (70_000, 1))
    with socket.create_server(("127.0.0.1", 0)) as broker, Wire() as wire:
        port = wire.between(broker.getsockname()[1], lambda: 42)
        with socket.create_connection(("127.0.0.1", port), 10) as speaker:
            end, _ = broker.accept()
            with end:
                end.settimeout(10)
                speaker.sendall(up)
                end.sendall(down)
                assert end.makefile("rb").read(len(up)) == up
                assert speaker.makefile("rb").read(len(down)) == down
                speaker.shutdown(socket.SHUT_RDWR)
                assert end.recv(1) == b""  # the speaker's hanging up passes, too
    assert sorted(wire.records) == sorted(
        [(42, 2, True), (42, 7, True), (42, 303, True), (42, 70_004, False), (42, 3, False)]
    )


def test_a_confirmation_is_dated_by_what_it_confirms_and_nothing_else_is_moved() -> None:
    came, late = Record(50, 900, False), Record(7000, 4, True)
    segment, confirmed = Record(60, 2687, True), Record(61, 4, False)
    assert in_time([came, segment, confirmed, late]) == [came, late._replace(sample=50), segment, confirmed]


def test_a_wire_to_a_broker_that_is_down_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    with Wire() as wire, socket.create_connection(("127.0.0.1", wire.between(nobody, int)), 10) as speaker:
        assert speaker.recv(1) == b""


class Run(NamedTuple):
    """A run and what was seen of it: each utterance, and what the owner's key opens of it."""

    seen: list[Own]
    opened: list[Utterance]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two commands, said twice to a real speaker."""
    directory = tmp_path_factory.mktemp("fingerprint") / "run"
    order = ("time", "play", "play", "time")
    said = [Said(name, AUDIO / f"{name}.flac", 0.5 + 0.1 * n) for n, name in enumerate(order)]
    seen = record(said, directory, every_s=14.0)
    return Run(seen, open_all(directory, read_key(directory / "owner.key")))


def test_our_own_speaker_leaves_a_trace_of_each_command_that_tells_it(run: Run, tmp_path: Path) -> None:
    for number, own in enumerate(run.seen):
        write(tmp_path / f"{own.trace.command}_{number}.csv", own.trace.packets)
    traces = read(tmp_path)
    assert sorted(trace.command for trace in traces) == ["play", "play", "time", "time"]
    found = measure("own", traces, trees=8)
    assert [score.accuracy.value for score in found.scores if "totals" in score.attack] == [1, 1]


def test_a_trace_has_every_segment_of_its_utterance_and_ends_with_the_answer(run: Run) -> None:
    for own, spoken in zip(run.seen, run.opened, strict=True):
        assert own.utterance == spoken.header.utterance
        header, *segments = [packet for packet in own.trace.packets if packet.up and packet.size > 2000]
        assert header.time_s < 0.2
        assert {header.size > packet.size for packet in segments} == {True}
        assert len({packet.size for packet in segments}) == 1
        samples = len(spoken.pcm) // 2
        assert len(segments) == samples // spoken.header.segment_samples + 1
        assert segments[-1].time_s == pytest.approx(samples / spoken.header.rate, abs=0.1)
        answer = max(own.trace.packets, key=lambda packet: packet.size)
        assert not answer.up
        assert answer.time_s >= segments[-1].time_s


def test_compressed_segments_would_have_sizes_of_their_own(run: Run) -> None:
    for own, spoken in zip(run.seen, run.opened, strict=True):
        smaller = compressed(own.trace, spoken.pcm, spoken.header.segment_samples)
        changed = [
            after.size
            for before, after in zip(own.trace.packets, smaller.packets, strict=True)
            if before != after
        ]
        assert len(set(changed)) > 15
        assert max(changed) < 2687
        with pytest.raises(RunError, match="record it again"):
            compressed(own.trace, spoken.pcm[: len(spoken.pcm) // 2], spoken.header.segment_samples)


def test_commands_that_run_into_each_other_are_refused(tmp_path: Path) -> None:
    said = [Said("time", AUDIO / "time.flac", 0.5)] * 2
    with pytest.raises(RunError, match="2 commands, 1 utterances; say them apart"):
        record(said, tmp_path / "run", every_s=2.0)


def test_sound_that_fills_its_segments_is_followed_by_an_empty_one() -> None:
    pcm = random.Random(1).randbytes(2 * 2 * 1280)
    trace = Trace("a", tuple(Packet(0.08 * n, 2687, up=True) for n in range(3)))
    sizes = [packet.size for packet in compressed(trace, pcm, 1280).packets]
    assert sizes[2] < min(sizes[:2])
