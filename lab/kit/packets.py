"""MQTT packets, 3.1.1 and 5, as far as a broker's faults need them: where each one ends, and what is in it.

Pure: no socket, no clock. It will never keep a session or answer by itself; a real broker stands behind it.
"""

from typing import NamedTuple

KINDS = (
    "RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
    "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip
NUMBERED = frozenset(
    {"PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK"}
)
"""The packets that open with a packet id; a PUBLISH above QoS 0 has one behind its topic."""

REFUSALS = {
    "unsupported protocol version": (0x84, 1),
    "client identifier not valid": (0x85, 2),
    "bad user name or password": (0x86, 4),
    "not authorized": (0x87, 5),
    "server unavailable": (0x88, 3),
    "server busy": (0x89, 3),
    "banned": (0x8A, 5),
    "quota exceeded": (0x97, 3),
    "connection rate exceeded": (0x9F, 3),
}
"""Why a broker refuses: the reason code of MQTT 5, and the return code of 3.1.1 that says it best."""

MALFORMED = b"\x00\xff\xff\xff\xff\xff"
"""No packet: a reserved type, and a length that never ends."""

FIVE = 5
_CONNACK, _DUP, _RETAIN, _LENGTH_BYTES = 0x20, 0b1000, 0b0001, 4


class MalformedPacket(ValueError):  # noqa: N818 (the specification's own word)
    """A stream that is not MQTT from here on."""


class Packet(NamedTuple):
    """One control packet, taken apart. What a kind does not have is empty; `level` is a CONNECT's alone."""

    kind: str
    raw: bytes
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    dup: bool = False
    packet_id: int | None = None
    client: str = ""
    level: int = 0
    filters: tuple[str, ...] = ()
    session_present: bool = False


class Framer:
    """Cuts a stream into whole packets, however it was split on the way."""

    def __init__(self) -> None:
        self.rest = b""
        """What has come of a packet that is not whole yet."""
        self.broken = False
        """Whether the stream is not MQTT from `rest` on: no packet's length is like that."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that are whole now."""
        self.rest += data
        whole: list[bytes] = []
        while not self.broken:
            try:
                end = _end(self.rest)
            except MalformedPacket:
                self.broken = True
                break
            if end is None or end > len(self.rest):
                break
            whole.append(self.rest[:end])
            self.rest = self.rest[end:]
        return whole


def parse(raw: bytes, level: int) -> Packet:
    """Take one whole packet apart; `level` is what its connection speaks, 5 or 4 (which is 3.1.1).

    Raises:
        MalformedPacket: it is not what its first byte says.
    """
    kind = KINDS[raw[0] >> 4]
    reader = _Reader(raw, _body(raw))
    match kind:
        case "CONNECT":
            return _connect(raw, reader)
        case "PUBLISH":
            return _publish(raw, reader, level)
        case "SUBSCRIBE":
            return _subscribe(raw, reader, level)
        case "CONNACK":
            return Packet(kind, raw, session_present=bool(reader.number(1) & 1))
        case _ if kind in NUMBERED:
            return Packet(kind, raw, packet_id=reader.number(2))
        case _:
            return Packet(kind, raw)


def refusal(reason: str, level: int) -> bytes:
    """Build the CONNACK that refuses, in the words of `level`; the reason is one of REFUSALS."""
    five, three = REFUSALS[reason]
    return packed(_CONNACK, bytes([0, five, 0]) if level == FIVE else bytes([0, three]))


def packed(first: int, body: bytes) -> bytes:
    """Build a packet of its first byte and what comes after the length."""
    length, left = b"", len(body)
    while not length or left:
        left, digit = left >> 7, left & 127
        length += bytes([digit | (128 if left else 0)])
    return bytes([first]) + length + body


def again(packet: Packet, packet_id: int) -> bytes:
    """Build the same PUBLISH as a fresh one: another packet id, no DUP flag. QoS 0 has no id to change."""
    raw = bytearray(packet.raw)
    raw[0] &= ~_DUP
    if packet.qos:
        body = _body(packet.raw)
        at = body + 2 + int.from_bytes(packet.raw[body : body + 2], "big")
        raw[at : at + 2] = packet_id.to_bytes(2, "big")
    return bytes(raw)


def damaged(packet: Packet) -> bytes:
    """Build the same PUBLISH with its payload's middle byte inverted; an empty one stays as it is."""
    raw = bytearray(packet.raw)
    if packet.payload:
        raw[len(raw) - len(packet.payload) + len(packet.payload) // 2] ^= 0xFF
    return bytes(raw)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic filter, with + and #, takes in a topic."""
    levels, wanted = topic.split("/"), topic_filter.split("/")
    for place, name in enumerate(wanted):
        if name == "#":
            return True
        if place >= len(levels) or name not in ("+", levels[place]):
            return False
    return len(levels) == len(wanted)


def _end(data: bytes) -> int | None:
    """Where the first packet ends; None while its length is not whole."""
    length = 0
    for place, digit in enumerate(data[1 : 1 + _LENGTH_BYTES]):
        length |= (digit & 127) << 7 * place
        if not digit & 128:
            return 2 + place + length
    if len(data) > _LENGTH_BYTES:
        raise MalformedPacket("a packet's length has more than four bytes")
    return None


def _body(raw: bytes) -> int:
    """Where the body of a whole packet begins."""
    return next(at for at in range(1, len(raw)) if not raw[at] & 128) + 1


class _Reader:
    """Reads a packet's body from the front."""

    def __init__(self, raw: bytes, at: int) -> None:
        self._raw = raw
        self._at = at

    @property
    def over(self) -> bool:
        return self._at >= len(self._raw)

    def take(self, count: int) -> bytes:
        taken = self._raw[self._at : self._at + count]
        if len(taken) < count:
            raise MalformedPacket(f"{KINDS[self._raw[0] >> 4]}: shorter than it says")
        self._at += count
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def text(self) -> str:
        return self.take(self.number(2)).decode("utf-8", "surrogateescape")

    def skip_properties(self, level: int) -> None:
        if level == FIVE:
            length, shift, digit = 0, 0, 128
            while digit & 128:
                digit = self.number(1)
                length |= (digit & 127) << shift
                shift += 7
            self.take(length)

    def rest(self) -> bytes:
        return self.take(len(self._raw) - self._at)


def _connect(raw: bytes, reader: _Reader) -> Packet:
    reader.text()  # the protocol's name
    level = reader.number(1)
    reader.take(3)  # flags, keep alive
    reader.skip_properties(level)
    return Packet("CONNECT", raw, client=reader.text(), level=level)


def _publish(raw: bytes, reader: _Reader, level: int) -> Packet:
    first = raw[0]
    qos = (first >> 1) & 3
    topic = reader.text()
    packet_id = reader.number(2) if qos else None
    reader.skip_properties(level)
    return Packet(
        "PUBLISH", raw, topic=topic, payload=reader.rest(), qos=qos, retain=bool(first & _RETAIN),
        dup=bool(first & _DUP), packet_id=packet_id,
    )  # fmt: skip


def _subscribe(raw: bytes, reader: _Reader, level: int) -> Packet:
    packet_id = reader.number(2)
    reader.skip_properties(level)
    filters = []
    while not reader.over:
        filters.append(reader.text())
        reader.take(1)  # options
    return Packet("SUBSCRIBE", raw, packet_id=packet_id, filters=tuple(filters))
