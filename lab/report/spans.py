"""Arithmetic on stretches of samples, [first, end). Pure; it knows nothing of audio or of privacy."""

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """The samples from `first` up to, not including, `end`."""

    first: int
    end: int


class Stretch(NamedTuple):
    """A span during which `what` was so."""

    first: int
    end: int
    what: str


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the same samples as sorted spans that neither touch nor overlap; empty spans vanish."""
    merged: list[Span] = []
    for span in sorted(s for s in spans if s.first < s.end):
        if merged and span.first <= merged[-1].end:
            merged[-1] = Span(merged[-1].first, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def common(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """Return the samples that are in both."""
    right = union(other)
    return union(Span(max(a.first, b.first), min(a.end, b.end)) for a in union(one) for b in right)


def minus(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """Return the samples of `one` that are not in `other`."""
    left = union(one)
    if not left:
        return []
    holes, at = [], left[0].first
    for span in union(other):
        holes.append(Span(at, span.first))
        at = max(at, span.end)
    return common(left, [*holes, Span(at, max(at, left[-1].end))])


def length(spans: Iterable[Span]) -> int:
    """Return how many samples the spans hold, each counted once."""
    return sum(s.end - s.first for s in union(spans))


def stretches(changes: Iterable[tuple[int, str]], end: int) -> list[Stretch]:
    """Turn changes (sample, what is so from then on) into stretches up to `end`; repeats are joined."""
    found: list[Stretch] = []
    for sample, what in changes:
        if found and found[-1].what == what:
            continue
        if found:
            found[-1] = found[-1]._replace(end=sample)
        found.append(Stretch(sample, end, what))
    return [s for s in found if s.first < s.end]
