"""What the device said over one connection, as far as it can be told."""

from typing import NamedTuple

from lab.audit.capture.stream import At


class Said(NamedTuple):
    """A CONNECT (topic, size and hash are its last will's) or a PUBLISH. `packet`: bytes of all of it, with
    its header. `sealed`: no key opened it, so topic, size and sha256 are not known.
    """

    publish: bool
    packet: int
    at: At
    topic: str = ""
    size: int = 0
    sha256: str = ""
    sealed: bool = False
    level: int = 0
