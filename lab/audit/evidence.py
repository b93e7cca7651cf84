"""What an audit was given, read when a check asks for it. It judges nothing.

Whatever is not there is NotGiven, with what would be needed; whatever cannot be read is Damaged, with where.
Nothing here trusts the firmware: keys come from who audits, or are certified by the device id, their hash.
"""

import tomllib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import soundfile

from device.envelope import Begin, EnvelopeError, ReaderKey, Utterance, open_utterance, topics
from device.ledger import LedgerError, NoteError, Row, Verifier, leaf_hash, parse_row
from lab import tap
from lab import world as outside
from lab.audit.errors import AuditError, Damaged, NotGiven
from lab.audit.reference_ear import Heard, levels
from lab.errors import RunError

SETTINGS, NOTE, CLOUD_KEYS = "device.toml", "keys.note", "cloud/keys"
LEDGER, HEAD, VKEY = "ledger.jsonl", "checkpoint.txt", "device.vkey"
ROOM, OWNER_KEY = "room.flac", "owner.key"

T = TypeVar("T")

Span = tuple[int, int]
"""First sample, sample after the last."""


class Given(NamedTuple):
    """What was named on the command line. `directory` is a run's, and what it holds is taken from it."""

    directory: Path
    device_key: str | None = None
    reader_keys: tuple[Path, ...] = ()
    room: Path | None = None
    capture: Path | None = None
    keylog: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that were named, beside the folder."""
        named = (self.room, self.capture, self.keylog)
        return (*self.reader_keys, *(path for path in named if path is not None))


class Message(NamedTuple):
    """A message as somebody outside the device got it, and where it is written down."""

    topic: str
    payload: bytes
    where: str


class Entry(NamedTuple):
    """A row of the ledger: its bytes, what they say, and where. `row` is None where they say nothing."""

    where: str
    line: bytes
    row: Row | None


class Sent(NamedTuple):
    """The messages of one utterance, each different one once: more than one `begin`, `end`, or segment of an
    index is for a check to find. Segments are in order of index; `where` is that of the first.
    """

    name: str
    begins: tuple[bytes, ...]
    segments: tuple[bytes, ...]
    ends: tuple[bytes, ...]
    where: str


class Opened(NamedTuple):
    """An utterance that a reader's key opened, whole, and the device's rows about it are elsewhere."""

    sent: Sent
    utterance: Utterance

    @property
    def span(self) -> Span:
        """The samples that it says it holds."""
        first = self.utterance.header.first_sample
        return first, first + len(self.utterance.pcm) // 2


class Evidence:
    """All of it. Properties raise NotGiven or Damaged.

    reading: told bytes read, and in all, of a file that takes long.
    """

    def __init__(self, given: Given, reading: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        self.given = given
        self.reading = reading
        self._levels: dict[str, list[Heard]] = {}
        self._made: dict[Callable[[Evidence], Any], Any] = {}

    def once(self, make: Callable[["Evidence"], T]) -> T:
        """What `make` makes of this evidence, made once: for what takes long and several checks need."""
        if make not in self._made:
            try:
                self._made[make] = make(self)
            except AuditError as error:
                self._made[make] = error
        found: T | AuditError = self._made[make]
        if isinstance(found, AuditError):
            raise found
        return found

    # -- ledger ------------------------------------------------------------------------------------

    @cached_property
    def entries(self) -> list[Entry]:
        """The ledger's rows as they are written, readable or not."""
        path = self._file(LEDGER, "the ledger: ledger.jsonl of the run")
        lines = path.read_bytes().split(b"\n")
        if lines and not lines[-1]:
            lines.pop()
        return [_entry(f"{path.name}:{number}", line) for number, line in enumerate(lines, 1)]

    @cached_property
    def rows(self) -> list[Row]:
        """The rows, all of which can be read."""
        for entry in self.entries:
            if entry.row is None:
                raise Damaged(entry.where, "this is no row of a ledger")
        return [entry.row for entry in self.entries if entry.row is not None]

    @cached_property
    def leaves(self) -> list[bytes]:
        """The leaf hash of every row as it is written."""
        return [leaf_hash(entry.line) for entry in self.entries]

    @cached_property
    def device_key(self) -> Verifier:
        """The device's verifier key, as it was named, or as it is in the folder: then `device` tells if it is
        the one that the messages were signed with.
        """
        said = self.given.device_key
        if said is None:
            path = self._file(VKEY, "the device's verifier key: --device-key, or device.vkey of the run")
            said = _text(path).strip()
        try:
            return Verifier.parse(said)
        except NoteError as error:
            raise Damaged(VKEY, str(error)) from error

    # -- messages ----------------------------------------------------------------------------------

    @cached_property
    def messages(self) -> list[Message]:
        """What came through the broker, as somebody wrote it down who is not the device."""
        path = self._file(tap.FILE, "what came through the broker: sent.jsonl of the run")
        try:
            return [
                Message(each.topic, each.payload, f"{path.name}:{number}")
                for number, each in enumerate(tap.read(self.given.directory), 1)
            ]
        except RunError as error:
            raise Damaged(path.name, str(error)) from error

    @cached_property
    def sent(self) -> list[Sent]:
        """The utterances among the messages, in the order in which they appear."""
        found: dict[str, list[tuple[str, Message]]] = {}
        for message in self.messages:
            topic = topics.parse(message.topic)
            if topic is not None and topic.utterance is not None:
                found.setdefault(topic.utterance, []).append((topic.kind, message))
        return [_sent(name, parts) for name, parts in found.items()]

    @cached_property
    def reader_keys(self) -> list[ReaderKey]:
        """Keys that open utterances."""
        paths = list(self.given.reader_keys) or [
            self._file(OWNER_KEY, "a reader's private key: --reader-key, or owner.key of the run")
        ]
        return [_reader_key(path) for path in paths]

    @cached_property
    def tried(self) -> list[tuple[Sent, Opened | str]]:
        """Every utterance that came whole, opened, or why none of the keys opens it. Cut-short ones are not
        among them.
        """
        return [(sent, self._open(sent)) for sent in self.sent if sent.begins and sent.segments and sent.ends]

    @cached_property
    def opened(self) -> list[Opened]:
        """Every utterance that opens."""
        return [opened for _, opened in self.tried if isinstance(opened, Opened)]

    def _open(self, sent: Sent) -> Opened | str:
        why = "no key was given"
        for key in self.reader_keys:
            try:
                whole = open_utterance(sent.begins[0], list(sent.segments), sent.ends[0], key)
            except EnvelopeError as error:
                why = str(error)
            else:
                return Opened(sent, whole)
        return why

    # -- the home ----------------------------------------------------------------------------------

    @cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """What whoever set the device up wrote down for it, by section and key: the operator's word."""
        path = self._file(SETTINGS, "the settings that the device was given: device.toml of the run")
        try:
            found = tomllib.loads(_text(path))
        except tomllib.TOMLDecodeError as error:
            raise Damaged(SETTINGS, f"not TOML ({error})") from error
        if not all(isinstance(section, dict) for section in found.values()):
            raise Damaged(SETTINGS, "a setting that is in no section")
        return found

    @cached_property
    def cloud_keys(self) -> list[ReaderKey]:
        """The private reader keys in the cloud's own folder: none where it was not given."""
        return [_cloud_key(path) for path in sorted((self.given.directory / CLOUD_KEYS).glob("reader-*.key"))]

    # -- the world ---------------------------------------------------------------------------------

    @cached_property
    def world(self) -> list[outside.Seen]:
        """What was seen from outside, in order."""
        path = self._file(outside.FILE, "what was seen from outside the speaker: world.jsonl of the run")
        try:
            return list(outside.read(path))
        except RunError as error:
            raise Damaged(path.name, str(error)) from error

    def seen(self, kind: str) -> list[outside.Seen]:
        """What was seen of one kind, in order."""
        return [seen for seen in self.world if seen["kind"] == kind]

    @cached_property
    def room_path(self) -> Path:
        """The recording of the room."""
        return self.given.room or self._file(ROOM, "a recording of the room: --room, or room.flac of the run")

    @cached_property
    def room_samples(self) -> int:
        """How long it is."""
        return int(self._sound().frames)

    def levels(self, model_sha256: str) -> list[Heard]:
        """What other ears than the firmware's make of the recording: see `reference_ear.levels`."""
        if model_sha256 not in self._levels:
            self._levels[model_sha256] = levels(self.room_path, model_sha256)
        return self._levels[model_sha256]

    def room(self, first: int, count: int) -> bytes:
        """Part of it, s16le; shorter where the recording ends."""
        with self._sound() as file:
            if not 0 <= first <= file.frames:
                return b""
            file.seek(first)
            pcm: Any = file.read(count, dtype="int16")
        return bytes(pcm.tobytes())

    def _sound(self) -> Any:
        try:
            file = soundfile.SoundFile(self.room_path)
        except (OSError, soundfile.SoundFileError) as error:
            raise Damaged(str(self.room_path), f"not a recording that can be read ({error})") from error
        if (file.samplerate, file.channels) != (16_000, 1):
            raise Damaged(
                str(self.room_path), "not 16 kHz and one channel: record the room as the speaker does"
            )
        return file

    # -- files -------------------------------------------------------------------------------------

    def path(self, name: str, what: str) -> Path:
        """The file of that name in the run's folder; raises NotGiven, saying what it would be."""
        return self._file(name, what)

    def named(self, given: Path | None, name: str, what: str) -> Path:
        """The file that was named, or the one of that name in the run's folder; else NotGiven."""
        return given or self._file(name, what)

    def _file(self, name: str, what: str) -> Path:
        path = self.given.directory / name
        if not path.exists():
            raise NotGiven(what)
        return path


