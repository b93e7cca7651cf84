"""What the always-on loop costs: `python tests/benchmarks/bench_idle.py [AUDIO ...]`.

Ways to hear the same audio in frames of 20 ms, in turn, round after round; CPU time of the thread that hears:

    floor     the front end's steps and the model's invocations alone: nothing carried from one to the other
    bare      front end, quantisation and model in straight-line code: no object, no cut, no wake
    detector  the first ear alone: device.wakeword.Detector.hear, a call a frame
    ears      both ears: device.wakeword.Ears.hear, a call a frame
    hear      Speaker.hear of an assembled speaker in *idle* that finds no broker, a call a frame
    loop      Speaker.pass_frame of the same: what `run` does; then with a light that pulses (nearly all that
              it adds is gpiozero setting pins), and connected to a broker where the cloud has left its keys
    pymicro   pymicro-wakeword's own streaming loop, in a process of its own

The detector may cost 1.10 times the bare calls; the whole firmware 1.25 times, and less than pymicro. The
uplink's thread is not in the loop's time: it lives by the wall clock, and its cost stands below the table.
While there is no broker it calls ever more rarely, so what is measured is the dearest first quarter minute.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from struct import Struct
from time import thread_time

import numpy as np
import soundfile
from pymicro_features import MicroFrontend

sys.path.insert(0, str(Path(__file__).parents[2]))
from firmware import Cpu, Firmware, closed_port, greet
from limits import Limit, show

from cloud_stub.broker import open_broker
from device.wakeword import Detector, Ears, Model, find, open_ears
from device.wakeword.runtime import open_interpreter, runtime_name

Times = dict[str, list[float]]

WAKE = Path(__file__).parents[1] / "audio" / "wake"
SECONDS, ROUNDS = 60, 21

PYMICRO = """
import sys
from time import process_time
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model
frames = [sys.stdin.buffer.read(640) for _ in range(int(sys.argv[1]))]
model, features = MicroWakeWord.from_builtin(Model.ALEXA), MicroWakeWordFeatures()
while sys.stdin.buffer.readline():
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


def floor() -> Callable[[list[bytes]], None]:
    alexa = find("alexa")
    interpreter = open_interpreter(alexa.path, alexa.model)

    def hear(frames: list[bytes]) -> None:
        step, invoke = MicroFrontend().process_samples, interpreter.invoke
        halves = [half for frame in frames for half in (frame[:320], frame[320:])]
        for number, half in enumerate(halves):
            step(half)
            if number % 3 == 2:
                invoke()

    return hear


def ours(ears: Detector | Ears) -> Callable[[list[bytes]], None]:
    end = 0

    def hear(frames: list[bytes]) -> None:
        nonlocal end
        detect = ears.hear
        for frame in frames:
            end += 320
            detect(frame, end)

    return hear


