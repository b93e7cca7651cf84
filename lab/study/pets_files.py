"""Reads the files of the PETS 2020 study "When Speakers Are All Ears" (Dubois et al., PoPETs 2020(4)).

The folder is `data/` of github.com/djdubois/smart-speakers-study, or the one above it. Only reads, and does
not decide what counts. A line that does not follow the format of its README stops the reading.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lab.study.errors import StudyError

LISTS = Path("misactivations") / "misactivations-by-camera-us"
MATERIAL = Path("source-material")
HEADER = re.compile(r".*/([^/]+)/[^/]+:Devices with corresponding times are listed below:\s*")
EVENT = re.compile(r"([\w-]+):\(\s*(\d+),\s*(\d+)\)\s*")
CONFIRMED = re.compile(r"(.+?)_([^_]+)_(\d+)_(\d+)_.*_(camera\d?)-(\d+)")
AMOUNT = re.compile(r"(\d+(?:\.\d+)?) (.+)")


class Seen(msgspec.Struct, frozen=True):
    """One light that the camera saw: a line of a list, under the header of its block."""

    title: str
    """The episode; in confirmations, the episode and what was to be confirmed."""
    device: str
    start_s: float
    stop_s: float
    where: str


class Again(msgspec.Struct, frozen=True):
    """What the title of a confirmation says: which device's light was to be seen again, and when."""

    episode: str
    device: str
    start_s: float
    stop_s: float
    configured: str
    """`camera`, `camera1` or `camera2`: which wake words the Amazon devices listened for."""
    number: int
    """Which repetition it is, from 1."""


class Episode(msgspec.Struct, frozen=True):
    """What was played: one episode of a show, how long it is and how many words are said in it."""

    title: str
    show: str
    seconds: float
    words: int


def folder(given: Path) -> Path:
    """Return the folder that holds the lists: the one given, or `data` in it. Raises StudyError."""
    found = next((path for path in (given, given / "data") if (path / LISTS).is_dir()), None)
    if found is None:
        raise StudyError(f"{given}: no {LISTS} in it; name the folder data of djdubois/smart-speakers-study")
    return found


def read_list(data: Path, name: str) -> list[Seen]:
    """Return what a list of misactivations by camera in the US holds, such as `final1a-filtered`."""
    path = data / LISTS / f"results-camera-{name}.txt"
    title, seen = None, []
    for where, line in _lines(path):
        header, event = HEADER.fullmatch(line), EVENT.fullmatch(line)
        if header:
            title = header[1]
        elif event and title is not None and float(event[2]) <= float(event[3]):
            seen.append(Seen(title, event[1], float(event[2]), float(event[3]), where))
        else:
            raise _broken(where, line, "a header, or DEVICE:(START, END) under one")
    return seen


def read_again(seen: Seen) -> Again:
    """Return what the title of a confirmation says. Raises StudyError."""
    found = CONFIRMED.fullmatch(seen.title)
    if found is None:
        raise _broken(seen.where, seen.title, "a title EPISODE_DEVICE_START_END_..._cameraN-REPETITION")
    return Again(found[1], found[2], float(found[3]), float(found[4]), found[5], int(found[6]))


def read_episodes(data: Path) -> dict[str, Episode]:
    """Return the episodes that were played, by title. Raises StudyError: one has no length, or no words."""
    material = data / MATERIAL
    seconds, words = (_amounts(material / f"{what}-by-episode.txt") for what in ("duration", "wordcount"))
    episodes, show = {}, None
    for where, line in _lines(material / "list-of-material.txt"):
        if line.startswith("+"):
            show = line[1:].strip()
        elif show is None or line not in seconds or line not in words:
            raise _broken(where, line, "a +SHOW, or an episode with a duration and a word count")
        else:
            episodes[line] = Episode(line, show, seconds[line], int(words[line]))
    if not episodes:
        raise StudyError(f"{material}: no episodes in list-of-material.txt; take the file of the study")
    return episodes


def _amounts(path: Path) -> dict[str, float]:
    amounts = {}
    for where, line in _lines(path):
        found = AMOUNT.fullmatch(line)
        if found is None:
            raise _broken(where, line, "a number and the title of an episode")
        amounts[found[2]] = float(found[1])
    return amounts


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not empty, each with where it stands."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: not UTF-8; take the file of the study") from error
    except OSError as error:
        raise StudyError(f"{path}: {error.strerror}; take the whole folder of the study") from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"{path}:{number}", line.rstrip()


def _broken(where: str, line: str, expected: str) -> StudyError:
    return StudyError(f"{where}: {line[:80]!r} is not {expected}; mend it, or take the file of the study")