def _entry(where: str, line: bytes) -> Entry:
    try:
        return Entry(where, line, parse_row(line))
    except LedgerError:
        return Entry(where, line, None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(path.name, "not text") from error


def _reader_key(path: Path) -> ReaderKey:
    try:
        return ReaderKey.from_bytes(path.read_bytes())
    except (OSError, EnvelopeError) as error:
        raise Damaged(str(path), f"not a reader's private key ({error})") from error


def _cloud_key(path: Path) -> ReaderKey:
    """A reader key of the cloud: JSON, of which `key` is what a reader's key file holds."""
    try:
        held = msgspec.json.decode(path.read_bytes(), type=dict[str, str | int])
        return ReaderKey.from_bytes(str(held["key"]).encode())
    except (OSError, KeyError, UnicodeError, msgspec.MsgspecError, EnvelopeError) as error:
        raise Damaged(f"{CLOUD_KEYS}/{path.name}", f"not a reader's private key ({error})") from error


def _sent(name: str, parts: list[tuple[str, Message]]) -> Sent:
    kinds: dict[str, dict[bytes, None]] = {"begin": {}, "segment": {}, "end": {}}
    for kind, message in parts:
        kinds[kind][message.payload] = None
    segments = sorted(kinds["segment"], key=lambda payload: payload[:4])
    return Sent(name, tuple(kinds["begin"]), tuple(segments), tuple(kinds["end"]), parts[0][1].where)


def begins(evidence: Evidence) -> Iterator[tuple[Sent, Begin]]:
    """Every begin that its device signed."""
    for sent in evidence.sent:
        for payload in sent.begins:
            try:
                yield sent, Begin.parse(payload)
            except EnvelopeError as error:
                raise Damaged(sent.where, str(error)) from error
