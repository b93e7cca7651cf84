"""Finds pieces of a sound in bytes, in every form of `forms`, at any place and alignment. Pure.

A key is a hash of `_SPAN` samples in a row. The sound gives a key at every `hop`-th of its places; the bytes
are looked at in runs of `hop` places, so far apart that no piece of `least` samples is missed. What has the
key of a place of the sound is then compared with the sound, sample by sample, both ways.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.canary.forms import FORMS, Form, Made, Samples, Values

Keys = NDArray[np.uint64]
Places = NDArray[np.intp]

_SPAN = 6
_NEAR_BITS = 3
"""Where values may be off by a few, keys leave out so many of their low bits."""
_TABLE_BITS = 22
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FLAT = 2
"""Samples that are all so near to each other are of silence, and no key."""
_RUNS = 6
"""So often is a piece of `least` samples looked at, where a hop leaves places out: one place may be of
silence, or rounded to another key.
"""
_AT_ONCE = 1 << 22
_COMPARED = 1 << 12
_SLACK_BYTES = 16
"""One of its frames, nearly: at its ends a piece may have a sample more in one form than in another."""


class Found(NamedTuple):
    """A piece of the sound: in which form, where in the bytes, and which samples of the sound it is, as many
    as there are in that form.
    """

    form: str
    offset: int
    first: int
    samples: int
    end: int
    """Of its bytes."""


class Grain(NamedTuple):
    """How finely to look. least: no piece of so many samples is missed. said: none that is shorter counts.
    hop: see above; it makes tables smaller, and pieces longer that can be missed.
    """

    least: int = 14
    said: int = 12
    hop: int = 1


FINE = Grain()


class Sought:
    """A sound to look for, s16 mono at 16 kHz, in `forms`."""

    def __init__(
        self,
        sound: Samples,
        grain: Grain = FINE,
        forms: tuple[Form, ...] = FORMS,
    ) -> None:
        self._grain = grain
        self._forms = forms
        self._tables = {each.made.name: _Table(each.made, sound, grain.hop) for each in forms}

    def within(self, data: bytes | bytearray | memoryview) -> Iterator[Found]:
        """Yield every piece of it in `data`."""
        raw = np.frombuffer(data, np.uint8)
        for form in self._forms:
            yield from _Look(form, self._tables[form.made.name], self._grain, raw).found()


def plain(found: Iterable[Found]) -> list[Found]:
    """What was found, in the order of forms, without what is in the same bytes as something before it that is
    as old: a piece of PCM is one of its top bytes, too, and six equal channels are as many pieces.
    """
    kept: list[Found] = []
    for each in found:
        if not any(_covers(other, each) for other in kept):
            kept.append(each)
    return kept


def _covers(other: Found, each: Found) -> bool:
    same_bytes = other.offset - _SLACK_BYTES <= each.offset and each.end <= other.end + _SLACK_BYTES
    return same_bytes and other.first <= each.first + 1


class _Table:
    """The keys of what was made of a sound, and at which place of it they are."""

    def __init__(self, made: Made, sound: Samples, hop: int) -> None:
        self.made, self.values = made, made.make(sound)
        self.shift = _NEAR_BITS if made.near else 0
        places = np.arange(0, max(0, len(self.values) - _SPAN + 1), hop)
        rows = [self.values[places + nth] for nth in range(_SPAN)]
        loud = np.maximum.reduce(rows) - np.minimum.reduce(rows) > (_FLAT << self.shift)
        keys = _keys([row[loud] for row in rows], self.shift)
        order = np.argsort(keys, kind="stable")
        self._keys, self._places = keys[order], places[loud][order]
        self._there = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._there[_short(keys)] = True

    def lookup(self, keys: Keys) -> tuple[Places, Places]:
        """Which of the keys are there, and the place in the sound of each: one of them, if it has more."""
        maybe = np.flatnonzero(self._there[_short(keys)])
        at = np.searchsorted(self._keys, keys[maybe])
        same = self._keys[at.clip(max=len(self._keys) - 1)] == keys[maybe] if len(self._keys) else at < 0
        return maybe[same], self._places[at[same]]


class _Look:
    """The search of some bytes for one form. `_stride`: bytes from sample to sample; `_step`: from the first
    place of a run to that of the next.
    """

    def __init__(self, form: Form, table: _Table, grain: Grain, raw: NDArray[np.uint8]) -> None:
        self._form, self._table, self._raw = form, table, raw
        self._said = grain.said
        self._stride = form.written.dtype.itemsize * form.apart
        self._run = self._stride * grain.hop
        runs = 1 if grain.hop == 1 else _RUNS
        self._step = self._stride * max(grain.hop, (grain.least - grain.hop - _SPAN + 2) // runs)

    def found(self) -> Iterator[Found]:
        """Yield what is there."""
        reached: dict[tuple[int, int], int] = {}
        for offset, place in self._candidates():
            line = (offset % self._stride, offset // self._stride - place)
            if offset < reached.get(line, 0):
                continue  # it is in the piece that was found before
            before, after = self._same(offset, place, -1), self._same(offset, place, 1)
            reached[line] = offset + after * self._stride
            if before + after - 1 >= self._said:
                first, last = place - before + 1, place + after - 1
                yield self._piece(offset - (before - 1) * self._stride, first, last)

    def _piece(self, offset: int, first: int, last: int) -> Found:
        places = len(self._table.values)
        sample = min(self._table.made.first(first, places), self._table.made.first(last, places))
        count = last - first + 1
        end = offset + (count - 1) * self._stride + self._form.written.dtype.itemsize
        return Found(self._form.name, offset, sample, count, end)

    def _candidates(self) -> Iterator[tuple[int, int]]:
        """Offsets at which there is a key of the sound, and its place in the sound, in order of offsets."""
        bounds = [*range(0, len(self._raw), max(1, _AT_ONCE // self._step) * self._step), len(self._raw)]
        for first, end in pairwise(bounds):
            hits = [self._hits(first, end, phase) for phase in range(self._run)]
            yield from sorted(hit for some in hits for hit in some)

    def _hits(self, first: int, end: int, phase: int) -> list[tuple[int, int]]:
        """Those at `first` + `phase`, and every step after it, before `end`."""
        reach = phase + (_SPAN - 1) * self._stride + self._form.written.dtype.itemsize
        count = min(-(-(end - first) // self._step), (len(self._raw) - first - reach) // self._step + 1)
        if count <= 0:
            return []
        at = first + phase
        rows = [self._numbers(at + nth * self._stride, count, self._step) for nth in range(_SPAN)]
        which, places = self._table.lookup(_keys(rows, self._table.shift))
        return [
            (at + nth * self._step, place) for nth, place in zip(which.tolist(), places.tolist(), strict=True)
        ]

    def _numbers(self, offset: int, count: int, step: int) -> Values:
        raw: NDArray[np.generic] = np.ndarray((count,), self._form.written.dtype, self._raw, offset, (step,))
        return self._form.written.read(raw)

    def _same(self, offset: int, place: int, way: int) -> int:
        """How many samples from there on, forwards or backwards, are those of the sound."""
        size = self._form.written.dtype.itemsize
        room = (len(self._raw) - size - offset) // self._stride if way > 0 else offset // self._stride
        left = 1 + min(room, len(self._table.values) - 1 - place if way > 0 else place)
        same = 0
        while left > 0:
            count = min(left, _COMPARED)
            here = self._numbers(offset, count, way * self._stride)
            there = self._table.values[place::way][:count]
            other = np.flatnonzero(np.abs(here - there) > self._table.made.near)
            if len(other):
                return same + int(other[0])
            same, left = same + count, left - count
            offset, place = offset + way * count * self._stride, place + way * count
        return same


def _keys(rows: list[Values], shift: int) -> Keys:
    keys = np.zeros(len(rows[0]), np.uint64)
    for row in rows:
        keys = (keys ^ (row >> shift).view(np.uint64)) * _MIX
        keys ^= keys >> np.uint64(29)
    return keys


def _short(keys: Keys) -> NDArray[np.intp]:
    return (keys >> np.uint64(64 - _TABLE_BITS)).astype(np.intp)
