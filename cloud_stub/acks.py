"""What the cloud has and misses of an utterance, signed. Never `complete` before it is durable."""

from collections.abc import Container
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_stub.whose import Whose
from device.envelope import downlink, topics


class Outgoing(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes


class Acks:
    """Writes acknowledgements under the cloud's signing key."""

    def __init__(self, signer: Ed25519PrivateKey) -> None:
        self._signer = signer

    def complete(self, whose: Whose) -> Outgoing:
        """The utterance is here, whole and durable: its device may forget it."""
        return self._sign(whose, state="complete")

    def truncated(self, whose: Whose) -> Outgoing:
        """All that was asked for is here, and no end came: its device may forget it unless it has more."""
        return self._sign(whose, state="truncated", end=True)

    def missing(
        self, whose: Whose, segments: list[list[int]], *, begin: bool = False, end: bool = False
    ) -> Outgoing:
        """Ask for ranges of segments (first and last included), and for the begin or the end."""
        return self._sign(whose, state="missing", missing=segments, begin=begin, end=end)

    def _sign(self, whose: Whose, **said: Any) -> Outgoing:
        body = {"v": 1, **whose._asdict(), "missing": [], "begin": False, "end": False, **said}
        return Outgoing(topics.ack(whose.device), downlink.sign("ack", body, self._signer))


def gaps(held: Container[int], count: int) -> list[list[int]]:
    """The ranges of what is not held among the segments 0 to count - 1."""
    found: list[list[int]] = []
    for index in range(count):
        if index in held:
            continue
        if found and found[-1][1] == index - 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return found
