"""Deleted is gone (promise 8): of what the cloud has forgotten, had to forget or was told to, nothing is left
in its files, whose free pages and log are looked at byte by byte.

What it cannot see: copies outside of `cloud/`. And whoever captured the messages can open them for as long as
that day's reader key lives.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from device.envelope import Begin, EnvelopeError
from lab.audit import vault_file
from lab.audit.doors import deleted
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import Evidence, Sent, begins
from lab.audit.remains import Remnants, keys_of, random_parts
from lab.audit.shelf import Shelf
from lab.audit.stores import TWENTY_MS
from lab.audit.vault_file import STORE, Vault
from lab.audit.verdicts import Check, Finding
from lab.canary.search import Sought, plain

_WORDS = "timeline.jsonl"
_LEAST_WORDS = 8


class _Came(NamedTuple):
    """An utterance that the broker passed on, and the cloud knows of."""

    name: str
    sent: Sent
    begin: Begin

    @property
    def may_stay(self) -> bool:
        """Whether its owner allows keeping it, by what the device signed."""
        header = self.begin.header
        return header.consent.save and header.trigger.kind != "cover"


def _gone(evidence: Evidence) -> Iterator[Finding]:
    vault = vault_file.read(evidence)
    came = [_Came(sent.name, sent, begin) for sent, begin in begins(evidence) if sent.name in vault.held]
    told = deleted(vault)
    yield from _kept(vault, came, told)
    gone = {name for name, held in vault.held.items() if held.state == "forgotten"}
    if not gone | told:
        raise NotGiven("a run in which something is deleted, or is not to be saved")
    yield from _freed(evidence)
    cloud = evidence.given.directory / "cloud"
    shelf = Shelf(evidence.given.directory, sorted(path for path in cloud.rglob("*") if path.is_file()))
    left = [each for each in came if each.name in gone | told]
    yield from _left(evidence, left, shelf)
    yield from _sound(evidence, left, shelf)
    yield from _said(evidence, gone | told, shelf)
    _saw_enough(evidence, came, gone | told)


def _kept(vault: Vault, came: list[_Came], told: set[str]) -> Iterator[Finding]:
    """What is there and may not be, by what the store itself says."""
    for name in sorted(told - set(vault.held)):
        yield Finding(f"utterance {name} was deleted, and there is no tombstone of it", STORE)
    for name, held in vault.held.items():
        if name in told and held.state != "forgotten":
            yield Finding(f"utterance {name} was deleted, and is there: {held.state}", STORE)
        if held.state == "forgotten" and name in vault.with_pieces:
            yield Finding(f"utterance {name} is forgotten, and pieces of it are there", STORE)
    for each in came:
        held = vault.held[each.name]
        if held.answered and not each.may_stay and held.state != "forgotten":
            yield Finding(f"utterance {each.name} was answered, and kept against its owner's wish", STORE)
        if held.save and not each.may_stay:
            yield Finding(f"utterance {each.name} counts as one to keep, against its owner's wish", STORE)


def _freed(evidence: Evidence) -> Iterator[Finding]:
    """What was freed is zeros, and there is no log in which it lies as it was."""
    path = evidence.path(STORE, "the cloud's store")
    try:
        for number, page in vault_file.free_pages(path.read_bytes()):
            if page.strip(b"\0"):
                yield Finding("a page that was freed still holds what was in it", f"{STORE}, page {number}")
        for log in (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal")):
            if log.exists() and log.read_bytes().strip(b"\0"):
                yield Finding("what was deleted may lie in the log, which was not cut", log.name)
    except (ValueError, OSError) as error:
        raise Damaged(STORE, str(error)) from error


def _left(evidence: Evidence, gone: list[_Came], shelf: Shelf) -> Iterator[Finding]:
    """What is left in the files of their keys and messages."""
    for each in gone:
        deleted_ = f"utterance {each.name} was deleted, and"
        for what, key in _keys(evidence, each.begin):
            if (at := shelf.data.find(key)) >= 0:
                yield Finding(f"{deleted_} its {what} is there", shelf.where(at))
        place = Remnants(random_parts(each.sent, each.begin)).first_in(shelf.data)
        if place is not None:
            yield Finding(f"{deleted_} some of its messages is there", shelf.where(place))


def _sound(evidence: Evidence, gone: list[_Came], shelf: Shelf) -> Iterator[Finding]:
    """What is left in the files of their sound."""
    names = {each.name for each in gone}
    heard = [each for each in evidence.opened if each.sent.name in names]
    if not heard:
        return
    ends = np.cumsum([len(each.utterance.pcm) // 2 for each in heard])
    sought = Sought(np.frombuffer(b"".join(each.utterance.pcm for each in heard), "<i2"), TWENTY_MS)
    for found in plain(sought.within(shelf.data)):
        name = heard[int(np.searchsorted(ends, found.first, "right").clip(max=len(heard) - 1))].sent.name
        yield Finding(
            f"utterance {name} was deleted, and its sound is there ({found.form})", shelf.where(found.offset)
        )


def _data_keys(evidence: Evidence, begin: Begin) -> list[bytes]:
    keys = []
    for reader in evidence.reader_keys:
        try:
            keys.append(begin.data_key(reader))
        except EnvelopeError:
            continue  # it is sealed for others
    return keys


def _keys(evidence: Evidence, begin: Begin) -> Iterator[tuple[str, bytes]]:
    path = evidence.given.directory / "cloud/vault/vault.key"
    vault_keys = [path.read_bytes()] if path.is_file() else []
    for data_key in _data_keys(evidence, begin):
        yield from keys_of(begin, data_key, vault_keys)


def _said(evidence: Evidence, gone: set[str], shelf: Shelf) -> Iterator[Finding]:
    """What is left of their words, where the laboratory wrote down what they were."""
    path = evidence.given.directory / _WORDS
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        name, text = _heard(line)
        if name not in gone or len(text) < _LEAST_WORDS:
            continue
        for code in ("utf-8", "utf-16-le"):
            if (at := shelf.data.find(text.encode(code, "replace"))) >= 0:
                yield Finding(f"utterance {name} was deleted, and its words are there", shelf.where(at))


def _heard(line: bytes) -> tuple[str, str]:
    """An utterance and its words, if a line of the timeline says so: it is no evidence here, but a hint."""
    try:
        event = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    return (str(event.get("id")), str(event.get("text", ""))) if event.get("kind") == "heard" else ("", "")


def _saw_enough(evidence: Evidence, came: list[_Came], gone: set[str]) -> None:
    """Raises NotGiven for what nobody could look for."""
    unknown = gone - {each.name for each in came}
    if unknown:
        raise NotGiven(f"the messages of utterance {min(unknown)}, which was deleted: all of sent.jsonl")
    for each in came:
        if each.name in gone and not _data_keys(evidence, each.begin):
            raise NotGiven(f"a key that opens utterance {each.name}, to look for its data key: --reader-key")


CHECKS = (
    Check(
        "cloud.gone", 8,
        "of what was deleted, or is not to be saved, no key, message, sound or word is in the cloud's files; "
        "who captured it can open it while that day's reader key lives", _gone,
    ),
)  # fmt: skip
