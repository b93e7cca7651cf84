"""Where one record ends and the next begins, as anybody on the network can see it. Pure; it keeps no payload.

TCP's own segments are cut by chance and load; records are not. With TLS a record is a TLS record, whose
header is in the clear. Without, it is an MQTT packet, of which TLS 1.3 makes a record of 22 bytes more (5 of
header, 1 of type, 16 of tag), always: so either way of counting tells the same sizes apart.
"""

TLS_HEADER = 5
_TLS_TYPES = range(20, 24)


class Splitter:
    """Cuts one direction of one connection into records."""

    def __init__(self) -> None:
        self._open = bytearray()

    def hear(self, data: bytes) -> list[int]:
        """Take what came and return the sizes of the records that it completed."""
        self._open += data
        sizes = []
        while (size := _size(self._open)) is not None and len(self._open) >= size:
            sizes.append(size)
            del self._open[:size]
        return sizes


def _size(begun: bytearray) -> int | None:
    """Return the size of the record that begins here; None while its header is not whole."""
    if len(begun) < 2:
        return None
    # An MQTT packet of these types (CONNECT, and flags that it does not have) is never sent.
    if begun[0] in _TLS_TYPES and begun[1] == 3:
        return TLS_HEADER + int.from_bytes(begun[3:5]) if len(begun) >= TLS_HEADER else None
    length = 0
    for place, byte in enumerate(begun[1:5]):
        length |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return 2 + place + length
    return None
