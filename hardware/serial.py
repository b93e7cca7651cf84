"""The serial number that a board was born with: a Pi's is in its device tree. A PC has none that counts."""

from pathlib import Path

DEVICE_TREE = Path("/proc/device-tree/serial-number")


def board_serial(path: Path = DEVICE_TREE) -> str | None:
    """The serial number, or None where the board has none."""
    try:
        text = path.read_bytes().rstrip(b"\0\n").decode("ascii", errors="replace")
    except OSError:
        return None
    return text or None
