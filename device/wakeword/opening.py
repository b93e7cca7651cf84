"""Opens ears for words: which models and heads, at which sensitivity. The one place that joins them."""

from collections.abc import Sequence
from pathlib import Path

from device.errors import ModelError
from device.wakeword.detector import Detector
from device.wakeword.ears import Ears
from device.wakeword.head import SENSITIVITIES, Head, Sensitivity
from device.wakeword.manifest import Manifest, find
from device.wakeword.model import Model
from device.wakeword.verifier import Verifier, packaged, read_head

PROPOSING_LEVELS = 2
"""The first ear proposes on the mean of so many levels (60 ms): alone it takes five, and is later."""


def open_ears(
    words: Sequence[str],
    sensitivity: Sensitivity = "balanced",
    *,
    stop: str = "",
    heads: Sequence[str | Path] = (),
    refractory_samples: int = 32_000,
    patient: bool = False,
) -> Ears:
    """Return ears for `words` and for the word that stops, which the first ear hears alone.

    `words` are names or paths of manifests (see `find`). `heads` are files that stand in for the heads that
    ship, by the word they are for. A word without a head has one ear, at the threshold its makers advise.
    Raises ModelError: a model or a head is not usable, or a head is for no word that is listened for.
    """
    if sensitivity not in SENSITIVITIES:
        raise ModelError(f"sensitivity {sensitivity!r}: choose {', '.join(SENSITIVITIES)}")
    found = [find(word) for word in dict.fromkeys(words)]
    second = _heads(found, [read_head(Path(path)) for path in heads])
    verifier = Verifier(list(second.values()))
    models = [Model(each, PROPOSING_LEVELS if each.word in second else None) for each in found]
    if stop:
        models.append(Model(find(stop)))
    detector = Detector(
        models,
        refractory_samples,
        {word: head.propose for word, head in second.items()},
        proposing=second,
        keep=verifier.keep if second else None,
    )
    thresholds = {word: head.thresholds.at(sensitivity) for word, head in second.items()}
    return Ears(detector, verifier, thresholds, patient=patient)


def _heads(models: Sequence[Manifest], given: Sequence[Head]) -> dict[str, Head]:
    mine = {head.word: head for head in given}
    words = {model.word: model for model in models}
    if strangers := sorted(set(mine) - set(words)):
        raise ModelError(
            f"head for {strangers[0]}: not a wake word here; name it in words, or take the head out"
        )
    found = {}
    for word, model in words.items():
        head = mine.get(word) or packaged(word)
        if head is not None and head.first_ear == model.sha256:
            found[word] = head
        elif word in mine:
            raise ModelError(
                f"head for {word}: made for another first ear than {model.path.name}; train or enrol again"
            )
    return found
