"""The audio of a study: what lies in a folder, or what its manifest.csv names. It only looks, and never
writes there.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import soundfile

from lab.study.errors import StudyError, readable

MANIFEST = "manifest.csv"

_FORMATS = {
    "wav": "WAV", "wave": "WAV", "rf64": "RF64", "w64": "W64", "flac": "FLAC", "ogg": "OGG", "oga": "OGG",
    "opus": "OGG", "mp3": "MP3", "aif": "AIFF", "aiff": "AIFF", "aifc": "AIFF", "au": "AU", "snd": "AU",
    "caf": "CAF", "nist": "NIST", "sph": "NIST", "voc": "VOC", "htk": "HTK", "sf": "IRCAM", "avr": "AVR",
    "paf": "PAF", "svx": "SVX", "8svx": "SVX", "pvf": "PVF", "xi": "XI", "sds": "SDS", "wve": "WVE",
}  # fmt: skip
_BESIDE = frozenset({".txt", ".srt", ".vtt", ".csv"})  # transcripts and manifests belong to the audio


class Sound(NamedTuple):
    """A file to hear."""

    file: str
    """Its path under the folder, with `/` between: how results name it."""
    path: Path
    label: str | None = None
    """The wake word in it, according to the manifest."""
    group: str = ""
    transcript: str | None = None
    """What is said in it, according to the manifest."""


class Found(NamedTuple):
    """What a folder has for a study."""

    sounds: list[Sound]
    passed_over: Counter[str]
    """How many files are not heard, by why not."""


def find(folder: Path) -> Found:
    """Return the folder's audio, sorted; with a manifest.csv in it, what the manifest names.

    Raises:
        StudyError: no audio, or a folder or manifest that cannot be read.
    """
    found = _walk(folder)
    if (folder / MANIFEST).is_file():
        found = _as_the_manifest_says(folder, found)
    if not found.sounds:
        what = f" ({passed_over_text(found)})" if found.passed_over else ""
        raise StudyError(f"{folder}: no audio in it{what}; name a folder of WAV, FLAC, OGG or MP3 files")
    return found


def passed_over_text(found: Found) -> str:
    """Say what is not heard, and why: `3 .json, 1 not in manifest.csv`. Empty when all is."""
    return ", ".join(f"{count} {why}" for why, count in found.passed_over.most_common())


def length_s(sound: Sound) -> float:
    """Return how long a file says it is; 0 if it cannot be told, which comes up when it is heard."""
    try:
        return float(soundfile.info(os.fsencode(sound.path)).duration)
    except (soundfile.SoundFileError, OSError, ValueError, TypeError):
        return 0.0


def suffixes() -> frozenset[str]:
    """The endings of files that this libsndfile reads."""
    known = soundfile.available_formats()
    return frozenset(f".{ending}" for ending, kind in _FORMATS.items() if kind in known)


def _walk(folder: Path) -> Found:
    audio, sounds, passed_over = suffixes(), [], Counter[str]()
    for path in _files(folder):
        ending = path.suffix.lower()
        if path.exists() and not path.is_file():
            passed_over["pipe or device"] += 1  # to open a pipe is to wait for ever
        elif ending in audio:
            file = path.relative_to(folder).as_posix()
            sounds.append(Sound(readable(file), path, group=_group(file)))
        elif ending not in _BESIDE:
            passed_over[readable(ending) or "without an ending"] += 1
    return Found(sorted(sounds), passed_over)


def _group(file: str) -> str:
    first, slash, _ = file.partition("/")
    return readable(first) if slash else ""


def _files(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is not hidden; links are followed, round in circles they are not."""

    def refuse(error: OSError) -> None:
        raise StudyError(f"{error.filename}: {error.strerror}; name a folder that can be read") from error

    seen: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = os.stat(here)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(here, name) for name in names if not name.startswith("."))


def _as_the_manifest_says(folder: Path, found: Found) -> Found:
    sounds: dict[str, Sound] = {}
    for line, row in _rows(folder / MANIFEST):
        file = Path(row["file"]).as_posix()
        if file in sounds:
            raise StudyError(f"{folder / MANIFEST}: line {line}: {file} is there already; take one out")
        group = row.get("group") or _group(file)
        sounds[file] = Sound(file, folder / file, row.get("label") or None, group, row.get("transcript"))
    passed_over = found.passed_over.copy()
    passed_over[f"not in {MANIFEST}"] = sum(sound.file not in sounds for sound in found.sounds)
    return Found(sorted(sounds.values()), +passed_over)


def _rows(manifest: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, restval="")
            if "file" not in (rows.fieldnames or ()):
                raise StudyError(f"{manifest}: no column 'file'; begin it with the line file,label,group")
            for row in rows:
                if not row["file"]:
                    raise StudyError(f"{manifest}: line {rows.line_num}: no file; fill the column 'file'")
                yield rows.line_num, row
    except OSError as error:
        raise StudyError(f"{manifest}: {error.strerror}; make it readable, or take it away") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{manifest}: {error}; give a CSV file in UTF-8") from error
