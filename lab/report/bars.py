"""Bars of bytes: which messages stand in one bar, and which samples the bar covers. Pure; it draws nothing."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from lab.report.run import Message


class Bar(NamedTuple):
    """The messages that left during the samples [first, end); the first of them left at `first`."""

    first: int
    end: int
    messages: tuple[Message, ...]

    @property
    def bytes(self) -> int:
        """How much left."""
        return sum(message.sent.bytes for message in self.messages)


def bars(messages: Iterable[Message], most_samples: int, triggers: Sequence[int]) -> list[Bar]:
    """Gather messages, in order of time, into bars of at most `most_samples` that never overlap.

    A bar begins at its first message, and one that begins before a trigger (samples, sorted) holds nothing
    that left at or after it: so no bar stands left of a trigger for what it does not excuse.
    """
    gathered: list[list[Message]] = []
    for message in messages:
        at = message.sent.sample
        first = gathered[-1][0].sent.sample if gathered else -most_samples
        if at - first < most_samples and bisect_right(triggers, first) == bisect_right(triggers, at):
            gathered[-1].append(message)
        else:
            gathered.append([message])
    starts = [some[0].sent.sample for some in gathered]
    ends = [min(one + most_samples, following) for one, following in pairwise([*starts, 1 << 62])]
    return [Bar(*edges, tuple(some)) for *edges, some in zip(starts, ends, gathered, strict=True)]
