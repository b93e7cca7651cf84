"""Whom the firmware can call. What is sent to see that goes to the loopback interface, where it ends."""

import socket

NOWHERE = "198.51.100.1"
"""An address for documentation (RFC 5737): nobody's broker."""

ASKED_OF_NFTABLES = "127.66.66.66"
"""Our nftables rules refuse this one, which IPAddressAllow=localhost lets pass."""

_PORT = 65535
"""Nobody's; from 32768 on our rules let ports of this machine pass."""


def _refused(address: str) -> bool:
    """Whether an empty datagram to `address` is refused before it is one. It is bound to loopback: where it
    is not refused, it is thrown away there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        except OSError:
            return False  # then it is not asked
        try:
            asking.sendto(b"", (address, _PORT))
        except PermissionError:
            return True
        except OSError:
            pass
    return False


def addresses() -> bool:
    """IPAddressDeny=, which systemd leaves out without a word where the kernel has no BPF for it."""
    return _refused(NOWHERE) and not _refused("127.0.0.1")


def ports() -> bool:
    """The nftables rules, which know the broker's port as well."""
    return _refused(ASKED_OF_NFTABLES)
