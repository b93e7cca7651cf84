"""Musicians from a dump of MusicBrainz (CC0) as a catalogue of ours: lines of `name | alias | alias`.

Read as a stream, never unpacked: artist.tar.xz of the JSON dumps (a JSON object a line in mbdump/artist), or
mbdump.tar.bz2 (tab-separated tables mbdump/artist and mbdump/artist_alias).
"""

import heapq
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from cloud_stub.errors import ConfigError
from cloud_stub.hearing.artists import plain

MOST_ALIASES = 8
LONGEST_LINE = 4_000_000


class Musician(NamedTuple):
    """weight: how well known, by votes and by how many names there are for them."""

    weight: tuple[int, int]
    name: str
    aliases: tuple[str, ...]

    def line(self) -> str:
        """As in artists.txt."""
        return " | ".join([self.name, *self.aliases])


def read_dump(path: Path, most: int, read: Callable[[int], None] = lambda _: None) -> list[Musician]:
    """The best known musicians of a dump, the best known first. read: told how many there were, now and then.

    Raises:
        ConfigError: it is no such dump, or is cut short or broken; the message says where.
    """
    seen = 0

    def counted(found: Iterator[Musician]) -> Iterator[Musician]:
        nonlocal seen
        for each in found:
            seen += 1
            if seen % 10_000 == 0:
                read(seen)
            if plain(each.name) and not set("|#\n\r") & set(each.name):
                yield each

    try:
        with tarfile.open(path, "r|*") as tar:
            best = heapq.nlargest(most, counted(_musicians(tar)))
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: after {seen} musicians: {error!r}; fetch the dump again, whole"
        ) from error
    if not best:
        raise ConfigError(f"{path}: no musicians in it; name artist.tar.xz or mbdump.tar.bz2 of MusicBrainz")
    return best


def _musicians(tar: tarfile.TarFile) -> Iterator[Musician]:
    named: dict[str, str] = {}
    aliases: dict[str, list[str]] = defaultdict(list)
    for member in tar:
        file = tar.extractfile(member) if member.isfile() else None
        if file is None:
            continue
        if member.name == "mbdump/artist":
            first = io.BufferedReader(file)  # type: ignore[type-var]  # a tar's file is a raw one
            if first.peek(1)[:1] == b"{":
                yield from map(_from_json, _lines(first))
                return
            named = {row[0]: row[2] for row in map(_cells, _lines(first))}
        elif member.name == "mbdump/artist_alias":
            for row in map(_cells, _lines(file)):
                aliases[row[1]].append(row[2])
    for number, name in named.items():
        yield _musician(0, name, aliases.get(number, []))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        yield line


def _from_json(line: bytes) -> Musician:
    found = json.loads(line)
    votes = (found.get("rating") or {}).get("votes-count") or 0
    return _musician(int(votes), found["name"], [each["name"] for each in found.get("aliases") or []])


def _musician(votes: int, name: str, aliases: list[str]) -> Musician:
    said = {plain(name): name}
    for alias in aliases:
        if plain(alias) and not set("|#\n\r") & set(alias):
            said.setdefault(plain(alias), alias)
    others = tuple(list(said.values())[1 : 1 + MOST_ALIASES])
    return Musician((votes, len(aliases)), name, others)


def _cells(line: bytes) -> list[str]:
    return line.decode().rstrip("\n").split("\t")
