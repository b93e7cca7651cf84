"""TLS 1.3 of real OpenSSL, opened with its key log; and what a client could hide in it, forged."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.audit.capture.stream import At
from lab.audit.errors import Damaged
from lab.audit.line import keylog
from lab.audit.line.call import Call
from lab.audit.line.hello import client_hello
from lab.audit.line.nonsense import Nonsense
from lab.audit.line.protection import SUITES, Protection, expand
from lab.audit.line.talk import Device
from lab.kit.packets import packed
from tests.lab.captured_line import Chunk, Under

ROOT = Path(__file__).resolve().parents[2]
NAME = "ovh-" + "a" * 26
DEVICE = Device(NAME)
TOPIC = f"overheard/v1/{NAME}/up/utterance/{'0' * 32}/segment"


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


CONNECT = packed(0x10, text("MQTT") + b"\x04\x02\0\x14" + text(NAME))
CONNACK = packed(0x20, b"\0\0")
SUBSCRIBE = packed(0x82, b"\0\x01" + b"".join(text(topic) + b"\x01" for topic in DEVICE.wants))


def message(number: int, size: int = 100) -> bytes:
    return packed(0x32, text(TOPIC) + number.to_bytes(2, "big") + bytes(size))


TALK = [
    Chunk(True, CONNECT), Chunk(False, CONNACK), Chunk(True, SUBSCRIBE), Chunk(True, message(2)),
    Chunk(True, message(3, 40_000)), Chunk(False, packed(0x40, b"\0\2")), Chunk(True, b"\xc0\0"),
]  # fmt: skip


def heard(chunks: Iterable[Chunk], log: Path | None, tickets: set[bytes] | None = None) -> Call:
    call = Call(DEVICE, keylog.read(log) if log else None, tickets)
    for number, chunk in enumerate(chunks, 1):
        call.hear(chunk.from_device, chunk.data, At(number, number))
    call.over()
    return call


def opened(call: Call) -> list[int]:
    assert not call.strange
    assert not call.sealed
    return [said.size for said in call.said if said.publish]


class Client:
    """A connection that OpenSSL made, and whose client goes on as it likes: its keys are in the log."""

    def __init__(self, scratch: Path) -> None:
        self.log = scratch / "keys"
        self.chunks = Under(scratch, self.log).tls(TALK[:3])
        hello = self.chunks[0].data[9:]
        secrets = keylog.read(self.log).secrets(client_hello(hello).random, of_client=True)
        assert secrets is not None
        self.suite = SUITES[0x1302]
        self._secret = secrets.traffic
        self._count = 2  # of CONNECT and SUBSCRIBE

    def say(self, inner: bytes) -> None:
        """A record with these insides: content, kind, padding."""
        aead = self.suite.aead(expand(self.suite, self._secret, "key", self.suite.key_bytes))
        nonce = int.from_bytes(expand(self.suite, self._secret, "iv", 12), "big") ^ self._count
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        self._count += 1
        body = aead.encrypt(nonce.to_bytes(12, "big"), inner, header)
        self.chunks.append(Chunk(True, header + body))

    def update(self) -> None:
        self.say(b"\x18\0\0\x01\0" + b"\x16")
        self._secret = expand(self.suite, self._secret, "traffic upd", self.suite.hash_bytes)
        self._count = 0

    def strange(self) -> list[str]:
        return [strange.what for strange in heard(self.chunks, self.log).strange]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


# -- what OpenSSL says -------------------------------------------------------------------------------


def test_a_key_log_opens_what_was_said(tmp_path: Path) -> None:
    call = heard(Under(tmp_path, tmp_path / "keys").tls(TALK), tmp_path / "keys")
    assert opened(call) == [100, 40_000]
    assert call.confirmed == {1}


def test_however_the_stream_was_cut(tmp_path: Path) -> None:
    whole = Under(tmp_path, tmp_path / "keys").tls(TALK)
    cut = [Chunk(c.from_device, c.data[at : at + 7]) for c in whole for at in range(0, len(c.data), 7)]
    assert opened(heard(cut, tmp_path / "keys")) == [100, 40_000]


def test_a_client_that_is_asked_to_greet_again_is_followed(tmp_path: Path) -> None:
    call = heard(Under(tmp_path, tmp_path / "keys", curve="secp384r1").tls(TALK), tmp_path / "keys")
    assert opened(call) == [100, 40_000]
    assert call.tls is not None
    assert call.tls.greeting.free > 2 * 96


def test_so_is_one_that_goes_on_with_an_earlier_session(tmp_path: Path) -> None:
    under = Under(tmp_path, tmp_path / "keys")
    first = under.tls(TALK)
    again = under.tls(TALK, under.clients[0].session)
    assert under.clients[1].session_reused
    log, tickets = tmp_path / "keys", set[bytes]()
    assert opened(heard(first, log, tickets)) == opened(heard(again, log, tickets)) == [100, 40_000]
    strange = heard(again, log).strange
    assert [each.what for each in strange] == ["a session to go on with that no server gave"]


@pytest.mark.parametrize(
    "suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
)
def test_every_cipher_suite_of_tls_13_is_opened(tmp_path: Path, suite: str) -> None:
    """Python names none of them, but OpenSSL's own settings do."""
    settings = tmp_path / "openssl.cnf"
    settings.write_text(
        f"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nCiphersuites = {suite}\n"
    )
    script = (
        "import base64, json, sys; from pathlib import Path; from tests.lab.captured_line import Under;"
        "from tests.lab.test_audit_line_tls import TALK; under = Under(Path(sys.argv[1]), Path(sys.argv[2]));"
        "said = [[c.from_device, base64.b64encode(c.data).decode()] for c in under.tls(TALK)];"
        "print(json.dumps([under.clients[0].cipher()[0], said]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "scratch", tmp_path / "keys"],
        cwd=ROOT, env={**os.environ, "OPENSSL_CONF": str(settings)}, capture_output=True, check=True,
    )  # fmt: skip
    used, said = json.loads(done.stdout)
    assert used == suite
    chunks = [Chunk(up, base64.b64decode(data)) for up, data in said]
    assert opened(heard(chunks, tmp_path / "keys")) == [100, 40_000]


