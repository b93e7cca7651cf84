"""Recall and precision a kind, as tables of Markdown; each share with its 95 % interval (Wilson)."""

from collections.abc import Callable, Iterable, Sequence

from cloud_stub.critical.find import find
from critical.sentences import NUMBERS, Sentence, Words
from critical.speech import Outcome
from lab.study.statistics import wilson

KINDS = (*NUMBERS, "ssn", "email", "name")


def share(part: int, whole: int) -> str:
    """As "98 % of 64 (92-100)"."""
    if not whole:
        return "none"
    low, high = (round(100 * end) for end in wilson(part, whole))
    return f"{100 * part / whole:.0f} % of {whole} ({low}-{high})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def of_text(sentences: list[Sentence], words_of: Callable[[Sentence], Words]) -> str:
    """A row a kind: hidden whole, of its kind, and how many finds of that kind are."""
    counts = {kind: [0] * 5 for kind in KINDS}
    unplaced = [0, 0]
    for sentence in sentences:
        words, truths = words_of(sentence)
        found = find(words)
        for kind, first, last in truths:
            inside = [each for each in found if each.first <= last and first <= each.last]
            seen = {at for each in inside for at in range(each.first, each.last + 1)}
            whole = seen.issuperset(range(first, last + 1))
            counts[kind][0] += 1
            counts[kind][1] += whole
            counts[kind][2] += whole and any(each.kind == kind for each in inside)
        for each in found:
            kinds = {kind for kind, first, last in truths if each.first <= last and first <= each.last}
            tally = unplaced if each.kind == "number" else counts[each.kind][3:]
            tally[0] += 1
            tally[1] += bool(kinds) if each.kind == "number" else each.kind in kinds
            if each.kind != "number":
                counts[each.kind][3:] = tally
    rows = [
        [kind, share(hidden, there), share(named, there), share(right, finds)]
        for kind, (there, hidden, named, finds, right) in counts.items()
        if there
    ]
    rows.append(["number", "", "", f"{unplaced[0]} finds, {unplaced[1]} in one of the above"])
    return table(["kind", "hidden whole", "and of that kind", "finds of that kind that are right"], rows)


def of_speech(outcomes: Sequence[Outcome]) -> str:
    """A row a kind, of what was spoken."""
    rows = []
    for kind in NUMBERS:
        here = [each for each in outcomes if each.kind == kind]
        if not here:
            continue
        finds, right = sum(each.finds for each in here), sum(each.right for each in here)
        hidden_s, right_s = sum(e.hidden_s for e in here), sum(e.hidden_right_s for e in here)
        rows.append(
            [
                kind,
                share(sum(each.hidden for each in here), len(here)),
                share(sum(each.named for each in here), len(here)),
                share(right, finds),
                f"{100 * right_s / max(hidden_s, 1e-9):.0f} % of {hidden_s:.0f} s",
            ]
        )
    head = ["kind", "hidden", "found as that kind", "finds in a number", "hidden sound in a number"]
    return table(head, rows)


def of_other(outcomes: Sequence[Outcome]) -> str:
    """A line on speech without a number."""
    finds, seconds = sum(each.finds for each in outcomes), sum(each.length_s for each in outcomes)
    hidden_s = sum(each.hidden_s for each in outcomes)
    return f"{len(outcomes)} clips, {seconds / 60:.1f} min: {finds} finds, {hidden_s:.1f} s hidden.\n"


def by_voice(outcomes: Sequence[Outcome]) -> str:
    """A row a voice: how many of the numbers that it spoke were hidden."""
    voices = sorted({each.voice for each in outcomes})
    here = {voice: [each.hidden for each in outcomes if each.voice == voice] for voice in voices}
    return table(["voice", "hidden"], ([voice, share(sum(of), len(of))] for voice, of in here.items()))
