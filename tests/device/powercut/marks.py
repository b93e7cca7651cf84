"""What may be relied on from now on, said by the story in a file, `marks`: one JSON object a line."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Marks:
    """The file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def __call__(self, **what: object) -> None:
        """Say it."""
        os.write(self._handle, json.dumps(what).encode() + b"\n")


def last(marks: Sequence[dict[str, Any]], what: str) -> Any:
    """What was said last of one thing, or None."""
    return next((mark[what] for mark in reversed(marks) if what in mark), None)
