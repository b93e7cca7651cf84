"""A capture, what went up in it, and when it was active."""

from pathlib import Path
from typing import NamedTuple

from lab.traffic.rule import Activation
from lab.traffic.uploads import Uploads


class Seen(NamedTuple):
    """What is said of one capture."""

    path: Path
    uploads: Uploads
    found: list[Activation]
