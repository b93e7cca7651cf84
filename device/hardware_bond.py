"""A device belongs to the board it was made on: a card that was copied into another one publishes nothing.

What is remembered is a hash (`hardware` in the state directory), another for each device id; it links no two
devices.
"""

from pathlib import Path

from device.envelope.request import hardware_hash
from device.errors import KeyFileError, StorageError
from device.keys import write_private

BOND = "hardware"


def bind(directory: Path, device: str, serial: str | None) -> str | None:
    """Bind the device to the board of that serial number, or see that it is still the one.

    Returns the hash, or None on a board that has no serial number.

    Raises:
        KeyFileError: the keys were made on another board.
        StorageError: the disk refuses.
    """
    path = directory / BOND
    mine = hardware_hash(device, serial) if serial else None
    line = f"{mine or 'none'}\n"
    try:
        if not path.exists():
            write_private(path, line.encode())
        elif path.read_text(encoding="ascii", errors="replace") != line:
            raise KeyFileError(
                f"{path}: these keys were made on another board, so nothing is published; "
                f"on a new board empty {directory} and provision it"
            )
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; make room in the state directory") from error
    return mine
