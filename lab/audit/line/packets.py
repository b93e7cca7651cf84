"""One side's stream of MQTT, cut where its packets end, however it was split on the way."""

from collections.abc import Iterator

from lab.audit.line.nonsense import Nonsense

LARGEST_BYTES = 4 << 20
"""No packet is longer: the device takes a mebibyte and publishes far less."""


class Packets:
    """Cuts one side's stream into packets: first byte, body, and the length of both and what is between."""

    def __init__(self) -> None:
        self._rest = bytearray()

    @property
    def rest(self) -> int:
        """How many bytes have come of a packet that is not whole."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes, int]]:
        """Yield the packets that are whole now. Raises Nonsense where a length is none."""
        self._rest += data
        start = 0
        try:
            while True:
                head = _head(self._rest, start)
                if head is None or head[1] > len(self._rest):
                    return
                first, (body, end) = self._rest[start], head
                whole = bytes(self._rest[body:end])
                size, start = end - start, end
                yield first, whole, size
        finally:
            del self._rest[:start]


def _head(data: bytearray, start: int) -> tuple[int, int] | None:
    """Where a packet's body begins and ends; None while its length is not whole."""
    length = 0
    for place, digit in enumerate(data[start + 1 : start + 5]):
        length |= (digit & 127) << 7 * place
        if not digit & 128:
            if (place and not digit) or length > LARGEST_BYTES:
                raise Nonsense(f"a packet of MQTT that says it is {length} bytes long")
            return start + 2 + place, start + 2 + place + length
    if len(data) - start > 4:
        raise Nonsense("a packet of MQTT whose length does not end")
    return None
