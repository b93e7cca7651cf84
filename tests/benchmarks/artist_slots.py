"""How well typed music queries give up their artist, beside the engines that Snips measured in 2017.

    python tests/benchmarks/artist_slots.py [FOLDER of sonos/nlu-benchmark, PlayMusic]

An artist counts when intent and whole name are right (case, accents and punctuation aside). The engines'
figures are from 100 validation queries after 70 training queries. Where that file is missing, ours are from
the training queries, which trained nothing here; the templates were written with the first file in view.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from statistics import mean
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cloud_stub.hearing.artists import LINKED, Catalogue, plain, read_artists
from cloud_stub.hearing.intents import Sentences
from cloud_stub.hearing.lexicon import Lexicon

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "playmusic"
SEEN, LARGE, VALIDATION = "train_PlayMusic.json", "train_PlayMusic_full.json", "validate_PlayMusic.json"


class Query(NamedTuple):
    text: str
    artists: list[str]


class Score(NamedTuple):
    right: int
    found: int
    present: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.present if self.present else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.present) if self.right else 0.0


def read_queries(path: Path) -> list[Query]:
    """The queries of one file (which is not wholly UTF-8)."""
    rows = json.loads(path.read_bytes().decode("utf-8", "replace"))["PlayMusic"]
    return [
        Query(
            "".join(part["text"] for part in row["data"]),
            [plain(part["text"]) for part in row["data"] if part.get("entity") == "artist"],
        )
        for row in rows
    ]


def score(sentences: Sentences, queries: Iterable[Query]) -> tuple[Score, list[str]]:
    """Count artists found, and describe what went wrong."""
    right = found = present = 0
    wrong = []
    for query in queries:
        intent, slots = sentences.understand(query.text, typed=True)
        artist = plain(slots.get("artist", "")) if intent == "play_music" else ""
        right += artist in query.artists
        found += bool(artist)
        present += len(query.artists)
        if artist not in (query.artists or [""]):
            wrong.append(f"{query.text!r}: {artist!r}, not {query.artists}")
    return Score(right, found, present), wrong


def print_engines(folder: Path) -> None:
    """The published figures: the mean of three runs after 70 training queries."""
    for path in sorted(folder.glob("*_metrics.json")):
        artist = json.loads(path.read_text(encoding="utf-8"))["intents"]["PlayMusic"]["slots"]["artist"]
        # an engine that found no artist in a run has no precision there
        precision = mean(x for x in artist["precision"]["70"] if isfinite(x))
        recall = mean(artist["recall"]["70"])
        f1 = 2 * precision * recall / (precision + recall)
        print(f"{path.stem.removesuffix('_metrics'):34} {precision:9.3f} {recall:6.3f} {f1:6.3f}")


def print_links(unknown: list[str]) -> None:
    """Who is linked at which threshold: shipped names with one letter in five changed, and unknown names."""
    artists = read_artists()
    catalogue = Catalogue(artists, Lexicon())
    chance = random.Random(1)
    known = {plain(artist.name) for artist in artists}
    near = [catalogue.nearest(_noisy(plain(artist.name), chance)) for artist in artists]
    far = [catalogue.nearest(name) for name in unknown if name not in known]
    print(f"\nlinks ({len(artists)} names with noise, {len(far)} unknown names); threshold in use {LINKED}")
    for cut in (0.6, 0.7, 0.75, 0.77, 0.8, 0.85, 0.9):
        pairs = zip(near, artists, strict=True)
        linked = [link.name == artist.name for link, artist in pairs if link and link.score >= cut]
        strangers = sum(bool(link and link.score >= cut) for link in far)
        wrong = len(linked) - sum(linked)
        print(f"  at {cut:.2f}: right {sum(linked)}, wrong {wrong}, unknown linked {strangers}")


def _noisy(name: str, chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyz") if chance.random() < 0.2 else c for c in name)


def main(folder: Path) -> int:
    """Print the table."""
    if not (folder / LARGE).exists():
        print(f"{folder}: no {LARGE}; give the PlayMusic folder of sonos/nlu-benchmark", file=sys.stderr)
        return 2
    seen = read_queries(folder / SEEN)
    known = {query.text for query in seen}
    unseen = [query for query in read_queries(folder / LARGE) if query.text not in known]
    sets = {f"ours, {len(seen)} queries in view": seen, f"ours, {len(unseen)} others": unseen}
    if (folder / VALIDATION).exists():
        sets["ours, validation"] = read_queries(folder / VALIDATION)
    print(f"{'artist slot':34} {'precision':>9} {'recall':>6} {'F1':>6}")
    sentences = Sentences()
    for name, queries in sets.items():
        result, wrong = score(sentences, queries)
        print(f"{name:34} {result.precision:9.3f} {result.recall:6.3f} {result.f1:6.3f}")
        if "-v" in sys.argv and "in view" in name:
            print(*wrong, sep="\n")
    print_engines(folder)
    print_links(sorted({artist for query in unseen for artist in query.artists}))
    return 0


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if argument != "-v"]
    raise SystemExit(main(folders[0] if folders else FOLDER))