@contextmanager
def pymicro(frames: list[bytes]) -> Iterator[Callable[[], float]]:
    """Yield a call that lets pymicro-wakeword hear the frames, and returns its CPU seconds."""
    command = [sys.executable, "-c", PYMICRO, str(len(frames))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        to, back = child.stdin, child.stdout

        def hear() -> float:
            to.write(b"\n")
            to.flush()
            return float(back.readline())

        to.write(b"".join(frames))
        yield hear
        to.close()


def timed(hear: Callable[[], None]) -> float:
    began = thread_time()
    hear()
    return thread_time() - began


def rounds(frames: list[bytes], alone: Firmware, pulsing: Firmware, linked: Firmware) -> Times:
    """The CPU seconds of every way in every round."""
    least, straight, one = floor(), bare(), ours(Detector([Model(find("alexa"))]))
    both, two = ours(open_ears(["alexa"])), ours(open_ears(["alexa", "okay_nabu"]))
    with pymicro(frames) as theirs:
        ways: dict[str, Callable[[], float]] = {
            "floor": lambda: timed(lambda: least(frames)),
            "bare": lambda: timed(lambda: straight(frames)),
            "detector": lambda: timed(lambda: one(frames)),
            "ears": lambda: timed(lambda: both(frames)),
            "ears, 2 words": lambda: timed(lambda: two(frames)),
            "hear": lambda: timed(alone.hear(frames)),
            "loop": lambda: timed(lambda: alone.loop(frames)),
            "loop, light pulsing": lambda: timed(lambda: pulsing.loop(frames)),
            "loop, connected": lambda: timed(lambda: linked.loop(frames)),
            "pymicro": theirs,
        }
        took: Times = {name: [] for name in ways}
        names = list(ways)
        for number in range(ROUNDS):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                took[name].append(ways[name]())
    return took


def ratio(took: Times, name: str, base: str = "bare") -> list[float]:
    """The quartiles of how many times `base` a way took, round by round."""
    return quantiles([time / other for time, other in zip(took[name], took[base], strict=True)])


def table(took: Times) -> None:
    print(f"{'':20}{'ms a second':>12}{'us a frame':>12}{'x real time':>13}{'x bare':>8}{'from':>7}{'to':>7}")
    for name, times in took.items():
        ms_a_second = 1e3 * median(times) / SECONDS
        low, middle, high = ratio(took, name)
        print(f"{name:20}{ms_a_second:12.3f}{20 * ms_a_second:12.2f}{1e3 / ms_a_second:13.0f}", end="")
        print(f"{middle:8.3f}{low:7.3f}{high:7.3f}")


def uplinks(took: Times, spent: dict[str, Cpu]) -> None:
    """What the uplink's thread cost beside the loop, in the seconds this took."""
    base = 1e3 * median(took["bare"]) / SECONDS
    for name, cpu in spent.items():
        cost = 1e3 * cpu.uplink_s / cpu.wall_s
        both = cost + 1e3 * median(took[name]) / SECONDS
        print(f"uplink's thread of {name!r}: {cost:.3f} ms a second over {cpu.wall_s:.1f} s", end="")
        print(f"; with its loop {both / base:.3f} x bare")


def main() -> int:
    names = [Path(name) for name in sys.argv[1:]]
    frames = frames_of(names or sorted(set(WAKE.glob("*.flac")) - {WAKE / "alexa.flac"}))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        nobody = stack.enter_context(closed_port()).getsockname()[1]
        broker = stack.enter_context(open_broker("auto", 0, folder / "broker"))
        greet(broker)
        alone = stack.enter_context(closing(Firmware(folder / "alone", nobody, frames)))
        pulsing = stack.enter_context(closing(Firmware(folder / "pulsing", nobody, frames, animated=True)))
        linked = stack.enter_context(closing(Firmware(folder / "linked", broker.port, frames)))
        linked.wait(lambda: linked.speaker.parts.line.up, f"no word from {broker.kind}")
        speakers = {"loop": alone, "loop, light pulsing": pulsing, "loop, connected": linked}
        rows = {name: each.speaker.parts.outbox.size for name, each in speakers.items()}
        before = {name: each.cpu() for name, each in speakers.items()}
        took = rounds(frames, alone, pulsing, linked)
        spent = {name: each.cpu() - before[name] for name, each in speakers.items()}
        for name, each in speakers.items():
            each.require_idle(rows[name])
    print(f"{SECONDS} s of audio, {ROUNDS} rounds, {runtime_name()}, Python {sys.version.split()[0]}")
    table(took)
    uplinks(took, spent)
    worst = max(("hear", "loop", "loop, connected"), key=lambda name: ratio(took, name)[1])
    return show(
        Limit("both ears beside the first alone", ratio(took, "ears", "detector")[1], 1.30, "times"),
        Limit(
            "firmware (loop) beside the floor of its invocations",
            ratio(took, "loop", "floor")[1],
            1.25,
            "times",
        ),
        Limit("detector beside the bare calls", ratio(took, "detector")[1], 1.10, "times"),
        Limit(f"firmware ({worst}) beside the bare calls", ratio(took, worst)[1], 1.25, "times"),
        Limit(f"firmware ({worst}) beside pymicro-wakeword", ratio(took, worst, "pymicro")[1], 1, "times"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
