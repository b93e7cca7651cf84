"""Over mutual TLS and through every fault at least once: each utterance is in the vault, once.
`scripts/rough_line` is the same with 500 of them.
"""

import random
from contextlib import closing

import pytest

from scripts.rough_home import RoughHome
from scripts.rough_rounds import Rounds, other_device
from scripts.torture_check import COMPLETE, check
from tests.secure_home import needs_mosquitto

pytestmark = [needs_mosquitto, pytest.mark.xdist_group("rough_line")]


class InTurn(random.Random):
    """Draws the faults one after the other, and everything else at random."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._next = 0

    def choice(self, seq):
        self._next += 1
        return seq[(self._next - 1) % len(seq)]


def test_whatever_goes_wrong_on_the_line_everything_arrives_once(tmp_path):
    with closing(RoughHome(tmp_path)) as home:
        rounds = Rounds(home, InTurn(7))
        for _ in range(12):
            rounds.speak()
        assert rounds.settle() == 0
        tried = other_device(home, rounds)
    assert len(rounds.faults) == 12
    assert [what for what, _, held in tried if not held] == []
    verdict = check(home.state, home.vault, home.seen)
    assert verdict.problems == []
    assert verdict.fates == {COMPLETE: rounds.spoken}
    assert rounds.spoken == 13
    assert home.doubled > 0
    assert verdict.causes["again"] > 0
