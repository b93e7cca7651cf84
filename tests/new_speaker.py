"""What a cloud gives a new speaker: made by the real `overheard-cloud broker init`, as far as it matters."""

from datetime import UTC, datetime
from pathlib import Path

from cloud_stub.broker_files import Address, BrokerFiles

CLOUD_ROOT = "cloud+12345678+AAAA"


def for_a_new_speaker(folder: Path, host: str = "192.168.1.5") -> Path:
    """The folder for-a-new-speaker, below `folder`."""
    files = BrokerFiles(folder / "broker", folder / "keys", datetime.now(UTC))
    files.write(Address([host], 8883, 8884), CLOUD_ROOT, [])
    return files.bundle
