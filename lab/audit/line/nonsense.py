"""What is said of a line: something strange, and where; and bytes that are not what they must be."""

from typing import NamedTuple

from lab.audit.capture.stream import At


class Nonsense(Exception):  # noqa: N818  # said of bytes, not of us
    """Bytes that are not what they must be from here on: what follows them cannot be read either."""


class Strange(NamedTuple):
    """Something on the line that has no business there. `hides` if bytes of the device may be in it."""

    what: str
    at: At
    hides: bool = True


MOST = 1000
"""So many strange things of one kind are told one by one; who finds a thousand has found enough."""


def place(at: At) -> str:
    """Where it is, for people."""
    seconds, rest = divmod(at.time_ns, 1_000_000_000)
    return f"packet {at.number}, {seconds}.{rest // 1000:06d}"
