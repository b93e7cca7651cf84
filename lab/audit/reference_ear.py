"""An ear that is not the firmware's: the package pymicro-wakeword hears a recording, in a process of its own.

    python -m lab.audit.reference_ear ROOM MODEL      MODEL: a model's file, .tflite

Prints one number a line, the package's own level (0 to 1) of every 30 ms of the recording. Of its own,
since two TFLite runtimes in one process abort.
"""

import subprocess
import sys
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from lab.audit.errors import Damaged, NotGiven

STEP_SAMPLES = 480
"""A level is of so many samples more than the one before it."""


def levels(room: Path, model_sha256: str) -> list[float]:
    """What the reference ear makes of the recording, with the model of that hash.

    Raises:
        NotGiven: no model that the package has is the one.
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
    )  # fmt: skip
    if done.returncode:
        raise Damaged(str(room), f"the reference ear cannot hear it: {done.stderr.strip()[-200:]}")
    return [float(line) for line in done.stdout.split()]


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
    with soundfile.SoundFile(room) as file:
        for block in file.blocks(blocksize=STEP_SAMPLES, dtype="int16"):
            heard = [ear.process_streaming_prob(each) for each in features.process_streaming(block.tobytes())]
            print(f"{max((level or 0.0 for level in heard), default=0.0):.4f}")


if __name__ == "__main__":
    _hear(Path(sys.argv[1]), Path(sys.argv[2]))
