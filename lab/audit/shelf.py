"""The bytes of many files beside each other, so that they are searched in one go. It writes nothing."""

import base64
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.audit.errors import Damaged

_BETWEEN = bytes(64)

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{854,}")
_HEX = re.compile(rb"[0-9A-Fa-f]{1280,}")
"""20 ms of PCM are so long in them."""


class Shelf:
    """Files below a folder, and whatever in them are bytes that are written as text: base64, hex.

    Raises:
        Damaged: one of them cannot be read.
    """

    def __init__(self, directory: Path, paths: Iterable[Path]) -> None:
        self._names: list[str] = []
        self._starts: list[int] = []
        data = bytearray()
        for path in paths:
            for where, content in _contents(path):
                self._names.append(f"{path.relative_to(directory)}, {where}")
                self._starts.append(len(data))
                data += content + _BETWEEN
        self.data = bytes(data)

    def file(self, offset: int) -> str:
        """The file that has that byte of `data`."""
        return self._names[bisect_right(self._starts, offset) - 1].split(",")[0]

    def where(self, offset: int) -> str:
        """The same, and where in it."""
        nth = bisect_right(self._starts, offset) - 1
        return f"{self._names[nth]} {offset - self._starts[nth]}"


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(path.name, f"cannot be read ({error.strerror})") from error
    yield "byte", data
    for match in _HEX.finditer(data):
        whole = match[0][: len(match[0]) // 2 * 2]
        yield f"hex at byte {match.start()}, its byte", bytes.fromhex(whole.decode("ascii"))
    for match in _BASE64.finditer(data):
        for skipped in range(4):
            whole = match[0][skipped:]
            decoded = base64.b64decode(whole[: len(whole) // 4 * 4])
            yield f"base64 at byte {match.start() + skipped}, its byte", decoded
