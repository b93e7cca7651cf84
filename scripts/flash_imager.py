"""The list that tells Raspberry Pi Imager 2 what an image of yours is, and how it may be customised.

Without it Imager takes a local image for one that cannot be customised, and says nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from flash_card import FlashError

SAID = {
    "description": "A 64-bit Raspberry Pi OS for a speaker",
    "icon": "qrc:/qt/qml/RpiImager/icons/use_custom.png",
    "devices": ["pi5-64bit", "pi4-64bit", "pi3-64bit"],
}
"""The same of every image. The devices are boards of 64 bits as Imager calls them; a Zero 2 W is a Pi 3."""


def write_list(image: Path, out: Path, style: str) -> str:
    """Write the list for an .img or .img.xz, and say where. Raises FlashError."""
    try:
        size, sha256 = unpacked(image)
        about = image.stat()
        entry = {
            **SAID,
            "name": f"Overheard's own: {image.name}",
            "url": image.resolve().as_uri(),
            "extract_size": size,
            "extract_sha256": sha256,
            "image_download_size": about.st_size,
            "release_date": datetime.fromtimestamp(about.st_mtime, UTC).date().isoformat(),
            "init_format": style,
        }
        out.write_text(json.dumps({"os_list": [entry]}, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FlashError(f"{error.filename or image}: {error.strerror}; nothing was written") from error
    return f"{out}: {size} bytes unpacked; Imager: App Options, Content Repository, Use custom file"


def unpacked(image: Path) -> tuple[int, str]:
    """Size and SHA-256 of an image once it is unpacked. Raises FlashError for a damaged one."""
    if image.suffix not in {".img", ".xz"}:
        raise FlashError(f"{image}: neither .img nor .img.xz; unpack it first")
    try:
        with lzma.open(image) if image.suffix == ".xz" else image.open("rb") as file:
            return _measure(file)
    except (lzma.LZMAError, EOFError) as error:
        raise FlashError(f"{image}: damaged; download it again") from error


def _measure(file: IO[bytes] | lzma.LZMAFile) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while part := file.read(1 << 20):
        size += len(part)
        digest.update(part)
    return size, digest.hexdigest()
