"""Several processes that play sessions, and the one that shows how far they are.

Ctrl-C is for whoever started them: what is being played is played to its end, and no more is begun. When that
process is gone, however it went, they end as well.
"""

import ctypes
import os
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context

from rich.console import Console

from lab.experiment.records import Outcome, Session
from lab.experiment.session import Stage, done, play
from lab.study.progress import Pace, progress

_PR_SET_PDEATHSIG = 1


def play_all(
    stage: Stage, sessions: Iterable[Session], jobs: int, console: Console
) -> tuple[list[Outcome], bool]:
    """Play what was not played yet, `jobs` at a time; return what came of each, and whether that is all.

    Raises:
        The errors of `session.play`: what can't be used for one can't be for the next.
    """
    outcomes = {session.number: done(stage, session) for session in sessions}
    left = [session for session in sessions if outcomes[session.number] is None]
    pace = Pace(sum(session.seconds for session in left))
    if left:
        with progress(console, pace) as tick:
            for outcome in _played(stage, left, jobs, tick, console):
                outcomes[outcome.number] = outcome
        console.print(pace.summary, highlight=False)
    there = [outcome for outcome in outcomes.values() if outcome is not None]
    return there, len(there) == len(outcomes)


def _played(
    stage: Stage, left: list[Session], jobs: int, tick: Callable[[float], None], console: Console
) -> list[Outcome]:
    """Return what came of those that were played before somebody interrupted."""
    outcomes: list[Outcome] = []
    playing: dict[Future[Outcome], Session] = {}
    todo = iter(left)
    context = get_context("spawn")  # a fork would inherit threads and locks
    with ProcessPoolExecutor(min(jobs, len(left)), context, _apart) as pool:
        try:
            while len(outcomes) < len(left):
                # no more than play at once: what a pool has in its queue can't be taken back
                for each in islice(todo, jobs - len(playing)):
                    playing[pool.submit(play, stage, each)] = each
                for future in wait(playing, return_when=FIRST_COMPLETED).done:
                    session = playing.pop(future)
                    outcomes.append(future.result())
                    tick(session.seconds)
        except KeyboardInterrupt:
            console.print("interrupted: what is being played is played to its end", highlight=False)
            for future, session in playing.items():
                outcomes.append(future.result())
                tick(session.seconds)
    return outcomes


def _apart() -> None:
    """What a process does first: a terminal's Ctrl-C does not reach it, nor the broker that it starts."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
