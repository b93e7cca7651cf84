"""Plays recordings to the firmware's two ears, as fast as they can hear, and tells when they woke.

Any rate, any number of channels (their mean is heard), any length: a file is read, resampled and heard
piece by piece, so an hour takes no more memory than a minute. Never writes to what it reads.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from os import fsencode
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, TextIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from device.errors import ModelError
from device.wakeword import Ears, Opinion, Sensitivity, Wake, open_ears
from hardware.board import FRAME_BYTES, RATE_HZ

_READ_VALUES = 1 << 17  # values a read, over all channels: half a MiB
_TAIL = bytes(2 * RATE_HZ * 6 // 10)  # a wake lags its word, at the end of a file too
_RATES_HZ = range(1_000, 1_000_001)


class AudioError(ValueError):
    """A file cannot be heard, or not to its end: leave it out, or give one that plays."""

    exit_code = 3


class Heard(NamedTuple):
    """A wake, and where."""

    file: str
    seconds: float
    word: str
    score: float
    verified: bool | None = None
    """What the second ear said; None when it was not asked."""
    second: float | None = None
    """How sure it was."""


def hear(
    files: Iterable[Path],
    words: Sequence[str],
    broken: Callable[[AudioError], None] | None = None,
    tick: Callable[[float], None] | None = None,
    sensitivity: Sensitivity = "balanced",
) -> Iterator[Heard]:
    """Yield every wake in the files, in order, and what the second ear rejected; each file is a new stream.

    `words` are names or manifest paths, for `device.wakeword.open_ears`. `broken` is given the error of a
    file that cannot be heard, and the rest goes on; without it the error is raised. `tick` is given the
    seconds of audio heard since the last call. Raises ModelError.
    """
    ears = open_ears(words, sensitivity)
    for file in files:
        ears.reset()
        try:
            yield from _hear_file(file, ears, tick)
        except AudioError as error:
            if broken is None:
                raise
            broken(error)


def _hear_file(file: Path, ears: Ears, tick: Callable[[float], None] | None) -> Iterator[Heard]:
    end, rest = 0, b""
    for pcm in chain(pieces(file), [_TAIL]):
        whole = rest + pcm  # the ears are given whole frames, as by a microphone
        rest = whole[len(whole) - len(whole) % FRAME_BYTES :]
        for at in range(0, len(whole) - len(rest), FRAME_BYTES):
            end += FRAME_BYTES // 2
            heard = ears.hear(whole[at : at + FRAME_BYTES], end)
            if heard is not None and (isinstance(heard, Opinion) or heard.stands):
                yield _told(str(file), heard)
        if tick is not None and pcm is not _TAIL:
            tick(len(pcm) / 2 / RATE_HZ)


def pieces(file: Path) -> Iterator[bytes]:
    """Yield a file as s16le mono 16 kHz, piece by piece. Raises AudioError."""
    try:
        with soundfile.SoundFile(fsencode(file)) as sound:
            for samples in _at_our_rate(sound):
                yield (samples * 32768).round().clip(-32768, 32767).astype("<i2").tobytes()
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise AudioError(f"{file}: {_reason(file, error)}; give a WAV or FLAC file that plays") from error


def _reason(file: Path, error: Exception) -> str:
    if not file.exists():
        return "no such file"
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return " ".join(text.split()).removeprefix("Error : ").rstrip(".")


def _at_our_rate(sound: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    if sound.samplerate not in _RATES_HZ:
        raise ValueError(f"a rate of {sound.samplerate} Hz is not audio")
    if sound.samplerate == RATE_HZ:
        yield from _mono(sound)
        return
    stream = soxr.ResampleStream(sound.samplerate, RATE_HZ, 1, dtype="float32")
    for samples in _mono(sound):
        yield stream.resample_chunk(samples)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _mono(sound: soundfile.SoundFile) -> Iterator[npt.NDArray[np.float32]]:
    read = 0
    while True:
        values = sound.read(max(1, _READ_VALUES // sound.channels), dtype="float32", always_2d=True)
        if not len(values):
            break
        read += len(values)
        values = np.nan_to_num(values).clip(-1, 1)  # a float file may hold anything
        yield values[:, 0] if sound.channels == 1 else values.mean(axis=1)
    if read < sound.frames:
        raise ValueError(f"damaged after {read / sound.samplerate:.1f} s")


@dataclass
class _Tally:
    """What a run has come to so far, and the screen it is shown on."""

    console: Console
    wakes: int = 0
    rejected: int = 0
    broken: int = 0
    seconds: float = 0.0

    def say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def add_broken(self, error: AudioError) -> None:
        self.broken += 1
        self.say(str(error))

    def summary(self, files: int, elapsed_s: float) -> str:
        broken = f" ({self.broken} could not be heard)" if self.broken else ""
        return (
            f"{files} file{'s' * (files != 1)}{broken}, {self.seconds / 3600:.3f} h of audio, "
            f"{self.wakes} wake{'s' * (self.wakes != 1)}, "
            f"{self.rejected} rejected by the second ear, "
            f"{self.seconds / elapsed_s:.0f} x real time"
        )


def _told(file: str, heard: Wake | Opinion) -> Heard:
    wake = heard.wake if isinstance(heard, Opinion) else heard
    seconds, score = round(wake.sample / RATE_HZ, 3), round(wake.score, 4)
    if isinstance(heard, Opinion):
        return Heard(file, seconds, wake.word, score, heard.accepted, round(heard.score, 4))
    return Heard(file, seconds, wake.word, score)


def run(
    files: list[Path], words: list[str], as_json: bool, out: TextIO, sensitivity: Sensitivity = "balanced"
) -> int:
    """Write each wake to `out`, what went wrong and a summary to stderr; return the exit code.

    0; 3 when a file could not be heard or a model is missing; 130 when interrupted, after the summary.
    """
    tally = _Tally(Console(stderr=True))
    began, code = perf_counter(), 0
    try:
        _hear_all(files, words, as_json, out, tally, sensitivity)
    except ModelError as error:
        tally.say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        code = 130
    if tally.seconds or tally.broken < len(files):  # else each has said that it could not be heard
        tally.say(tally.summary(len(files), perf_counter() - began))
    return code or (AudioError.exit_code if tally.broken else 0)


def _hear_all(
    files: list[Path],
    words: list[str],
    as_json: bool,
    out: TextIO,
    tally: _Tally,
    sensitivity: Sensitivity,
) -> None:
    screen = tally.console
    same_screen = out is sys.stdout and out.isatty()  # lines and progress must not run into each other
    with Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        redirect_stdout=same_screen,
        redirect_stderr=False,
        disable=not screen.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=sum(map(_length_s, files)) if screen.is_terminal else 0)

        def tick(seconds: float) -> None:
            tally.seconds += seconds
            progress.advance(bar, seconds)

        for heard in hear(files, words, tally.add_broken, tick, sensitivity):
            if heard.verified is False:
                tally.rejected += 1
            else:
                tally.wakes += 1
            print(_line(heard, as_json), file=sys.stdout if same_screen else out, flush=True)


def _line(heard: Heard, as_json: bool) -> str:
    if as_json:
        return json.dumps(heard._asdict())
    file = heard.file.encode(errors="backslashreplace").decode()
    second = "" if heard.second is None else f"  {heard.second:.3f}"
    rejected = "  rejected" if heard.verified is False else ""
    return f"{file}  {heard.seconds:.2f} s  {heard.word}  {heard.score:.3f}{second}{rejected}"


def _length_s(file: Path) -> float:
    try:
        return float(soundfile.info(fsencode(file)).duration)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError):
        return 0.0  # it is reported when its turn comes
