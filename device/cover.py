"""When cover leaves, and what it looks like: utterances without sound, at moments that nobody can foresee.

It never touches sound, and has no clock: a day is 24 hours of running.
"""

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import rfc8785

from device.envelope import Trigger
from device.utterance import segments_in
from hardware.board import RATE_HZ

DAY_SAMPLES = 24 * 3600 * RATE_HZ
_NEVER = 1 << 62
_UNPADDED_S = 2.0
"""What stands for `pad_s` where nothing is padded."""


class Shape(NamedTuple):
    """What the utterances look like among which cover is to hide.

    pad_s: 0: they are of any length. consents: how many of the two the owner gives; written down each is a
    letter shorter than its refusal, and cover has none.
    """

    pad_s: float
    segment_samples: int
    consents: int


class Due(NamedTuple):
    """Cover that is to leave now; `like` is the trigger that it takes after."""

    trigger: Trigger
    like: Trigger
    segments: int


class Cover:
    """`per_day` moments in every day, drawn uniformly with `random_bytes`.

    like: the trigger that cover takes after; to be set to each that begins an utterance. lengths: to be set
    to the segments of the last utterances; cover is as long as one of these, drawn.
    """

    def __init__(
        self, per_day: int, shape: Shape, like: Trigger, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.like = like
        self.lengths: Sequence[int] = ()
        self.next = 0 if per_day else _NEVER
        self._per_day = per_day
        self._random = random_bytes
        pad_s, segment_samples, self._consents = shape
        self._unit = segments_in(pad_s or _UNPADDED_S, segment_samples)
        self._whole = pad_s > 0
        self._day_ends = 0
        self._moments: list[int] = []

    def take(self, now: int, *, free: bool, muted: bool) -> Due | None:
        """Return the cover that is to leave from `now` on, if some is; ask when it is `next`.

        What finds the line not free is drawn anew in what is left of its day (cover that began the moment an
        answer ended would be known for what it is); what finds the speaker muted is let go.
        """
        if now >= self._day_ends:
            self._begin_day(now)
        due = bool(self._moments) and self._moments[0] <= now
        if due:
            heappop(self._moments)
            if not (free or muted):
                heappush(self._moments, now + 1 + self._draw(self._day_ends - now))
        self.next = min([*self._moments[:1], self._day_ends])
        return Due(self._trigger(), self.like, self._length()) if due and free and not muted else None

    def _begin_day(self, now: int) -> None:
        self._day_ends = now + DAY_SAMPLES
        self._moments = [now + self._draw(DAY_SAMPLES) for _ in range(self._per_day)]
        heapify(self._moments)

    def _length(self) -> int:
        """As many segments as something that was said lately; before that one to three times the padding."""
        if self.lengths:
            return self.lengths[self._draw(len(self.lengths))]
        if self._whole:
            return self._unit * (1 + self._draw(3))
        return self._unit + self._draw(2 * self._unit + 1)

    def _trigger(self) -> Trigger:
        """Made up, so that the header is exactly as long as after the trigger that it takes after."""
        like = self.like
        letters = len(rfc8785.dumps(like.word)) - 2 + len(like.kind) - len("cover") - self._consents
        score = (1_000 + self._draw(9_000)) / 10_000 if like.score is not None else None
        return Trigger("cover", "nothing".ljust(letters, ".")[: min(letters, 64)], score, like.model)

    def _draw(self, below: int) -> int:
        """A number from 0 to below `below`; 64 bits make it even enough."""
        return int.from_bytes(self._random(8), "big") % below
