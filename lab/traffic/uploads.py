"""A capture of a home to bytes a second that one device sent out of it, and got from there."""

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from lab.audit.capture.packet import Packet
from lab.audit.capture.survey import read as survey
from lab.traffic.errors import TrafficError

_SECOND_NS = 1_000_000_000
_LONGEST_S = 31 * 86_400
_IP = frozenset({4, 16})


class Uploads:
    """device: its address. start_ns: Unix, of the capture's first packet. up, down: bytes of whole frames by
    second from there on; seconds: how many there are.
    """

    def __init__(
        self, device: str, start_ns: int, seconds: int, up: Counter[int], down: Counter[int]
    ) -> None:
        self.device = device
        self.start_ns = start_ns
        self.seconds = seconds
        self.up = up
        self.down = down


def read(
    path: Path,
    device: str | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Uploads:
    """Read a capture. device: an address; if None, the one of the home that sent most out of it.

    Out of the home is every address of the Internet; where the capture has none (a laboratory's cable), every
    other one.

    Raises:
        Damaged: it is no capture. TrafficError: nobody sent anything, or not that device.
    """
    pairs = _Pairs()
    survey(path, see=pairs.see, progress=progress)
    out = {pair for pair in pairs.bytes if _leads_out(pair)} or set(pairs.bytes)
    sent: Counter[bytes] = Counter()
    for source, target in out:
        sent[source] += sum(pairs.bytes[source, target].values())
    own = ip_address(device).packed if device else max(sent, key=lambda each: sent[each], default=b"")
    if own not in sent:
        raise TrafficError(f"{path}: {device or 'nobody'} sent nothing out of the home; name its address")
    up, down = Counter[int](), Counter[int]()
    for source, target in out:
        if source == own:
            up.update(pairs.bytes[source, target])
            down.update(pairs.bytes.get((target, source), {}))
    return Uploads(str(ip_address(own)), pairs.start_ns or 0, pairs.last + 1, up, down)


class _Pairs:
    """Bytes by second from each address to each other."""

    def __init__(self) -> None:
        self.start_ns: int | None = None
        self.last = 0
        self.bytes: dict[tuple[bytes, bytes], Counter[int]] = {}

    def see(self, packet: Packet) -> None:
        """Count a packet; what has no IP does not leave a home."""
        record, source, target = packet.record, packet.source[0], packet.target[0]
        if self.start_ns is None:
            self.start_ns = record.time_ns
        second = (record.time_ns - self.start_ns) // _SECOND_NS
        if len(source) not in _IP or not 0 <= second < _LONGEST_S:
            return
        self.last = max(self.last, second)
        self.bytes.setdefault((source, target), Counter())[second] += record.length


def _leads_out(pair: tuple[bytes, bytes]) -> bool:
    source, target = map(ip_address, pair)
    return target.is_global and not target.is_multicast and not source.is_global
