"""Several processes that hear, and the one that tells them what.

Each opens its ears once, is given one hearing at a time, and says how far it is and what came of it. Whoever
started them is the only one who writes results. When that process is gone, however it went, they end at their
next word to it.
"""

import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from device.errors import DeviceError
from hardware.errors import HardwareError
from lab.errors import LabError
from lab.study.errors import StudyError
from lab.study.records import Item
from lab.study.work import Finished, Setup, Station, Work

Tick = Callable[[float], None]

_READY = "ready"
_FOR_ALL = (OSError, LabError, DeviceError, HardwareError)
"""What is wrong not with one file but with the whole study, such as a full disk."""


def hear_all(works: Iterator[Work], setup: Setup, jobs: int, tick: Tick) -> Generator[Finished, None, None]:
    """Do all hearings in `jobs` processes (1: in this one); yield them as they are done.

    `tick` is given seconds of audio as they are heard. A process that dies of a file makes it a broken file,
    and the rest goes on. Close what is returned to end them all. Raises StudyError: one does not even start;
    OSError: a clip cannot be written.
    """
    if jobs == 1:
        station = Station(setup)
        yield from (station.hear(work, tick) for work in works)
        return
    crew = _Crew(setup)
    try:
        yield from crew.hear(works, jobs, tick)
    finally:
        crew.dismiss()


class _Crew:
    """The workers that have something to do, by the line that leads to each."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._workers: dict[Any, _Worker] = {}

    def hear(self, works: Iterator[Work], jobs: int, tick: Tick) -> Iterator[Finished]:
        for _ in range(jobs):
            self._hire()
        while self._workers:
            for line in wait(list(self._workers)):
                worker = self._workers[line]
                said = worker.said()
                if isinstance(said, float):
                    tick(said)
                    continue
                if isinstance(said, Finished):
                    yield said
                self._go_on(worker, works)

    def _go_on(self, worker: "_Worker", works: Iterator[Work]) -> None:
        """Give a worker its next hearing, or a new one in its place if it is gone."""
        if not worker.is_there:
            del self._workers[worker.line]
            self._hire()
        elif (work := next(works, None)) is not None:
            worker.give(work)
        else:
            self._workers.pop(worker.line).dismiss()

    def _hire(self) -> None:
        worker = _Worker(self._setup)
        self._workers[worker.line] = worker

    def dismiss(self) -> None:
        """End whoever is still there, at once."""
        for worker in self._workers.values():
            worker.dismiss()


class _Worker:
    """A process that hears, seen from outside."""

    def __init__(self, setup: Setup) -> None:
        context = get_context("spawn")  # a fork would inherit locks, threads and the lines to the others
        self.line, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, setup), daemon=True)
        self._work: Work | None = None
        self.is_there = True
        resource_tracker.ensure_running()  # else `start` does it, and that unblocks SIGINT again
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()  # and it stays blocked there: Ctrl-C is for whoever started it
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        theirs.close()

    def give(self, work: Work) -> None:
        """Let it hear a file."""
        self._work = work
        with suppress(OSError):  # it is gone, and `said` finds out
            self.line.send(work)

    def said(self) -> float | Finished | None:
        """Return what it said: seconds heard, a hearing that is done, or None: it is ready for its first.

        If it is gone, the hearing it was at is done, and broken.
        """
        try:
            said = self.line.recv()
        except (EOFError, ConnectionResetError):
            return self._buried()
        if isinstance(said, _FOR_ALL):
            raise said
        return said if isinstance(said, float | Finished) else None

    def dismiss(self) -> None:
        """End it, whatever it is at."""
        self.line.close()
        self._process.terminate()
        self._process.join()

    def _buried(self) -> Finished:
        self.dismiss()
        self.is_there = False
        code = self._process.exitcode
        if self._work is None:
            raise StudyError(f"a process of the study ended before it began (exit code {code}); use --jobs 1")
        sound = self._work.sound
        error = f"{sound.path}: the process that heard it ended (exit code {code}); leave the file out"
        return Finished(Item(*self._work.key, 0.0, None, sound.label, sound.group, error))


def _serve(line: Connection, setup: Setup) -> None:
    """What a worker does: it is ready, hears what it is given, and ends when nobody is there any more."""
    try:
        station = Station(setup)
        line.send(_READY)
        while True:
            line.send(station.hear(line.recv(), line.send))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except _FOR_ALL as error:
        line.send(error)
