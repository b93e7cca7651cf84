"""What the always-on loop costs: `python tests/benchmarks/bench_idle.py [AUDIO ...]`.

Three ways to hear the same audio in frames of 20 ms, in turn, round after round, in CPU time:

    bare      front end, quantisation and model in straight-line code: no object, no cut, no wake
    detector  device.wakeword.Detector.hear, a call a frame
    pymicro   pymicro-wakeword's own streaming loop, in a process of its own

The detector may cost 1.10 times the bare calls; the whole firmware 1.25 times.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from time import process_time

import numpy as np
import soundfile
from pymicro_features import MicroFrontend

sys.path.insert(0, str(Path(__file__).parents[2]))
from device.wakeword import Detector, Model, find
from device.wakeword.runtime import open_interpreter, runtime_name

WAKE = Path(__file__).parents[1] / "audio" / "wake"
SECONDS, ROUNDS = 60, 15

PYMICRO = """
import sys
from time import process_time
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
frames = [frame for frame in iter(lambda: sys.stdin.buffer.read(640), b"")]
model, features = MicroWakeWord.from_builtin(Model.ALEXA), MicroWakeWordFeatures()
for _ in range(int(sys.argv[1])):
    began = process_time()
    for frame in frames:
        for row in features.process_streaming(frame):
            model.process_streaming(row)
    print(process_time() - began, flush=True)
"""


def frames_of(files: list[Path]) -> list[bytes]:
    """A minute of the audio in frames, repeated where it is shorter."""
    samples = np.concatenate([soundfile.read(file, dtype="int16", always_2d=True)[0][:, 0] for file in files])
    pcm = np.resize(samples, SECONDS * 16_000).tobytes()
    return [pcm[at : at + 640] for at in range(0, len(pcm), 640)]


def bare() -> Callable[[list[bytes]], None]:
    alexa = find("alexa")
    interpreter = open_interpreter(alexa.path, alexa.model)
    source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
    shape = (1, 3, 40)
    scale, zero = (np.full(shape, float(value)) for value in source["quantization"])
    highest, rows, scratch = np.full(shape, 127.0), np.zeros(shape), np.zeros(shape)

    def hear(frames: list[bytes]) -> None:
        step, pack, buffer = MicroFrontend().process_samples, Struct("120d").pack_into, rows.data
        target, put, invoke, get = (
            source["index"],
            interpreter.set_tensor,
            interpreter.invoke,
            interpreter.get_tensor,
        )
        divide, add, minimum, rint, int8 = np.divide, np.add, np.minimum, np.rint, np.dtype(np.int8)
        values: list[float] = []
        for frame in frames:
            for half in (frame[:320], frame[320:]):
                values += step(half).features
                if len(values) == 120:
                    pack(buffer, 0, *values)
                    values.clear()
                    divide(rows, scale, scratch)
                    add(scratch, zero, scratch)
                    minimum(scratch, highest, out=scratch)
                    rint(scratch, scratch)
                    put(target, scratch.astype(int8))
                    invoke()
                    get(sink).item()

    return hear


def ours(words: list[str]) -> Callable[[list[bytes]], None]:
    detector = Detector([Model(find(word)) for word in words])
    end = 0

    def hear(frames: list[bytes]) -> None:
        nonlocal end
        detect = detector.hear
        for frame in frames:
            end += 320
            detect(frame, end)

    return hear


def seconds(hear: Callable[[list[bytes]], None], frames: list[bytes]) -> float:
    began = process_time()
    hear(frames)
    return process_time() - began


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]] or sorted(WAKE.glob("*.flac"))
    frames = frames_of(files)
    ways = {"bare": bare(), "detector": ours(["alexa"]), "detector, 2 words": ours(["alexa", "okay_nabu"])}
    took: dict[str, list[float]] = {name: [] for name in [*ways, "pymicro"]}
    with subprocess.Popen(
        [sys.executable, "-c", PYMICRO, str(ROUNDS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"".join(frames))
        child.stdin.close()
        for _ in range(ROUNDS):
            took["pymicro"].append(float(child.stdout.readline()))
            for name, hear in ways.items():
                took[name].append(seconds(hear, frames))
    print(f"{SECONDS} s of audio, {ROUNDS} rounds, {runtime_name()}, Python {sys.version.split()[0]}")
    print(f"{'':20}{'ms a second':>12}{'us a frame':>12}{'x real time':>13}{'x bare':>8}{'from':>7}{'to':>7}")
    for name, times in took.items():
        median = statistics.median(times)
        ratios = sorted(time / base for time, base in zip(times, took["bare"], strict=True))
        quarter = len(ratios) // 4
        print(f"{name:20}{1e3 * median / SECONDS:12.3f}{1e6 * median / len(frames):12.2f}", end="")
        print(f"{SECONDS / median:13.0f}{statistics.median(ratios):8.3f}", end="")
        print(f"{ratios[quarter]:7.3f}{ratios[-1 - quarter]:7.3f}")


if __name__ == "__main__":
    main()
