"""A study, from a folder of audio to tables and a report: read this first.

What can be wrong is found before anything is heard. Then file after file is heard and its line written; a
study that is run again goes on after the last line. At the end everything else is written anew from those
lines. Nothing is written into the folder of the audio.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from device.wakeword import Sensitivity
from lab.study import files, listening, report, rooms_table, summary, tables
from lab.study.crew import hear_all
from lab.study.errors import StudyError, readable
from lab.study.files import Sound
from lab.study.identity import Identity, identify
from lab.study.pets_rows import read_published
from lab.study.places import Places
from lab.study.progress import Pace, progress
from lab.study.records import AS_IT_IS, Settings, Study
from lab.study.results import Results
from lab.study.work import NO_ROOMS, Room, Setup, Work

BROKEN, INTERRUPTED = 3, 130


class Wish(NamedTuple):
    """What somebody asks of a study."""

    words: Sequence[str]
    """Names of wake words, or paths of manifests."""
    sensitivity: Sensitivity
    rounds: int = 1
    jobs: int | None = None
    """How many processes; None is one for each core that this one may use."""
    keep_clips: bool = False
    rooms: Mapping[str, Room] = NO_ROOMS
    """Further conditions, by name, in which files that say a wake word are heard as well."""
    heads: Sequence[Path] = ()
    """Files that stand in for the second ear's heads that ship."""
    pets: Path | None = None
    """The folder of the PETS 2020 study, whose rows are to stand beside ours."""


def run(audio: Path, out: Path, wish: Wish) -> int:
    """Make a study of `audio` in `out`, or go on with it; return the exit code.

    0; 3 when a file could not be heard to its end; 130 when interrupted.

    Raises:
        StudyError: the audio, the folder or what is installed cannot be used. ModelError: a model cannot.
        OSError: there is no room for the results.
    """
    tables.check()
    console = Console(stderr=True)
    found = files.find(audio)
    pets = read_published(wish.pets) if wish.pets is not None else None
    if found.passed_over:
        _say(console, f"{audio}: passed over: {files.passed_over_text(found)}")
    ears = identify(wish.words, wish.sensitivity, wish.heads)
    settings = _settings(audio, out, wish, ears)
    setup = Setup(settings, tuple(wish.words), wish.sensitivity, tuple(wish.heads), out, dict(wish.rooms))
    with Results(out, settings) as results:
        if results.cut:
            _say(console, f"{out}: {results.cut} bytes at the end were no whole line; their files come again")
        try:
            _hear(found.sounds, setup, wish.jobs, results, console)
            study = _study(settings, results, found.sounds)
            return _finish(out, study, partial(report.write, pets=pets, sensitivities=ears.sensitivities))
        except KeyboardInterrupt:
            _say(console, f"{out}: interrupted after {len(results.done)} hearings; the same command goes on")
            return INTERRUPTED


def _settings(audio: Path, out: Path, wish: Wish, ears: Identity) -> Settings:
    folder, theirs = audio.resolve(), out.resolve()
    if theirs.is_relative_to(folder):
        raise StudyError(f"{out}: inside the folder of the audio, where nothing is written; name another")
    return Settings(
        words=ears.words,
        sensitivity=wish.sensitivity,
        thresholds=ears.thresholds,
        models=ears.models,
        audio=readable(str(folder)),
        rounds=wish.rounds,
        keep_clips=wish.keep_clips,
        version=_version(),
        conditions=(AS_IT_IS, *wish.rooms),
    )


def _version() -> str:
    try:
        return version("overheard")
    except PackageNotFoundError:  # a clone that was never installed
        return "unknown"


def _works(sounds: Sequence[Sound], settings: Settings) -> Iterator[Work]:
    """Yield every hearing of a study: round after round, so that one that is ended early has whole rounds."""
    for number in range(settings.rounds):
        for condition in settings.conditions:
            for sound in sounds:
                if condition == AS_IT_IS or sound.label in settings.words:
                    yield Work(sound, number, condition)


def _hear(
    sounds: Sequence[Sound], setup: Setup, jobs: int | None, results: Results, console: Console
) -> None:
    works = [work for work in _works(sounds, setup.settings) if not results.is_done(work.key)]
    if not works:
        return
    lengths_s = {sound.file: files.length_s(sound) for sound in {work.sound for work in works}}
    pace = Pace(sum(lengths_s[work.sound.file] for work in works))
    jobs = min(jobs or len(os.sched_getaffinity(0)), len(works))
    with progress(console, pace) as tick, closing(hear_all(iter(works), setup, jobs, tick)) as hearings:
        for finished in hearings:
            results.append(finished)
            if finished.item.error is not None:
                _say(console, finished.item.error)
    _say(console, pace.summary)


def _study(settings: Settings, results: Results, sounds: Sequence[Sound]) -> Study:
    """Return all that was heard. A broken file that was taken out is forgotten."""
    there = {sound.file for sound in sounds}
    done = [each for each in results.done.values() if each.item.error is None or each.item.file in there]
    order = {condition: index for index, condition in enumerate(settings.conditions)}
    done.sort(key=lambda each: (order[each.item.condition], each.item.round, each.item.file))
    return Study(
        settings,
        tuple(each.item for each in done),
        tuple(wake for each in done for wake in each.heard),
    )


def _finish(out: Path, study: Study, write_page: Callable[[Path, Study], Path]) -> int:
    """Write everything that follows from a study, and say what it comes to."""
    places = Places(study.items, study.heard)
    tables.write(out, study, places)
    listening.write(out, study, places)
    numbers = summary.summarize(study)
    summary.write(out, numbers)
    page = write_page(out, study)
    console = Console()
    if not console.is_terminal:
        console = Console(width=112)
    console.print(summary.table(numbers))
    rooms_table.show(study, console)
    _say(console, f"report: {page}")
    return BROKEN if numbers.broken else 0


def _say(console: Console, text: str) -> None:
    console.print(readable(text), markup=False, highlight=False, soft_wrap=True)
