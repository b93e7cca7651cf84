"""What time alone does to what is kept: it is shredded when its owner's time is over, and taken back from
people when they may not have it any more. Once a minute.
"""

from contextlib import suppress
from datetime import datetime, timedelta

from cloud_stub.errors import NotKept
from cloud_stub.review.opening import Review
from cloud_stub.vault import Vault
from cloud_stub.wishes import Wishes

EVERY = timedelta(minutes=1)
REST = timedelta(hours=1)
"""So long the rest of what was cut short may still come, whatever its owner wishes."""

AT_ONCE = 200
"""So many are shredded in one go: the cloud's ticks go on meanwhile."""


class Chores:
    """Does what is due. Use it from one thread."""

    def __init__(self, vault: Vault, wishes: Wishes, review: Review) -> None:
        self._vault = vault
        self._wishes = wishes
        self._review = review
        self._last: datetime | None = None

    def do(self, now: datetime) -> None:
        """Do everything that is due, unless it was done less than a minute ago. A clock that was set back
        does it at once.
        """
        if self._last is not None and self._last <= now < self._last + EVERY:
            return
        self._last = now
        self.shred(now)
        self._review.drawing.withdraw_refused(now)
        self._review.desk.give_back_late(now)
        self._review.settling.settle_left(now)

    def shred(self, now: datetime, most: int = AT_ONCE) -> int:
        """Shred what was kept for as long as its owner wishes, so many at most; return how many."""
        done = 0
        for device in self._vault.devices():
            wish = self._wishes.of(device)
            if wish.kept_for is None:
                continue
            for whose in self._vault.kept_before(device, now - wish.kept_for, now - REST)[: most - done]:
                with suppress(NotKept):
                    self._vault.forget(whose, "machine", f"its owner's wish: keep {wish.keep}", now)
                    done += 1
        return done
