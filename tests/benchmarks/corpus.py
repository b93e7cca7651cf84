"""Recall and false wakes on a folder: `python tests/benchmarks/corpus.py PATH [WORD [SENSITIVITY ...]]`.

PATH holds manifest.csv with the columns file, label, group and duration_s; a row labelled WORD (alexa) holds
the word once, every other row does not. Each file is a new stream, heard as `overheard-lab hear` does.
The second ear that ships was taught on the development set: on it these figures say nothing of other voices;
`scripts/bench ears` and `scripts/train_verifier` print those that do.

In the development set the recordings without the word were chosen hard, many because a model had scored them
high: its false wakes per hour are far above those of a living room, and good for comparing, not for quoting.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from lab.hear import AudioError, hear
from lab.study.statistics import poisson, wilson


def main() -> None:
    folder, word = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "alexa"
    with (folder / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    broken: list[AudioError] = []
    for sensitivity in sys.argv[3:] or ["balanced"]:
        files = (folder / row["file"] for row in rows)
        heard = hear(files, [word], broken.append, sensitivity=sensitivity)
        wakes = Counter(wake.file for wake in heard if wake.verified is not False)
        print(f"\n{word}, {sensitivity}: a development set, no measurement of other speakers")
        show(rows, folder, word, wakes)
    for error in broken:
        print(f"counted as silent: {error}", file=sys.stderr)


def show(rows: list[dict[str, str]], folder: Path, word: str, wakes: Counter[str]) -> None:
    groups: dict[tuple[bool, str], list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault((row["label"] != word, row["group"]), []).append(row)
    print(f"{'group':22}{'files':>7}{'hours':>8}{'wakes':>7}   {'':8}{'95 % interval':>16}")
    totals: dict[bool, list[dict[str, str]]] = {False: [], True: []}
    for (negative, group), members in sorted(groups.items()):
        line(group, members, wakes, folder, negative)
        totals[negative] += members
    for negative, members in totals.items():
        line("all without it" if negative else "all with the word", members, wakes, folder, negative)


def line(name: str, members: list[dict[str, str]], wakes: Counter[str], folder: Path, negative: bool) -> None:
    hours = sum(float(row["duration_s"]) for row in members) / 3600
    counts = [wakes[str(folder / row["file"])] for row in members]
    if negative:
        low, high = (bound / hours for bound in poisson(sum(counts)))
        result = f"{sum(counts) / hours:6.2f}/h{low:9.2f} to {high:.2f}/h"
    else:
        woken = sum(1 for count in counts if count)
        low, high = wilson(woken, len(members))
        result = f"{100 * woken / len(members):6.1f} %{100 * low:9.1f} to {100 * high:.1f} %"
    print(f"{name:22}{len(members):7}{hours:8.3f}{sum(counts):7}   {result}")


if __name__ == "__main__":
    main()