def test_without_keys_lengths_are_told_to_the_byte(tmp_path: Path) -> None:
    call = heard(Under(tmp_path, tmp_path / "keys").tls(TALK), None)
    assert call.sealed
    assert not call.strange
    assert [said.packet for said in call.said] == [len(CONNECT), len(message(2)), len(message(3, 40_000))]


def test_tls_12_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    hello = Under(tmp_path, tmp_path / "keys").tls(TALK)[0]
    server = b"\x02\0\0\x26\x03\x03" + bytes(32) + b"\0\xc0\x2f\0"
    answer = Chunk(False, b"\x16\x03\x03" + len(server).to_bytes(2, "big") + server)
    call = heard([hello, answer, Chunk(True, bytes(50))], None)
    assert call.unread == "TLS older than 1.3"


# -- what a client could hide ------------------------------------------------------------------------


def test_an_honest_record_forged_so_is_nothing_strange(client: Client) -> None:
    client.say(message(2) + b"\x17")
    assert not client.strange()


def test_padding_is_found(client: Client) -> None:
    client.say(message(2) + b"\x17" + bytes(9))
    assert client.strange() == ["9 bytes of padding in a record"]


def test_an_empty_record_is_found(client: Client) -> None:
    client.say(b"\x17")
    assert client.strange() == ["an empty record"]


def test_a_message_cut_into_more_records_than_it_needs_is_found(client: Client) -> None:
    whole = message(2)
    client.say(whole[:50] + b"\x17")
    client.say(whole[50:] + b"\x17")
    assert client.strange() == ["a message cut into records otherwise than its length needs"]


def test_keys_that_change_are_followed_and_found_where_nobody_asked(client: Client) -> None:
    client.update()
    client.say(message(2) + b"\x17")
    call = heard(client.chunks, client.log)
    assert [strange.what for strange in call.strange] == ["a change of keys that nobody asked for"]
    assert [said.size for said in call.said] == [0, 100]


def test_a_ticket_from_a_client_is_found(client: Client) -> None:
    client.say(b"\x04\0\0\x20" + bytes(32) + b"\x16")
    assert client.strange() == ["a handshake message (4) that has no business there"]


def test_an_alert_may_say_goodbye_and_nothing_after_it(client: Client) -> None:
    client.say(b"\x01\0\x15")
    assert not client.strange()
    client.say(message(2) + b"\x17")
    assert client.strange() == ["a record after the one that said that there are no more"]


