"""Who can open what was sent: the cloud's reader key of the day and the owner's, and nobody else (promise 6).

That a key is the cloud's is not taken from its name in the header: it is in a keys note under the root that
whoever set the device up pinned in its settings, or lies in the cloud's own folder. What a wrap holds only
who has its private key can tell.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from device.envelope import Begin, EnvelopeError, Opener, ReaderKey, ReaderPublic
from device.envelope.keys import sealed_bytes
from device.envelope.layout import KEY_BYTES, TAG_BYTES, from_json
from device.ledger import NoteError, Verifier, open_note
from lab.audit.errors import Damaged, NotGiven
from lab.audit.evidence import NOTE, SETTINGS, Evidence, Sent, begins
from lab.audit.verdicts import Check, Finding

_TITLE = "overheard/v1/keys\n"
_LAP = timedelta(hours=1)
"""So long may the key before the one of a note still be sealed to."""
_NOTE = (
    f"the cloud's keys note, {NOTE} of the run, or the cloud's own keys, to see that it was the cloud's key"
)


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON of a keys note."""

    not_before: str
    not_after: str
    reader: str
    signer: str


class Note(NamedTuple):
    """The id of the reader key that the cloud's root vouches for, and since when."""

    reader: str
    not_before: datetime


def cloud_note(evidence: Evidence) -> Note:
    """The keys note in the folder, if it is under the root that the device's settings pin.

    Raises:
        NotGiven: there is no note, or no settings.
        Damaged: it is not signed by that root, or not a note of keys.
    """
    path = evidence.path(NOTE, _NOTE)
    root = evidence.settings.get("cloud", {}).get("root", "")
    try:
        text = open_note(path.read_bytes(), [Verifier.parse(str(root))])
    except NoteError as error:
        raise Damaged(NOTE, f"{error}: it is not under the root in {SETTINGS}") from error
    try:
        body = from_json(text.removeprefix(_TITLE).removesuffix("\n").encode(), _Body, "keys note")
        return Note(ReaderPublic.decode(body.reader).id, datetime.fromisoformat(body.not_before))
    except (EnvelopeError, ValueError) as error:
        raise Damaged(NOTE, f"not a note of keys ({error})") from error


def _named(evidence: Evidence) -> Iterator[Finding]:
    """Its readers are the cloud, once, and whoever's key was given; nobody else."""
    given = {key.public.id for key in evidence.reader_keys}
    clouds = {key.public.id for key in evidence.cloud_keys}
    for sent, begin in begins(evidence):
        others = [reader for reader in begin.header.readers if reader.id not in given - clouds]
        for place, reader in enumerate(others):
            if place or (reader.id not in clouds | given and reader.name != "cloud"):
                yield Finding(
                    f"utterance {sent.name} can be read by {reader.name!r} ({reader.id})", sent.where
                )
            elif reader.id not in clouds | given:
                yield from _vouched(evidence, sent, begin, reader.id)


def _vouched(evidence: Evidence, sent: Sent, begin: Begin, reader: str) -> Iterator[Finding]:
    """Whether the root vouches for a key that says it is the cloud's. That of an older note may still have
    been in use for a while; then the cloud has it.
    """
    note = cloud_note(evidence)
    if reader == note.reader:
        return
    lap = timedelta() if evidence.cloud_keys else _LAP
    if datetime.fromisoformat(begin.header.utc) < note.not_before + lap:
        raise NotGiven(f"an older keys note of the cloud, for its reader {reader}")
    yield Finding(
        f"utterance {sent.name} can be read by {reader}, for which the cloud's root does not vouch",
        sent.where,
    )


def _wraps(evidence: Evidence) -> Iterator[Finding]:
    """Every wrap opens to the one data key that the header commits to.

    Raises:
        NotGiven: a reader's private key is not here.
    """
    keys = _keys(evidence)
    closed = ""
    for sent, begin in begins(evidence):
        for reader in begin.header.readers:
            key = keys.get((reader.id, reader.suite))
            if key is None:
                closed = closed or reader.id
            elif _opener(begin, key) is None:
                what = f"utterance {sent.name} wraps for {reader.name!r} another key than it is sealed with"
                yield Finding(what, sent.where)
    if closed:
        raise NotGiven(f"the private key of reader {closed}, to see what is wrapped for it")


def _opens(evidence: Evidence) -> Iterator[Finding]:
    """Every segment of every utterance opens with a key that was given, whether it came whole or not.

    Raises:
        NotGiven: after the rest, of one without a begin.
    """
    for sent, begin in begins(evidence):
        tried = (_opener(begin, key) for key in evidence.reader_keys)
        opener = next((opener for opener in tried if opener is not None), None)
        if opener is None:
            yield Finding(f"utterance {sent.name} does not open with any key that was given", sent.where)
        else:
            yield from _segments(sent, opener)
    for sent in evidence.sent:
        if not sent.begins:
            raise NotGiven(f"the begin of utterance {sent.name}, without which nobody can open it")


def _segments(sent: Sent, opener: Opener) -> Iterator[Finding]:
    for segment in sent.segments:
        try:
            opener.segment(segment)
        except EnvelopeError as error:
            yield Finding(f"utterance {sent.name}: {error}", sent.where)


def _fresh(evidence: Evidence) -> Iterator[Finding]:
    """No data key serves twice, no encapsulated key, and no ciphertext."""
    seen: dict[bytes, str] = {}
    for sent in evidence.sent:
        for value, what in _singular(evidence, sent):
            if seen.setdefault(value, sent.name) != sent.name:
                yield Finding(f"utterance {sent.name} has {what} of {seen[value]}", sent.where)


def _singular(evidence: Evidence, sent: Sent) -> Iterator[tuple[bytes, str]]:
    """What an honest device never has in two utterances."""
    keys = _keys(evidence)
    for payload in sent.begins:
        try:
            begin = Begin.parse(payload)
        except EnvelopeError as error:
            raise Damaged(sent.where, str(error)) from error
        for reader, wrap in zip(begin.header.readers, begin.wraps, strict=True):
            enc_bytes = sealed_bytes(reader.suite, KEY_BYTES) - KEY_BYTES - TAG_BYTES
            yield wrap[:enc_bytes], "the encapsulated key"
            yield wrap[enc_bytes - 32 : enc_bytes], "the ephemeral key"
            key = keys.get((reader.id, reader.suite))
            if key is not None and _opener(begin, key) is not None:
                yield begin.data_key(key), "the data key"
        yield begin.commitment, "the commitment"
    for segment in sent.segments:
        yield segment[4:], "a ciphertext"


def _keys(evidence: Evidence) -> dict[tuple[str, str], ReaderKey]:
    return {(key.public.id, key.suite): key for key in (*evidence.cloud_keys, *evidence.reader_keys)}


def _opener(begin: Begin, key: ReaderKey) -> Opener | None:
    try:
        return Opener(begin, begin.data_key(key))
    except EnvelopeError:
        return None


CHECKS = (
    Check("envelope.named", 6, "the cloud and whose keys were given can open it, and nobody else", _named),
    Check("envelope.wraps", 6, "what is wrapped for each reader is the key of the utterance", _wraps),
    Check("envelope.opens", 6, "every segment opens with a key that was given", _opens),
    Check("envelope.fresh", 6, "no key and no ciphertext serves twice", _fresh),
)
