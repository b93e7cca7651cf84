"""How much of what is critical is found and hidden, kind by kind: written, spoken, and heard by our own ears.

    python tests/benchmarks/bench_critical.py [FOLDER of shared data, pii] [--heard 20] [--write]

Written: the sentences as they stand. Spoken: every number of cards, accounts, telephones and the like
said character
by character, all in lower case, without punctuation: what ears would write that make no mistake. Heard:
so many of
each kind said by espeak-ng and recognised by pocketsphinx's general English; a number counts as hidden
when a tone
covers 90 % of it. --write puts the table into docs/critical-data.md. The rules were written with these
sentences in view.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cloud_stub.critical.find import find  # noqa: E402
from cloud_stub.critical.guard import guard  # noqa: E402
from cloud_stub.hearing.timed import open_timed  # noqa: E402
from cloud_stub.hearing.voice import find_voice, say  # noqa: E402

FOLDER = ROOT.parent / "shared" / "data" / "pii"
PAGE = ROOT / "docs" / "critical-data.md"
KINDS = {
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "US_SSN": "ssn",
    "EMAIL_ADDRESS": "email",
    "PERSON": "name",
}
NUMBERS = ("card", "iban", "phone", "ssn")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Truth(NamedTuple):
    """Words `first` to `last` are of this kind."""

    kind: str
    first: int
    last: int


class Text(NamedTuple):
    words: list[str]
    truths: list[Truth]


class Score(NamedTuple):
    """there: how many there are; hidden: whole, as whatever; found: as what they are; called: so many
    were called so.
    """

    there: int
    hidden: int
    found: int
    called: int
    right: int

    def cells(self) -> str:
        recall, precision = interval(self.found, self.there), interval(self.right, self.called)
        return f"{self.there} | {share(self.hidden, self.there)} | {recall} | {precision}"


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def interval(part: int, whole: int, z: float = 1.96) -> str:
    """A share with its 95 % interval (Wilson)."""
    if not whole:
        return "-"
    p, n = part / whole, whole
    middle, spread = p + z * z / (2 * n), z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    low, high = (max(0.0, min(1.0, (middle + sign * spread) / (1 + z * z / n))) for sign in (-1, 1))
    return f"{100 * p:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def spoken_number(value: str) -> list[str]:
    letters = re.sub(r"x\d+$", "", value)
    return [
        DIGITS[int(each)] if each.isdigit() else {"+": "plus"}.get(each, each.lower())
        for each in letters
        if each.isalnum() or each == "+"
    ]


def plain(text: str) -> list[str]:
    words = [re.sub(r"[^\w'@.:-]", "", word.lower()).rstrip(".:") for word in text.split()]
    return [word for word in words if word]


def read(path: Path, *, spoken: bool) -> Iterator[Text]:
    for row in json.loads(path.read_text(encoding="utf-8")):
        words: list[str] = []
        truths: list[Truth] = []
        at, cut = 0, plain if spoken else str.split
        for span in sorted(row["spans"], key=lambda each: each["start_position"]):
            if span["start_position"] < at:
                continue
            words += cut(row["full_text"][at : span["start_position"]])
            kind = KINDS.get(span["entity_type"], "")
            said = spoken and kind in NUMBERS
            inside = spoken_number(span["entity_value"]) if said else cut(span["entity_value"])
            if kind and inside:
                truths.append(Truth(kind, len(words), len(words) + len(inside) - 1))
            words += inside
            at = span["end_position"]
        yield Text(words + cut(row["full_text"][at:]), truths)


def score(texts: Sequence[Text]) -> dict[str, Score]:
    there, hidden, found, called, right = (Counter[str]() for _ in range(5))
    for text in texts:
        finds = find(text.words)
        covered = {at for each in finds for at in range(each.first, each.last + 1)}
        for truth in text.truths:
            there[truth.kind] += 1
            whole = covered >= set(range(truth.first, truth.last + 1))
            hidden[truth.kind] += whole
            found[truth.kind] += whole and any(
                each.kind == truth.kind and each.first <= truth.last and truth.first <= each.last
                for each in finds
            )
        for each in finds:
            called[each.kind] += 1
            right[each.kind] += any(
                each.kind == truth.kind and each.first <= truth.last and truth.first <= each.last
                for truth in text.truths
            )
    kinds = list(dict.fromkeys(KINDS.values()))
    return {kind: Score(there[kind], hidden[kind], found[kind], called[kind], right[kind]) for kind in kinds}


def heard(texts: Sequence[Text], most: int) -> dict[str, tuple[int, int]]:
    """Of so many of each kind of number: how many were hidden in sound, and how many there were."""
    voice, listen = find_voice(), open_timed()
    counts: dict[str, tuple[int, int]] = {}
    for kind in NUMBERS:
        some = [(text, truth) for text in texts for truth in text.truths if truth.kind == kind][:most]
        covered = 0
        for text, truth in track(some, f"hearing {kind}", transient=True):
            before = say(" ".join(text.words[max(0, truth.first - 6) : truth.first]), voice)
            number = say(", ".join(text.words[truth.first : truth.last + 1]), voice)
            after = say(" ".join(text.words[truth.last + 1 : truth.last + 6]), voice)
            sound = before + number + after
            out = np.frombuffer(guard(listen(sound), sound).sound, np.int16)
            stretch = slice(len(before) // 2, (len(before) + len(number)) // 2)
            original = np.frombuffer(sound, np.int16)[stretch]
            loud = np.abs(original.astype(int)) > 300
            covered += bool(loud.any() and (out[stretch] != original)[loud].mean() >= 0.9)
        counts[kind] = (covered, len(some))
    return counts


def table(written: dict[str, Score], spoken: dict[str, Score], in_sound: dict[str, tuple[int, int]]) -> str:
    lines = ["| | there | hidden | recall | precision |", "|---|---|---|---|---|"]
    for how, scores in (("written", written), ("spoken", spoken)):
        lines += [f"| {how}: {kind} | {each.cells()} |" for kind, each in scores.items()]
    for kind, (covered, whole) in in_sound.items():
        lines.append(f"| heard from espeak-ng: {kind} | {whole} | {share(covered, whole)} | | |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--heard", type=int, default=20)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    path = options.folder / "sentences.json"
    if not path.exists():
        print(f"{path}: not there; name the folder of the sentences", file=sys.stderr)
        return 3
    spoken = list(read(path, spoken=True))
    in_sound = heard(spoken, options.heard) if options.heard and find_voice() else {}
    found = table(score(list(read(path, spoken=False))), score(spoken), in_sound)
    print(found)
    if options.write:
        command = f"`tests/benchmarks/bench_critical.py --heard {options.heard} --write`"
        machine = f"Python {platform.python_version()}, {platform.machine()}"
        where = f"Measured by {command} on {machine}, 750 sentences."
        old = PAGE.read_text(encoding="utf-8")
        block = f"<!-- figures -->\n{found}\n\n{where}\n<!-- /figures -->"
        new = re.sub(r"<!-- figures -->.*<!-- /figures -->", lambda _: block, old, flags=re.DOTALL)
        PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
