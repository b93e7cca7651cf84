"""Which musician was meant: the words of an artist, as heard or typed, linked to a name in a catalogue.

"Nobody that I know" is an answer. It never asks anybody: the catalogue is a file (artists.txt, or the
operator's own), and nothing here opens a connection.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Levenshtein

from cloud_stub.errors import ConfigError
from cloud_stub.hearing.lexicon import Lexicon

_SHIPPED = Path(__file__).with_name("artists.txt")
LINKED = 0.77
"""The least score of a link, 0 to 1: more than three phones of four, or "shared" would be Cher. Measured in
tests/benchmarks/artist_slots.py."""


OFFERED, ALIKE = 8, 60
"""So many names are offered to who types one, each at least so like what is typed (per cent)."""


class Artist(NamedTuple):
    """A musician, and the ways the name is said, in plain lower-case words."""

    name: str
    forms: tuple[str, ...]


class Link(NamedTuple):
    """A musician of the catalogue, and how alike the words are (0 to 1)."""

    name: str
    score: float


def plain(text: str) -> str:
    """Lower-case words without accents or punctuation; apostrophes stay."""
    letters = unicodedata.normalize("NFKD", text.lower().replace("’", "'").replace("&", " and "))
    return " ".join(re.findall(r"[a-z0-9']+", "".join(c for c in letters if not unicodedata.combining(c))))


def read_artists(path: str | Path = "") -> list[Artist]:
    """Read a catalogue of lines `name | said like this | or like this`; # starts a comment. "": the shipped.

    Raises:
        ConfigError: the file cannot be read, or holds no name.
    """
    path = Path(path or _SHIPPED)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}; name a UTF-8 text file of artists, one a line") from error
    entries = [
        [part.strip() for part in line.split("|")] for line in lines if line.strip() and line[0] != "#"
    ]
    artists = [Artist(entry[0], tuple(filter(None, map(plain, entry)))) for entry in entries if entry[0]]
    if not artists:
        raise ConfigError(f"{path}: no artist in it; write one name a line")
    return artists


def offered(artists: Sequence[Artist], typed: str) -> list[str]:
    """The names most like what is typed, which may be a part of one, by spelling; the likest first."""
    forms = [(artist.name, form) for artist in artists for form in artist.forms]
    said = [form for _, form in forms]
    best = process.extract(plain(typed), said, scorer=fuzz.WRatio, limit=4 * OFFERED, score_cutoff=ALIKE)
    return list(dict.fromkeys(forms[at][0] for _, _, at in best))[:OFFERED]


class Catalogue:
    """The musicians that can be linked."""

    def __init__(self, artists: Iterable[Artist], lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._forms = [
            (artist.name, form, lexicon.phones(form.split())) for artist in artists for form in artist.forms
        ]

    def __len__(self) -> int:
        return len({name for name, _, _ in self._forms})

    @property
    def spoken(self) -> list[str]:
        """The forms that have a pronunciation, for the grammar."""
        return [form for _, form, sound in self._forms if sound]

    @property
    def unspoken(self) -> list[str]:
        """The names that cannot be listened for: no form of them has a pronunciation."""
        heard = {name for name, _, sound in self._forms if sound}
        return [name for name in dict.fromkeys(name for name, _, _ in self._forms) if name not in heard]

    def nearest(self, words: str) -> Link | None:
        """The most alike name however unlike, by spelling or by phones; None for no words at all."""
        said = plain(words)
        if not said:
            return None
        phones = self._lexicon.phones(said.split())
        scores = (Link(name, _alike(said, form, phones, sound)) for name, form, sound in self._forms)
        return max(scores, key=lambda link: link.score, default=None)

    def link(self, words: str) -> Link | None:
        """The musician meant, or None when nobody is alike enough."""
        link = self.nearest(words)
        return link if link and link.score >= LINKED else None


def _alike(said: str, form: str, phones: tuple[str, ...] | None, sound: tuple[str, ...] | None) -> float:
    spelling = fuzz.ratio(said, form) / 100
    if phones is None or sound is None:
        return spelling
    return max(spelling, Levenshtein.normalized_similarity(phones, sound))
