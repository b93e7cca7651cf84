"""The attack: classifiers learn from some traces which command each was, and are asked about the others.

Every trace is asked about once, by a classifier that has not seen it (stratified k-fold cross-validation).
The same is done with the labels shuffled: what it finds then is chance, or else the measurement is broken.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import msgspec
import numpy as np

from lab.fingerprint.errors import FingerprintError
from lab.fingerprint.features import Features, Look, exactly, roughly, sizes, totals, uplink
from lab.fingerprint.traces import COVER, Trace
from lab.study.statistics import Interval, share

MOST_FOLDS = 10
TREES = 100
SHUFFLES = 3
SEED = 1


class Attack(NamedTuple):
    """A classifier and what it looks at."""

    name: str
    look: Look
    trees: bool


ATTACKS = (
    Attack("sizes, naive Bayes", sizes, trees=False),
    Attack("totals, naive Bayes", totals, trees=False),
    Attack("both, extra trees", exactly, trees=True),
    Attack("roughly, extra trees", roughly, trees=True),
)
AGAINST_COVER = ATTACKS[2]


class Score(msgspec.Struct, frozen=True):
    """How often an attack was right, and how often with shuffled labels. 95 % intervals (Wilson)."""

    sees: str
    """Which packets: "both ways" or "uplink"."""
    attack: str
    accuracy: Interval
    shuffled: Interval


class CoverScore(msgspec.Struct, frozen=True):
    """How well extra trees tell cover from spoken utterances, uplink alone."""

    cover: int
    spoken: int
    precision: Interval | None
    """The share of cover among what it called cover; None if it called nothing so."""
    recall: Interval | None
    """The share of cover that it called so."""
    accuracy: Interval
    """Of both; whoever always says the commoner one is right in max(cover, spoken) of all."""


class Measured(msgspec.Struct, frozen=True):
    """What came of one set of traces."""

    name: str
    traces: int
    commands: int
    folds: int
    chance: float
    """One over the number of commands."""
    commonest: float
    """The share of the commonest command: what always naming it is right in."""
    scores: tuple[Score, ...]
    cover: CoverScore | None
    lengths: int | None
    """How many lengths there are to tell by: different counts of the size that carries most bytes up; None
    where no size carries half of them.
    """


def check() -> None:
    """Raises FingerprintError: scikit-learn is not installed. Ask before anything is read."""
    if find_spec("sklearn") is None:
        raise FingerprintError("scikit-learn: not installed; run scripts/setup .venv fingerprint")


def measure(
    name: str, traces: Sequence[Trace], tick: Callable[[], None] = lambda: None, trees: int = TREES
) -> Measured:
    """Attack a set of traces in every way; `tick` is called after each. Traces are as `traces.read` returns.

    Cover is nobody's command: it is left out, and told from what was spoken separately. More `trees`, more
    effort.
    """
    spoken = [trace for trace in traces if trace.command != COVER]
    counts = Counter(trace.command for trace in spoken)
    folds = folds_of(spoken)
    scores = []
    for sees, seen in (("both ways", spoken), ("uplink", [uplink(trace) for trace in spoken])):
        for attack in ATTACKS:
            scores.append(_score(sees, attack, seen, (folds, trees)))
            tick()
    return Measured(
        name=name,
        traces=len(spoken),
        commands=len(counts),
        folds=folds,
        chance=1 / len(counts),
        commonest=max(counts.values()) / len(spoken),
        scores=tuple(scores),
        cover=_cover(traces, trees) if len(spoken) < len(traces) else None,
        lengths=_lengths(spoken),
    )


def folds_of(traces: Sequence[Trace]) -> int:
    """Return in how many folds traces are split: as many as the rarest command has, so that each has it."""
    return min(MOST_FOLDS, *Counter(trace.command for trace in traces).values())


def _lengths(traces: Sequence[Trace]) -> int | None:
    counts = [Counter(packet.size for packet in trace.packets if packet.up) for trace in traces]
    carried = Counter[int]()
    for each in counts:
        carried.update({size: size * count for size, count in each.items()})
    main, most = max(carried.items(), key=lambda item: item[1], default=(0, 0))
    return len({each[main] for each in counts}) if 2 * most >= carried.total() > 0 else None


def _score(sees: str, attack: Attack, traces: Sequence[Trace], effort: tuple[int, int]) -> Score:
    seen = [attack.look(trace) for trace in traces]
    labels = np.array([trace.command for trace in traces])
    chance = np.random.default_rng(SEED)
    shuffled = [chance.permutation(labels) for _ in range(SHUFFLES)]
    by_chance = [_guess(attack, seen, each, effort) == each for each in shuffled]
    right = _guess(attack, seen, labels, effort) == labels
    return Score(sees, attack.name, _share(right), _share(np.concatenate(by_chance), SHUFFLES))


def _guess(attack: Attack, seen: Sequence[Features], labels: Any, effort: tuple[int, int]) -> Any:
    """Return a label for each trace, guessed by a classifier that learnt from the other folds."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline

    folds, trees = effort
    kind = ExtraTreesClassifier(trees, random_state=SEED) if attack.trees else GaussianNB()
    learner = make_pipeline(DictVectorizer(sparse=False), kind)
    split = StratifiedKFold(folds, shuffle=True, random_state=SEED)
    # Traces that are all alike have no variance: naive Bayes divides by it, and names the first command.
    with np.errstate(divide="ignore", invalid="ignore"):
        return cross_val_predict(learner, seen, labels, cv=split)


def _cover(traces: Sequence[Trace], trees: int) -> CoverScore:
    labels = np.array([trace.command == COVER for trace in traces])
    cover, spoken = int(labels.sum()), int((~labels).sum())
    seen = [AGAINST_COVER.look(uplink(trace)) for trace in traces]
    guessed = _guess(AGAINST_COVER, seen, labels, (min(MOST_FOLDS, cover, spoken), trees))
    return CoverScore(
        cover,
        spoken,
        share(int((guessed & labels).sum()), int(guessed.sum())),
        share(int((guessed & labels).sum()), cover),
        _share(guessed == labels),
    )


def _share(right: Any, times: int = 1) -> Interval:
    """Return the share that was right, of traces that were asked about `times` times each."""
    found = share(int(right.sum()), len(right), times)
    assert found is not None  # noqa: S101  (for the type checker: a set of traces is never empty)
    return found
