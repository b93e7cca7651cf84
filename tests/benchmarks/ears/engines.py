"""Who listens, and the parent's side of a listening process (`serve.py` has the other)."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent
SENSITIVITIES = ("careful", "balanced", "eager")


class Engine(NamedTuple):
    """A program of this folder that listens."""

    name: str
    command: tuple[str, ...]
    width: int = 2
    """How many numbers a row of what it heard has."""


FIRST = Engine("first ear alone", ("hear_ours.py", "first"), width=6)
OURS = {name: Engine(f"ours, {name}", ("hear_ours.py", name), width=6) for name in SENSITIVITIES}
BALANCED = OURS["balanced"]
CLOCKED = Engine("ours, by the clock", ("hear_ours.py", "balanced", "--decisions"), width=6)
MICRO = Engine("pymicro-wakeword", ("hear_pymicro.py",))
OPEN = Engine("pyopen-wakeword", ("hear_openwakeword.py", "batch"))
LVA_MICRO = Engine("lva, micro", ("hear_pymicro.py", "lva"))
LVA_OPEN = Engine("lva, openWakeWord", ("hear_openwakeword.py", "batch", "lva"))
PACKAGE_OPEN = Engine("pyopen-wakeword itself", ("hear_pyopen.py",))
PACKAGE_LVA_OPEN = Engine("lva, openWakeWord itself", ("hear_pyopen.py", "lva"))
OWN_OPEN = Engine("openWakeWord, own", ("hear_openwakeword.py",))

SHIPPED = {MICRO: 0.9, OPEN: 0.5, LVA_MICRO: 0.9, LVA_OPEN: 0.7}
"""The thresholds that each comes with: a manifest, a default on the command line, and what `lva.py` tells."""
PACKAGES = (MICRO, OPEN)


class Folds(NamedTuple):
    """Heads for cross-validation: `heads / fold` was trained without the files of `fold`."""

    heads: Path
    of: Mapping[str, str]
    """The fold of every file."""

    @classmethod
    def read(cls, heads: Path) -> "Folds":
        """From a folder with folds.csv, of two columns: file,fold."""
        lines = (heads / "folds.csv").read_text(encoding="utf-8").splitlines()[1:]
        return cls(heads, dict(line.split(",") for line in lines))

    def arguments(self, file: str) -> tuple[str, ...]:
        return ("--fold", str(self.heads), self.of[file])


class Answer(NamedTuple):
    """What was heard, a row each; CPU seconds that it took; the peak of resident memory so far."""

    heard: npt.NDArray[np.float64]
    cpu_s: float
    peak_mib: float


class Child:
    """A listening process."""

    def __init__(self, process: "subprocess.Popen[bytes]", width: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._back, self._width = process.stdin, process.stdout, width

    def hear(self, pcm: bytes, *, fresh: bool = True) -> Answer:
        """Let it hear another stream, or with `fresh=False` what comes after the last one."""
        self._to.write(f"{'fresh' if fresh else 'on'} {len(pcm)}\n".encode() + pcm)
        self._to.flush()
        answer = json.loads(self._back.readline() or b"null")
        if answer is None:
            raise EOFError
        rows = np.array(answer["heard"], np.float64).reshape(-1, self._width)
        return Answer(rows, answer["cpu_s"], answer["peak_mib"])


@contextmanager
def started(engine: Engine, arguments: tuple[str, ...] = ()) -> Iterator[Child]:
    """Run the engine in a process of its own. Raises SystemExit with what it said when it fails."""
    program, *rest = engine.command
    command = [sys.executable, str(HERE / program), *rest, *arguments]
    pipe = subprocess.PIPE
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=said) as process,
    ):
        try:
            yield Child(process, engine.width)
        except (EOFError, BrokenPipeError) as error:
            process.wait()
            said.seek(0)
            text = said.read().decode(errors="replace")
            raise SystemExit(f"{engine.name}: its process ended\n{text}") from error
        finally:
            assert process.stdin is not None
            process.stdin.close()
