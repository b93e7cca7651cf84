"""Opens ears for words: which models and heads, at which sensitivity. The one place that joins them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from device.errors import ModelError
from device.wakeword.always_on import AlwaysOn
from device.wakeword.beside import Beside
from device.wakeword.detector import Detector
from device.wakeword.ears import NO_OTHER_WINDOWS, Ears, FirstEar
from device.wakeword.head import SENSITIVITIES, Head, Sensitivity, Thresholds
from device.wakeword.manifest import PACKAGED, Manifest, find
from device.wakeword.model import Model
from device.wakeword.openwakeword import KNOWN, OpenWakeWordVerifier
from device.wakeword.verifier import Verifier, packaged, read_head

PROPOSING_LEVELS = 2
"""The first ear proposes on the mean of so many levels (60 ms): alone it takes five, and is later."""

SecondEarName = Literal["own", "openwakeword", "none"]
SECOND_EARS: tuple[SecondEarName, ...] = get_args(SecondEarName)


class _Second(NamedTuple):
    """A second ear, and what is needed to listen with it, by the words that it knows."""

    ear: Verifier | OpenWakeWordVerifier
    propose: Mapping[str, float]
    thresholds: Mapping[str, Thresholds]
    windows: Mapping[str, int] = NO_OTHER_WINDOWS


def open_ears(  # noqa: PLR0913  # settings, each by its name
    words: Sequence[str],
    sensitivity: Sensitivity = "balanced",
    *,
    stop: str = "",
    second_ear: SecondEarName = "own",
    heads: Sequence[str | Path] = (),
    refractory_samples: int = 32_000,
    patient: bool = False,
) -> Ears:
    """Return ears for `words` and for the word that stops, which one ear hears alone.

    `words` are names or paths of manifests (see `find`). A word in microWakeWord's format has both ears where
    `second_ear` knows it, else the first, at the threshold its makers advise; one in openWakeWord's format
    has one ear, always on. `heads` are files that stand in for the heads that ship with "own", by the word
    they are for. Raises ModelError: a model or a head is not usable, or a head is for no word that is
    listened for.
    """
    _check("sensitivity", sensitivity, SENSITIVITIES)
    _check("second_ear", second_ear, SECOND_EARS)
    found = _distinct(find(word) for word in words)
    second = _second(second_ear, found, [read_head(Path(path)) for path in heads])
    listened = [*found, find(stop)] if stop else found
    return Ears(
        _first_ear(listened, second, refractory_samples),
        second.ear,
        {word: levels.at(sensitivity) for word, levels in second.thresholds.items()},
        second.windows,
        patient=patient,
    )


def _check(what: str, given: str, choices: Collection[str]) -> None:
    if given not in choices:
        raise ModelError(f"{what} {given!r}: choose {', '.join(choices)}")


def _distinct(manifests: Iterable[Manifest]) -> list[Manifest]:
    found: dict[str, Manifest] = {}
    for each in manifests:
        if found.setdefault(each.word, each).sha256 != each.sha256:
            raise ModelError(f"{each.path}: a second model for {each.word}; rename its manifest")
    return list(found.values())


def _first_ear(words: Sequence[Manifest], second: _Second, refractory_samples: int) -> FirstEar:
    keeps = second.ear.keep if second.propose and isinstance(second.ear, Verifier) else None
    detector = Detector(
        [
            Model(each, PROPOSING_LEVELS if each.word in second.propose else None)
            for each in words
            if each.format == "microWakeWord"
        ],
        refractory_samples,
        second.propose,
        proposing=second.propose,
        keep=keeps,
    )
    hears = None if isinstance(second.ear, Verifier) else second.ear
    always_on = [each for each in words if each.format == "openWakeWord"]
    if hears is None and not always_on:
        return detector
    return Beside(detector, hears, AlwaysOn(always_on, refractory_samples) if always_on else None)


def _second(name: SecondEarName, words: Sequence[Manifest], given: Sequence[Head]) -> _Second:
    if given and name != "own":
        raise ModelError(f'head for {given[0].word}: only second_ear "own" takes heads; take it out')
    if name == "openwakeword":
        known = {each.word: KNOWN[each.word] for each in words if each.sha256 == PACKAGED.get(each.word)}
        return _Second(
            OpenWakeWordVerifier(known),
            {word: each.propose for word, each in known.items()},
            {word: each.thresholds for word, each in known.items()},
            {word: each.window_samples for word, each in known.items()},
        )
    heads = _heads(words, given) if name == "own" else {}
    return _Second(
        Verifier(list(heads.values())),
        {word: head.propose for word, head in heads.items()},
        {word: head.thresholds for word, head in heads.items()},
    )


def _heads(models: Sequence[Manifest], given: Sequence[Head]) -> dict[str, Head]:
    mine = {head.word: head for head in given}
    if len(mine) < len(given):
        raise ModelError("heads: two for one word; name one")
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
