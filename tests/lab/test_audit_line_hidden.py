"""Where else a device could hide something on its line: each place, used, is found or not called kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lab.audit.evidence import Evidence, Given
from lab.audit.line import certificate
from lab.audit.line.checks import CHECKS
from lab.audit.line.hello import client_hello
from lab.audit.line.nonsense import Nonsense
from lab.audit.verdicts import make
from lab.enclosure.privilege import missing
from lab.kit.packets import packed
from lab.scenario import read
from lab.simulate import Around, simulate
from tests.lab.captured_line import Cable, Chunk, Tapped, Under, packets

SCENARIOS = Path(__file__).resolve().parents[2] / "lab" / "scenarios"
WHY = missing()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Chunk]]:
    run, tapped = tmp_path_factory.mktemp("home") / "run", Tapped()
    simulate(read(SCENARIOS / "only_talk.toml"), run, around=Around(tapped.between))
    tapped.close()
    (talk,) = tapped.talks
    return run, talk


class Line:
    """A run whose honest conversation is on the cable, under TLS, and whatever a test adds."""

    def __init__(self, run: Path, talk: list[Chunk], scratch: Path, *, keys: bool = True) -> None:
        self.run, self.talk = run, talk
        self.under = Under(scratch, scratch / "wire.keys")
        self.cable = Cable(8883, tls=True)
        self.first = self.under.tls(talk)
        self.keys = keys
        self.scratch = scratch

    def found(self) -> set[str]:
        """What the checks of promise 1 find, or need."""
        self.cable.write(self.scratch)
        given = Given(
            self.run,
            capture=self.scratch / "wire.pcapng",
            keylog=self.scratch / "wire.keys" if self.keys else None,
        )
        (self.run / "link.json").write_bytes((self.scratch / "link.json").read_bytes())
        evidence = Evidence(given)
        checks = [check for check in CHECKS if check.name in ("capture.no_other_way", "capture.nothing_else")]
        results = [make(check, evidence) for check in checks]
        said = [
            {*(each.what for each in result.findings), *([result.needs] if result.needs else [])}
            for result in results
        ]
        assert said[0] == said[1]
        return said[0]


@pytest.fixture
def line(home: tuple[Path, list[Chunk]], tmp_path: Path) -> Line:
    return Line(*home, tmp_path)


@pytest.fixture
def sealed(home: tuple[Path, list[Chunk]], tmp_path: Path) -> Line:
    return Line(*home, tmp_path, keys=False)


def hello(line: Line) -> Chunk:
    return line.under.tls([])[0]


def changed(chunk: Chunk, at: int, by: int = 1) -> Chunk:
    data = chunk.data
    return Chunk(chunk.from_device, data[:at] + bytes([data[at] ^ by]) + data[at + 1 :])


def test_the_honest_line_hides_nothing(line: Line) -> None:
    line.cable.call(line.first)
    assert line.found() == set()


def test_so_does_the_one_that_nobody_opens(sealed: Line) -> None:
    sealed.cable.call(sealed.first)
    assert sealed.found() == set()


def test_a_record_that_never_was_whole_is_found(line: Line) -> None:
    line.cable.call(line.first)
    line.cable.call([hello(line), Chunk(True, b"\x17\x03\x03\x40\0" + bytes(900))])
    assert line.found() == {"905 bytes of something that never was whole"}


def test_a_handshake_message_that_never_was_whole_is_found(line: Line) -> None:
    whole = hello(line).data
    longer = whole[:6] + (5000).to_bytes(3, "big") + whole[9:]
    line.cable.call([Chunk(True, longer)])
    line.cable.call(line.first)
    assert line.found() == {"a handshake message that never was whole"}


def test_something_behind_the_goodbye_is_found(line: Line) -> None:
    line.cable.call([*line.first, Chunk(True, b"\x17\x03\x03\0\x09" + bytes(5))])
    assert line.found() == {"10 bytes of something that never was whole, and is in no row"}


def test_many_connections_that_were_for_nothing_are_found(line: Line) -> None:
    line.cable.call(line.first)
    for _ in range(18):
        line.cable.call(line.under.tls([]))
    assert line.found() == {"18 connections over which nothing was said"}


def test_many_that_nobody_answered_are_not_called_kept(line: Line) -> None:
    line.cable.call(line.first)
    for _ in range(18):
        line.cable.call([hello(line)])
    assert line.found() == {"a capture with a broker that answers: it did not 18 times"}


def test_one_that_nobody_opens_and_that_was_for_nothing_is_not_called_kept(sealed: Line) -> None:
    sealed.cable.call(sealed.first)
    sealed.cable.call(sealed.under.tls([]))
    (needs,) = sealed.found()
    assert needs.startswith("a key log of the connection")


def test_a_handshake_that_has_no_end_is_found_where_nobody_opens_it(sealed: Line) -> None:
    whole = sealed.under.tls([])
    sealed.cable.call(sealed.first)
    sealed.cable.call([*whole[:2], Chunk(True, b"\x17\x03\x03\x10\0" + bytes(4096))])
    assert "4079 bytes of a handshake that has no end" in sealed.found()


def test_a_hello_that_is_made_otherwise_is_found(line: Line) -> None:
    """Two cipher suites change places."""
    line.cable.call(line.first)
    said = hello(line)
    at = said.data.index(b"\x13\x02\x13\x03")
    data = said.data[:at] + b"\x13\x03\x13\x02" + said.data[at + 4 :]
    line.cable.call([Chunk(True, data)])
    assert line.found() == {"a ClientHello that is made otherwise than the first"}


def test_a_connection_in_the_clear_is_found(line: Line) -> None:
    line.cable.call(line.talk)
    assert "a connection in the clear where TLS is, or under TLS where none is" in line.found()


def test_a_name_that_is_not_the_broker_s_is_found(line: Line) -> None:
    line.cable.call(line.first)
    body = hello(line).data[9:]
    at = 34 + 1 + 32
    at += 2 + int.from_bytes(body[at : at + 2], "big") + 2
    name = b"\0\0\0\x0b\0\x09\0\0\x06secret"
    extensions = name + body[at + 2 :]
    said = body[:at] + len(extensions).to_bytes(2, "big") + extensions
    message = b"\x01" + len(said).to_bytes(3, "big") + said
    line.cable.call([Chunk(True, b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message)])
    assert "a ClientHello for 'secret', which is not the broker" in line.found()


def test_a_hello_that_is_longer_than_any_is_found() -> None:
    padding = b"\0\x15" + (2500).to_bytes(2, "big") + bytes(2500)
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + len(padding).to_bytes(2, "big")
    assert client_hello(body + padding).faults == (f"a ClientHello of {len(body) + 2504} bytes",)


def test_a_connection_that_somebody_else_began_is_found(line: Line) -> None:
    """Even from the broker's own port."""
    line.cable.call(line.first)
    turned = Cable(8883, tls=True)
    turned.source = 8883
    turned.call([Chunk(True, b"go on"), Chunk(False, b"secret")])
    for frame in turned.frames:  # who called is the broker, and who answers the device
        cards, addresses = frame[6:12] + frame[:6], frame[30:34] + frame[26:30]
        line.cable.frames.append(cards + frame[12:26] + addresses + frame[34:])
    assert "6 bytes of a connection whose beginning the capture does not have" in line.found()


