"""The tables, as they are printed."""

from collections.abc import Iterable, Sequence

import numpy as np

from ears.clips import Clip, Corpus
from ears.commands import GAPS_MS
from ears.cost import SECONDS, Cost, ratio
from ears.engines import BALANCED, FIRST, Engine
from ears.listen import Rows
from ears.mixes import CONDITIONS
from ears.results import Late, Line, Lost

NAME = 34


def show_recall(lines: Iterable[Line], corpus: Corpus) -> None:
    count = len(corpus.positives)
    print(f"\nrecall in % of {count} clips, false wakes in {corpus.negative_hours:.2f} h of hard negatives")
    heads = "".join(f"{condition:>10}" for condition in CONDITIONS)
    print(f"{'':{NAME}}{'threshold':>10}{'false':>7}{heads}{'missed':>8}")
    for line in lines:
        threshold = "" if line.threshold is None else f"{line.threshold:.4f}"
        recall = "".join(f"{100 * (1 - missed / count):10.1f}" for missed in line.missed.values())
        print(f"{line.name:{NAME}}{threshold:>10}{line.false_wakes:7}{recall}{line.misses:8}")


def show_fooled(line: Line, clips: Sequence[Clip], proposed: int) -> None:
    print(f"{line.name}: the first ear proposed {proposed} wakes without the word; not refused:", end=" ")
    print(", ".join(clip.file for clip in clips) or "none")


def show_late(rows: Iterable[tuple[Line, Late]]) -> None:
    print("\nms from the end of the word to the trigger and to the decision, clean clips")
    print(f"{'':{NAME}}{'wakes':>7}{'P5':>7}{'P50':>7}{'P95':>7}{'within 250':>12}", end="")
    print(f"{'P50':>14}{'P95':>7}{'within 250':>12}")
    for line, late in rows:
        print(f"{line.name:{NAME}}{len(late.trigger_ms):7}{percentile(late.trigger_ms, 5):7.0f}", end="")
        for values, width in ((late.trigger_ms, 7), (late.decision_ms, 14)):
            print(f"{percentile(values, 50):{width}.0f}{percentile(values, 95):7.0f}", end="")
            print(f"{100 * within(values, 250):10.1f} %", end="")
        print()
    print("(The end of the word is estimated from energy: ears/word_end.py. Trigger: where capture begins;")
    print("decision: where it is sure. linux-voice-assistant hears 64 ms at a time, the others 20 ms.)")


def show_lost(rows: Iterable[tuple[Line, Sequence[Lost]]]) -> None:
    print("\nms lost of a command that begins a gap after the end of the word, clips with a wake")
    print(
        f"{'':{NAME}}{'gap ms':>8}{'missed':>8}{'P50':>7}{'P90':>7}{'P95':>7}{'max':>7}{'nothing lost':>14}"
    )
    for line, every in rows:
        for gap_ms, lost in zip(GAPS_MS, every, strict=True):
            print(f"{line.name:{NAME}}{gap_ms:8}{lost.missed:8}", end="")
            print("".join(f"{percentile(lost.ms, p):7.0f}" for p in (50, 90, 95, 100)), end="")
            print(f"{100 * within(lost.ms, 0):12.1f} %")


def show_costs(costs: dict[Engine, Cost]) -> None:
    rounds = len(costs[FIRST].cpu_s)
    print(f"\nCPU on the same {SECONDS} s of read speech, {rounds} rounds in turn; peak memory of a process")
    print(f"{'':{NAME}}{'ms a second':>12}{'from':>9}{'to':>9}{'x first ear':>13}{'peak MiB':>10}")
    for engine, cost in costs.items():
        low, high = (1e3 * bound / SECONDS for bound in (min(cost.cpu_s), max(cost.cpu_s)))
        name = "ours, both ears" if engine == BALANCED else engine.name
        print(f"{name:{NAME}}{cost.ms_a_second:12.2f}{low:9.2f}{high:9.2f}", end="")
        print(f"{ratio(cost, costs[FIRST]):13.2f}{cost.peak_mib:10.1f}")


def show_decisions(whole_ms: Rows, longest_ms: Rows) -> None:
    print(f"\none decision, ms of CPU, {len(whole_ms)} of them (P50, P95, the most)")
    for name, values in (("all of it", whole_ms), ("its longest frame", longest_ms)):
        print(f"{name:{NAME}}" + "".join(f"{percentile(values, p):8.2f}" for p in (50, 95, 100)))


def show_agreement(pairs: Sequence[tuple[float, bool]]) -> None:
    same = sum(same for _, same in pairs)
    worst = max((difference for difference, _ in pairs), default=0.0)
    print(
        "\npyopen-wakeword's model files were heard in our interpreter. In the package itself: the same wakes"
    )
    print(f"in {same} of {len(pairs)} sounds, and scores at most {worst:.1e} apart")


def percentile(values: Sequence[float] | Rows, p: float) -> float:
    return float(np.percentile(values, p)) if len(values) else float("nan")


def within(values: Sequence[float], bound: float) -> float:
    return sum(value <= bound for value in values) / len(values) if len(values) else float("nan")
