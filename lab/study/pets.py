"""Counts the misactivations of the PETS 2020 study as its authors did. Reads their files, writes nothing.

The rule is that of their scripts (`scripts/analysis-matlab` of djdubois/smart-speakers-study at 1cf04d9:
loadAllActivations, consolidateActivations, removeUnwantedActivations, generateActivationStatistics) and of
section 3 of the paper, and no result of theirs is written down here:

1. A misactivation is a light that the camera saw in the US. Cloud and traffic only confirm it there.
2. The runs of a speaker and wake word are two full rounds over all episodes, and ten confirmations of single
   moments. (Four rounds were played, but an Echo had one wake word for two and another for two; the Invoke
   has all four and no confirmations.)
3. Lights longer than 600 s are not counted.
4. Of one episode, two lights are one misactivation when the earlier ended no more than 5 s before the later
   began, in whichever round. It lasts as long as the longest of them. A confirmation belongs to the
   misactivation whose moment it overlaps.
5. It counts, once, if it was seen in either of the two full rounds.
6. Rates are by the length and the words of the episodes, counted once.
7. Repeatability is the share of a misactivation's runs (12, or 4 for the Invoke) in which it was seen; the
   paper's highest class is above 75 %.

In step 4 their script keeps the later start of two lights (`min` of a value and itself), surely not on
purpose. Here it is the earlier; in their files it changes no count.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from lab.study.errors import StudyError
from lab.study.moments import SAME_S, Moment, merge
from lab.study.pets_files import Episode, Seen, folder, read_again, read_episodes, read_list

LONGEST_S = 600
CONFIRMATIONS = 10


class Setup(msgspec.Struct, frozen=True):
    """A speaker listening for a wake word: its name in the files, its rounds, what confirmed it."""

    speaker: str
    word: str
    device: str
    counted: tuple[str, str]
    """The two full rounds, in either of which a misactivation must have been seen."""
    more: tuple[str, ...] = ()
    confirmed: str | None = None

    @property
    def runs(self) -> int:
        """How often each moment was played to it."""
        return len(self.counted) + len(self.more) + (CONFIRMATIONS if self.confirmed else 0)


FIRST, SECOND, ONE_OF_EACH = ("final1a", "final1b"), ("final2a", "final2b"), ("final1a", "final2a")
SETUPS = (
    Setup("Google Home Mini", "ok google", "google-home-mini2", ONE_OF_EACH, confirmed="camera"),
    Setup("HomePod", "hey siri", "homepod", ONE_OF_EACH, confirmed="camera"),
    Setup("Invoke", "cortana", "invoke", ONE_OF_EACH, more=("final1b", "final2b")),
    Setup("Echo Dot 2", "alexa", "echodot", SECOND, confirmed="camera2"),
    Setup("Echo Dot 3", "alexa", "echodot3a", FIRST, confirmed="camera1"),
    Setup("Echo Dot 2", "echo", "echodot", FIRST, confirmed="camera1"),
    Setup("Echo Dot 3", "echo", "echodot3a", SECOND, confirmed="camera2"),
    Setup("Echo Dot 2", "computer", "t-echodot", SECOND, confirmed="camera2"),
    Setup("Echo Dot 3", "computer", "echodot3b", FIRST, confirmed="camera1"),
    Setup("Echo Dot 2", "amazon", "t-echodot", FIRST, confirmed="camera1"),
    Setup("Echo Dot 3", "amazon", "echodot3b", SECOND, confirmed="camera2"),
)
"""Which wake word a device heard in which round, from misactivations/README.TXT and loadAllActivations."""


def misactivations(
    setup: Setup, lists: Mapping[str, list[Seen]], episodes: Mapping[str, Episode]
) -> list[Moment]:
    """Return what counts of one setup, by episode and time: the whole rule. Raises StudyError."""
    rounds = sorted((*setup.counted, *setup.more))
    seen = [(name, one) for name in rounds for one in lists[name] if one.device == setup.device]
    lights = [
        _light(setup, name, one, episodes) for name, one in seen if one.stop_s - one.start_s <= LONGEST_S
    ]
    found = merge(lights, SAME_S)
    if setup.confirmed:
        found = merge([*found, *_confirmations(setup, lists["finalr"], episodes)], 0)
    return [one for one in found if not one.runs.isdisjoint(setup.counted)]


def _light(setup: Setup, name: str, seen: Seen, episodes: Mapping[str, Episode]) -> Moment:
    title, lasted_s = _known(seen.title, seen, episodes), seen.stop_s - seen.start_s
    return Moment(title, seen.start_s, seen.stop_s, lasted_s, frozenset({name}), setup.runs)


def _confirmations(setup: Setup, seen: list[Seen], episodes: Mapping[str, Episode]) -> Iterable[Moment]:
    for one in seen:
        again = read_again(one)
        if not again.device == one.device == setup.device or again.configured != setup.confirmed:
            continue
        if not 1 <= again.number <= CONFIRMATIONS:
            raise StudyError(f"{one.where}: repetition {again.number}; the study has 1 to {CONFIRMATIONS}")
        title, lasted_s = _known(again.episode, one, episodes), one.stop_s - one.start_s
        run = frozenset({str(again.number)})
        yield Moment(title, again.start_s, again.stop_s, lasted_s, run, setup.runs)


def _known(title: str, seen: Seen, episodes: Mapping[str, Episode]) -> str:
    if title not in episodes:
        raise StudyError(
            f"{seen.where}: {title[:80]!r} is not in list-of-material.txt; take all files of the study"
        )
    return title


def read_study(given: Path) -> tuple[dict[str, Episode], dict[Setup, list[Moment]]]:
    """Return what was played, and what each of the eleven misheard in it. Raises StudyError."""
    data = folder(given)
    episodes = read_episodes(data)
    lists = {name: read_list(data, f"{name}-filtered") for name in (*FIRST, *SECOND)}
    lists["finalr"] = read_list(data, "finalr")
    return episodes, {setup: misactivations(setup, lists, episodes) for setup in SETUPS}