@pytest.mark.parametrize("topic", ["secret/place", "overheard/v1/ovh-" + "b" * 26 + "/up/status"])
def test_a_row_of_what_left_for_elsewhere_is_found(line: Line, topic: str) -> None:
    """Written down, sent as written down, and nobody at the cloud's end would ever see it."""
    path = line.run / "ledger.jsonl"
    rows = path.read_bytes()
    before = next(row for row in rows.splitlines() if b'"kind":"status"' in row)
    own = before[before.index(b'"topic":"') + 9 : -2]
    changed_rows = rows.replace(b'"topic":"' + own + b'"', b'"topic":"' + topic.encode() + b'"')
    talk = [
        Chunk(c.from_device, _moved(c.data, own, topic.encode()) if c.from_device else c.data)
        for c in packets(line.talk)
    ]
    path.write_bytes(changed_rows)
    try:
        line.cable.call(line.under.tls(talk))
        assert any(f"at {topic}, where no device speaks" in what for what in line.found())
    finally:
        path.write_bytes(rows)


def _moved(packet: bytes, own: bytes, topic: bytes) -> bytes:
    """A PUBLISH at one topic, at another."""
    if packet[0] >> 4 != 3 or own not in packet:
        return packet
    rest = packet[packet.index(own) + len(own) :]
    return packed(packet[0], len(topic).to_bytes(2, "big") + topic + rest)


# -- certificates ------------------------------------------------------------------------------------


def issued(name: str, by: str) -> bytes:
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, by)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(key, None).public_bytes(Encoding.DER)


def chain(*certificates: bytes, context: bytes = b"", beside: bytes = b"") -> bytes:
    entries = b"".join(
        len(each).to_bytes(3, "big") + each + len(beside).to_bytes(2, "big") + beside for each in certificates
    )
    return bytes([len(context)]) + context + len(entries).to_bytes(3, "big") + entries


def test_a_certificate_with_its_issuers_is_nothing_strange() -> None:
    assert certificate.fault(chain()) == ""
    assert certificate.fault(chain(issued("device", "ca"), issued("ca", "root"))) == ""


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda: chain(issued("device", "ca"), issued("other", "root")), "issued none of the others"),
        (lambda: chain(issued("device", "ca"), beside=b"secret"), "6 bytes beside a certificate"),
        (lambda: chain(issued("device", "ca"), context=b"abc"), "more than a client shows"),
        (lambda: chain(*[issued("a", "a")] * 4), "more than a client shows"),
    ],
)
def test_one_with_more_is_found(body: Callable[[], bytes], why: str) -> None:
    assert why in certificate.fault(body())


def test_what_is_no_certificate_is_not_read_on() -> None:
    with pytest.raises(Nonsense, match="a certificate that is none"):
        certificate.fault(chain(b"secret"))


# -- the real thing ----------------------------------------------------------------------------------


@pytest.mark.skipif(WHY is not None, reason=WHY or "")
@pytest.mark.parametrize("keys", [True, False], ids=["opened", "sealed"])
def test_a_device_alone_with_its_cable_is_what_its_ledger_has(tmp_path: Path, keys: bool) -> None:
    run = simulate(read(SCENARIOS / "press.toml"), tmp_path / "run", around=Around(captured=True)).directory
    if not keys:
        (run / "wire.keys").unlink()
    evidence = Evidence(Given(run))
    assert {check.name: make(check, evidence).state for check in CHECKS} == dict.fromkeys(
        [check.name for check in CHECKS], "holds"
    )
