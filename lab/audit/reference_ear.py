"""Ears that are not the firmware's: they hear a recording in a process of their own.

    python -m lab.audit.reference_ear ROOM MODEL      MODEL: a model's file, .tflite

Prints two numbers a line, of every 30 ms of the recording: the level (0 to 1) that the package
pymicro-wakeword has itself, and what `second_opinion` makes of it, 0 where nothing proposes. Of its own,
since two TFLite runtimes in one process abort.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lab.audit.errors import Damaged, NotGiven
from lab.audit.second_opinion import BANDS, Floats, Opinion, head_for, opinion

STEP_SAMPLES = 480
"""A level is of so many samples more than the one before it."""


_PROPOSES = 0.1
"""Below this level the second ear is not asked: no published head is, earlier."""
_ASKED_STEPS = 17


class Heard(NamedTuple):
    """What both ears make of 30 ms and what came before: 0 to 1."""

    first: float
    second: float


def levels(room: Path, model_sha256: str) -> list[Heard]:
    """What the reference ears make of the recording, with the model of that hash and the head that goes with
    it.

    Raises:
        NotGiven: no model that the package has is the one, or no head is published for it.
        Damaged: the ear cannot hear the recording.
    """
    model = _models().get(model_sha256)
    if model is None:
        raise NotGiven(
            f"the model {model_sha256[:12]} that a header names: the reference ear knows other ones"
        )
    done = subprocess.run(
        [sys.executable, "-m", "lab.audit.reference_ear", str(room), str(model)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # so small a network is slower on several threads
    )  # fmt: skip
    if done.returncode:
        raise Damaged(str(room), f"the reference ear cannot hear it: {done.stderr.strip()[-200:]}")
    return [Heard(*map(float, line.split())) for line in done.stdout.splitlines()]


def _models() -> dict[str, Path]:
    spec = find_spec("pymicro_wakeword")
    if spec is None or spec.origin is None:
        raise NotGiven("the package pymicro-wakeword, which the reference ear is")
    models = Path(spec.origin).parent / "models"
    return {sha256(path.read_bytes()).hexdigest(): path for path in models.glob("*.tflite")}


def _hear(room: Path, model: Path) -> None:
    import soundfile
    from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

    ear, features = MicroWakeWord.from_config(model.with_suffix(".json")), MicroWakeWordFeatures()
    second = _Second(opinion(head_for(sha256(model.read_bytes()).hexdigest())))
    with soundfile.SoundFile(room) as file:
        for block in file.blocks(blocksize=STEP_SAMPLES, dtype="int16"):
            rows = list(features.process_streaming(block.tobytes()))
            level = max((ear.process_streaming_prob(each) or 0.0 for each in rows), default=0.0)
            print(f"{level:.4f} {second(level, (row.reshape(1, BANDS) for row in rows)):.4f}")


class _Second:
    """Remembers features as long as the head looks back, silence at first; is asked near a proposal."""

    def __init__(self, ask: Opinion) -> None:
        self._ask = ask
        self._rows: Floats = np.zeros((ask.rows, BANDS), np.float32)
        self._until = 0

    def __call__(self, level: float, rows: Iterable[Floats]) -> float:
        self._rows = np.concatenate([self._rows, *rows])[-self._ask.rows :]
        self._until = _ASKED_STEPS if level >= _PROPOSES else self._until - 1
        return self._ask(self._rows) if self._until > 0 else 0.0


if __name__ == "__main__":
    _hear(Path(sys.argv[1]), Path(sys.argv[2]))