def test_an_alert_of_its_own_is_found(client: Client) -> None:
    client.say(b"\x02\xc8\x15")
    assert client.strange() == ["an alert (200) that no client sends"]


def test_records_that_no_key_opens_are_found_and_so_is_all_that_follows(client: Client) -> None:
    client.chunks.append(Chunk(True, b"\x17\x03\x03\0\x40" + bytes(64)))
    client.chunks.append(Chunk(True, bytes(100)))
    assert client.strange() == [
        "a record that the key log's keys do not open",
        "100 bytes, and whatever follows them, that nobody can read",
    ]


@pytest.mark.parametrize(
    ("extension", "why"),
    [
        (b"\0\x2a\0\0", "early data"),
        (b"\xaa\xaa\0\x03abc", "3 bytes in extension 43690"),
        (b"\0\x23\0\x03abc", "3 bytes in extension 35"),
        (b"\0\x15\0\x03abc", "padding of a ClientHello that is not zero"),
    ],
)
def test_an_extension_that_carries_something_is_found(extension: bytes, why: str) -> None:
    suites, session = b"\0\x02\x13\x01", b"\0"
    body = (
        b"\x03\x03" + bytes(32) + session + suites + b"\x01\0" + len(extension).to_bytes(2, "big") + extension
    )
    assert any(why in fault for fault in client_hello(body).faults)


def test_a_handshake_with_another_byte_in_it_is_found(tmp_path: Path) -> None:
    """Both sides signed what they had, so whatever else a capture shows was not said."""
    whole = Under(tmp_path, tmp_path / "keys").tls(TALK)
    share = whole[0].data
    at = share.index(b"\0\x33\0\x26\0\x24\0\x1d\0\x20") + 20
    changed = Chunk(True, share[:at] + bytes([share[at] ^ 1]) + share[at + 1 :])
    strange = heard([changed, *whole[1:]], tmp_path / "keys").strange
    assert strange[0].what.endswith("of which the capture has other bytes than the two sides had")


# -- any bytes ---------------------------------------------------------------------------------------


def test_any_byte_of_the_client_s_that_is_another_is_found(tmp_path: Path) -> None:
    whole = Under(tmp_path, tmp_path / "keys").tls(TALK[:4])
    log = keylog.read(tmp_path / "keys")
    mine = [(at, byte) for at, c in enumerate(whole) if c.from_device for byte in range(len(c.data))]

    @settings(max_examples=300, deadline=None)
    @given(st.sampled_from(mine), st.integers(1, 255))
    def flip(place: tuple[int, int], by: int) -> None:
        chunk, byte = place
        data = bytearray(whole[chunk].data)
        data[byte] ^= by
        call = Call(DEVICE, log)
        for number, each in enumerate(whole, 1):
            call.hear(each.from_device, bytes(data) if number == chunk + 1 else each.data, At(number, 0))
        call.over()
        assert call.strange or call.sealed or call.unread or call.cut

    flip()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=200)), max_size=8),
    st.sampled_from([b"", b"\x16", b"\x10"]),
)
def test_no_bytes_end_it(said: list[tuple[bool, bytes]], first: bytes) -> None:
    call = Call(DEVICE, None)
    at = count(1)
    for up, data in [(True, first), *said] if first else said:
        call.hear(up, data, At(next(at), 0))
    call.over()
    assert not call.confirmed


# -- key logs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", ["CLIENT_TRAFFIC_SECRET_0 00 11", "nonsense", "A " + "0" * 64 + " 0", "\x00"]
)
def test_a_line_that_is_none_of_a_key_log_is_damage(tmp_path: Path, line: str) -> None:
    (tmp_path / "keys").write_text("# a comment\n\n" + line + "\n")
    with pytest.raises(Damaged, match="keys:3: not a line of an NSS key log"):
        keylog.read(tmp_path / "keys")


def test_two_secrets_of_one_connection_are_damage(tmp_path: Path) -> None:
    lines = [f"CLIENT_TRAFFIC_SECRET_0 {'0' * 64} {secret * 32}" for secret in ("11", "22")]
    (tmp_path / "keys").write_text("\n".join(lines))
    with pytest.raises(Damaged, match="another secret for the same connection"):
        keylog.read(tmp_path / "keys")


def test_a_secret_of_another_length_opens_nothing() -> None:
    with pytest.raises(Nonsense, match="not of the connection's cipher suite"):
        Protection(SUITES[0x1302], bytes(32))
