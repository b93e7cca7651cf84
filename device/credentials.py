"""Where a secret is: handed over by systemd in `$CREDENTIALS_DIRECTORY`, or a file of mode 0600. It never
prints one.
"""

import os
from pathlib import Path

from device.errors import KeyFileError


def find_secret(path: Path) -> Path:
    """The credential of that file's name, if systemd handed one over; else `path` itself."""
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(handed) / path.name if handed else path
    return credential if credential.exists() else path


def require_private(path: Path) -> None:
    """Raise KeyFileError when a secret is missing, or others can read it. A credential's mode is systemd's
    affair.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; the firmware must own this file") from error
    if mode & 0o077 and str(path.parent) != os.environ.get("CREDENTIALS_DIRECTORY"):
        raise KeyFileError(f"{path}: others can read it; run: chmod 600 {path}")
