"""How often somebody may guess: after a few failures the wait doubles. In memory, and bounded. Pure but
for that.
"""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import NamedTuple

FREE = 5
FIRST = timedelta(seconds=2)
LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)
"""Failures that long ago do not count any more: whoever waits out each wait has some hundred tries a day."""

MOST_KEYS = 10_000


class _Failed(NamedTuple):
    times: int
    last: datetime


class Limits:
    """Failures by key: a name, an address.

    alone: to be held from asking for the wait until it is said how the try went, or many who try at once
    would all have waited for nothing.
    """

    def __init__(self) -> None:
        self.alone = threading.Lock()
        self._failed: OrderedDict[str, _Failed] = OrderedDict()

    def wait(self, key: str, now: datetime) -> timedelta:
        """How long until this key may try; nothing for at once."""
        failed = self._failed.get(key)
        if failed is None or failed.times < FREE:
            return timedelta()
        doubled: timedelta = min(FIRST * (1 << min(failed.times - FREE, 20)), LONGEST)
        return max(timedelta(), failed.last + doubled - now)

    def failed(self, key: str, now: datetime) -> None:
        """It was wrong."""
        before = self._failed.pop(key, None)
        times = 0 if before is None or now - before.last > FORGOTTEN else before.times
        self._failed[key] = _Failed(times + 1, now)
        while len(self._failed) > MOST_KEYS:
            self._failed.popitem(last=False)

    def passed(self, key: str) -> None:
        """It was right."""
        self._failed.pop(key, None)
