"""Ports of this machine alone: choose one, ask for one. It keeps none open."""

import secrets
import socket

from cloud_stub.errors import BrokerError

HOST = "127.0.0.1"
START_S = 10.0


def free_port() -> int:
    """Choose a port that nobody has.

    Below the range the kernel gives to outgoing connections: a client that calls a broker which is down can
    otherwise be given the broker's port as its own, and then meets itself and keeps the port.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        if _is_free(port):
            return port


def require_free(port: int) -> None:
    """Raise BrokerError when somebody already listens on the port."""
    if not _is_free(port):
        raise BrokerError(f"{HOST}:{port}: the port is taken; stop who has it, or set [broker] port")


def accepts(port: int) -> bool:
    """Whether a connection to the port is accepted now."""
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
