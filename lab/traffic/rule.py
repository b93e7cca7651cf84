"""When a speaker was active: seconds in which it sent more than a threshold. Pure.

The rule is that of the PETS 2020 study "When Speakers Are All Ears", which inferred a threshold for each
device from captures in which it was active and idle; 12,172 bytes a second is theirs for an Echo Dot 3.
Seconds less than `join_s` apart are one activation here: a question, its end, what goes up after its answer.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

ECHO_DOT_3 = 12_172
JOIN_S = 10


class Activation(NamedTuple):
    """first, last: seconds from the capture's start, both included; bytes: that went up in these."""

    first: int
    last: int
    bytes: int


class Score(NamedTuple):
    """What was found of what is known: found and known that meet, found in all, known in all."""

    met: int
    found: int
    known: int

    @property
    def recall(self) -> float:
        """The part of what is known that was found."""
        return self.met / self.known if self.known else 1.0

    @property
    def precision(self) -> float:
        """The part of what was found that is known."""
        return self.met / self.found if self.found else 1.0


def activations(up: Mapping[int, int], threshold: int, join_s: int = JOIN_S) -> list[Activation]:
    """Find them. up: bytes by second."""
    found: list[Activation] = []
    for second in sorted(second for second, count in up.items() if count > threshold):
        if found and second - found[-1].last < join_s:
            first = found[-1].first
            found[-1] = Activation(first, second, sum(up.get(each, 0) for each in range(first, second + 1)))
        else:
            found.append(Activation(second, second, up[second]))
    return found


def idle_threshold(up: Mapping[int, int]) -> int:
    """The most that went up in a second of a capture in which nobody spoke: more is an activation."""
    return max(up.values(), default=0)


def score(found: Sequence[Activation], known: Sequence[tuple[int, int]], slack_s: int = 2) -> Score:
    """Compare with what is known: spans of seconds. Each of either meets one of the other at most."""
    left = list(known)
    met = 0
    for each in found:
        for span in left:
            if each.first <= span[1] + slack_s and span[0] - slack_s <= each.last:
                left.remove(span)
                met += 1
                break
    return Score(met, len(found), len(known))
