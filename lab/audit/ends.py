"""Every utterance ends, and none is longer than its owner allows (promise 7): counted by segments, whether
they open or not.
"""

import math
from collections.abc import Iterator

from device.envelope import Begin
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import SETTINGS, Evidence, Sent, begins
from lab.audit.verdicts import Check, Finding

RATE_HZ = 16_000
USUAL_S, CEILING_S = 10.0, 30.0
"""How long an utterance may be unless its owner says otherwise, and whatever anybody says."""
PADDING_S = 10.0
"""Padding adds so much at most (docs/wire-format.md)."""


def _ends(evidence: Evidence) -> Iterator[Finding]:
    """No utterance has more segments than the longest that there may be.

    Raises:
        NotGiven: one is longer than usual, and whether it may be is not known.
    """
    unsure = 0.0
    limit = _limit(evidence)
    for sent, begin in begins(evidence):
        length = len(sent.segments) * begin.header.segment_samples / RATE_HZ
        if length > _padded(CEILING_S if limit is None else limit[0], limit, begin):
            yield Finding(f"utterance {sent.name} is {length:.1f} s long", sent.where)
        elif limit is None and length > _padded(USUAL_S, (USUAL_S, 0.0), begin):
            unsure = max(unsure, length)
    if unsure:
        raise NotGiven(f"the device's settings, {SETTINGS}: whether an utterance may take {unsure:.1f} s")


def _padded(longest_s: float, limit: tuple[float, float] | None, begin: Begin) -> float:
    """The longest that so much sound becomes: whole segments, and so many that padding asks for; one more,
    as a last segment may be empty.
    """
    segment_s = begin.header.segment_samples / RATE_HZ
    if limit is None:
        return longest_s + PADDING_S + segment_s
    segments = math.ceil(longest_s / segment_s) + 1
    multiple = max(1, math.ceil(limit[1] / segment_s))
    return math.ceil(segments / multiple) * multiple * segment_s


def _limit(evidence: Evidence) -> tuple[float, float] | None:
    """How long an utterance may be, and of what its length is made a multiple, in seconds, as the owner set
    them; None where that is not known.
    """
    try:
        settings = evidence.settings
    except NotGiven:
        return None
    longest = settings.get("endpoint", {}).get("maximum_s", USUAL_S)
    multiple = settings.get("privacy", {}).get("pad_s", 0.0)
    if not all(type(each) in (int, float) and 0 <= each < math.inf for each in (longest, multiple)):
        raise Damaged(SETTINGS, "a length that is none")
    return min(float(longest), CEILING_S), float(multiple)


def _closed(evidence: Evidence) -> Iterator[Finding]:
    """Every utterance that began has an end, or a row that says why it has none.

    Raises:
        NotGiven: one has neither; it may still wait on the device.
    """
    said = {row.utterance for row in evidence.rows if row.kind == "dropped"}
    last = {row.utterance: row.index for row in evidence.rows if row.kind == "begin"}
    open_ones = [sent for sent in evidence.sent if not sent.ends and sent.name not in said]
    for sent in open_ones:
        if _later(sent, last):
            yield Finding(f"utterance {sent.name} has no end, and another began after it", sent.where)
    if open_ones:
        raise NotGiven(f"the end of utterance {open_ones[0].name}, which had not come when the record ended")


def _later(sent: Sent, begun: dict[str | None, int]) -> bool:
    own = begun.get(sent.name)
    return own is not None and any(index > own for index in begun.values())


CHECKS = (
    Check("envelope.ends", 7, "no utterance is longer than it may be", _ends),
    Check("envelope.closed", 7, "every utterance that began came to an end, or it is said why not", _closed),
)
