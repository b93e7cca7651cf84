"""Kill -9 at random moments, and bring everything back: the rounds, and the rest after them.

Chance is an argument. A moment is told by what passes at the broker, so that it falls into the stage that was
drawn however fast the machine is.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import NamedTuple

from scripts.torture_home import PARTS, EndedError, Home
from scripts.torture_tap import Tap

STEP_S = 30.0
"""How long it may take until the stage that was drawn is reached, or until all are connected again."""

SETTLED_S = 90.0
"""How long it may take until nothing waits any more."""

_AFTER = {"connecting": 0, "quiet": 0, "streaming": 20, "ended": 0, "answering": 0}
"""The stages, and up to how many messages after its beginning the moment lies."""

_DITHER = {"connecting": 0.7, "quiet": 0.5, "answering": 0.3}
"""The share of the longest wait that a moment in a stage without messages may lie later."""


class Kill(NamedTuple):
    """Who was killed, and in which stage of `Tap` that was."""

    stage: str
    victims: tuple[str, ...]


class StuckError(RuntimeError):
    """What should have come did not come in time."""


class Torture:
    """Rounds at `home`, seen by `tap`. dither_s: the longest wait that is drawn before a kill and before a
    restart; with 0 the moments are told by messages alone.
    """

    def __init__(self, home: Home, tap: Tap, chance: random.Random, dither_s: float) -> None:
        self._home = home
        self._tap = tap
        self._chance = chance
        self._dither_s = dither_s
        self._never = threading.Event()

    def begin(self) -> None:
        """Start all, the device last, and wait until they know each other. Raises EndedError, StuckError."""
        self._home.start("broker", "cloud")
        self._require(self._until(lambda: self._home.ready("cloud"), STEP_S), "cloud not ready")
        self._home.start("device")
        self._require(self._tap.wait(lambda: self._tap.stage != "connecting", STEP_S), "no connection")

    def round(self) -> Kill:
        """Start what does not run, let it talk, kill one or two at a moment drawn.

        Raises:
            EndedError: one of them ended without having been killed.
            StuckError: nobody talks any more.
        """
        self._home.start(*self._chance.sample(PARTS, len(PARTS)))
        self._await_moment(self._chance.choice(tuple(_AFTER)))
        victims = tuple(self._chance.sample(PARTS, self._chance.choice((1, 1, 2))))
        kill = Kill(self._tap.stage, victims)
        for victim in victims:
            self._home.kill(victim)
        self._tap.killed()
        self._dither(1.0)
        return kill

    def settle(self) -> int:
        """Start all, speak no more, wait until nothing waits; end all. Return how many messages still wait.

        Raises:
            EndedError: the device or the cloud did not end with exit code 0 when asked to.
            StuckError: they do not find each other again.
        """
        self._home.start(*PARTS)
        self._stop("device")
        self._home.hush()
        self._home.start("device")
        self._until(lambda: not self._waiting(), SETTLED_S)
        self._stop("device")
        self._stop("cloud")
        return self._waiting()

    def _await_moment(self, moment: str) -> None:
        tap, after = self._tap, self._chance.randint(0, _AFTER[moment])
        at_once = moment == "connecting"  # which may be over before anybody looks
        reached = at_once or tap.wait(lambda: tap.stage == moment and tap.stage_messages >= after, STEP_S)
        self._home.watch()
        self._require(reached, f"not {moment}, message {after},")
        self._dither(_DITHER.get(moment, 0.0))

    def _dither(self, share: float) -> None:
        self._never.wait(self._chance.uniform(0, share * self._dither_s))

    def _require(self, reached: bool, what: str) -> None:
        if not reached:
            raise StuckError(f"{what} within {STEP_S:.0f} s, at stage {self._tap.stage}")

    def _stop(self, name: str) -> None:
        self._require(self._until(lambda: self._home.ready(name), STEP_S), f"{name} not ready")
        code = self._home.stop(name)
        if code != 0:
            raise EndedError(f"{name}: exit code {code} after SIGTERM, not 0")

    def _until(self, condition: Callable[[], bool], within_s: float) -> bool:
        """Look again and again, for so long; return whether it came true."""
        until = monotonic() + within_s
        while not condition():
            if monotonic() > until:
                return False
            self._home.watch()
            self._never.wait(0.05)
        return True

    def _waiting(self) -> int:
        path = (self._home.state / "egress.db").absolute()
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT count(*) FROM message").fetchone()[0])
