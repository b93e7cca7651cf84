"""From messages to verified, deduplicated, complete utterances. Nothing the network sends makes it raise.

Order, repetition and the DUP flag mean nothing: a message is what its bytes prove it to be. Every segment is
opened when it arrives, so that nothing false is kept, and the sound is thrown away at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from cloud_stub.acks import Acks, Outgoing, gaps
from cloud_stub.config import IngestSection
from cloud_stub.end_record import CEILING_S, head_in, segments_promised
from cloud_stub.errors import NotKept
from cloud_stub.keys import Epoch, Keys
from cloud_stub.pen import Pen, Waiting
from cloud_stub.pieces import Put
from cloud_stub.under_way import Arriving, UnderWay
from cloud_stub.vault import Vault
from cloud_stub.whose import Whose
from cloud_stub.witness import Witness
from device.envelope import Begin, EnvelopeError, Header, Opener, topics
from device.envelope.layout import JSON_MAX_BYTES, SIGNATURE_BYTES, segment_bytes

LARGEST = {
    "begin": JSON_MAX_BYTES + 32_768,
    "segment": segment_bytes(6400),
    "end": 4 + JSON_MAX_BYTES + SIGNATURE_BYTES,
    "status": 4096,
    "state": 4096,
    "checkpoint": JSON_MAX_BYTES,
}
CLOCKS = timedelta(minutes=5)
"""How far a clock may be set between a device's look at its keys note and the date in its header."""

LONGEST_WAIT = timedelta(days=31)
"""No utterance waits longer on a device; what waited may have been sealed anew, to a later key."""

SECURITY = frozenset({"altered", "foreign_device", "segment", "end", "begin", "end_mismatch", "out_of_epoch"})
"""The reasons of refusal that no honest device gives."""


class Refused(Exception):  # noqa: N818 (it says what happened; never leaves this module)
    """A message is not taken. Its argument is the reason."""


class Ingest:
    """Takes every message of every device; not thread-safe.

    completed: called with whose utterance it is once it is durable, before its acknowledgement is handed out.
    witness: keeps the heads of ledgers that come. `taken` and `refused` count messages by kind and reason.
    """

    def __init__(
        self,
        vault: Vault,
        keys: Keys,
        settings: IngestSection,
        completed: Callable[[Whose], None] = lambda _: None,
        witness: Witness | None = None,
    ) -> None:
        self.taken: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._vault = vault
        self._keys = keys
        self._settings = settings
        self._completed = completed
        self._witness = witness
        self._acks = Acks(keys.signer)
        self._pen = Pen()
        self._arriving = Arriving(vault)

    @property
    def security_events(self) -> int:
        """How many messages no honest device sends: refused ones, and those with a head that none signs."""
        witness = self._witness
        heads = witness.forks + witness.unfit + witness.unproved if witness else 0
        return heads + sum(self.refused[reason] for reason in SECURITY)

    def take(self, topic: str, payload: bytes, now: datetime) -> list[Outgoing]:
        """Take one message as the broker delivered it; return what is to be published.

        Raises:
            StorageError: the vault cannot be written. Nothing was acknowledged; the device will send again.
        """
        parsed = topics.parse(topic)
        try:
            if parsed is None or parsed.kind not in LARGEST or parsed.device is None:
                raise Refused("topic")  # noqa: TRY301 (one way to refuse)
            if len(payload) > LARGEST[parsed.kind]:
                raise Refused("too_large")  # noqa: TRY301 (one way to refuse)
            if parsed.utterance is None:
                self.taken[parsed.kind] += 1
                if parsed.kind == "checkpoint" and self._witness is not None:
                    text = payload.decode("utf-8", "replace")
                    self._witness.take_checkpoint(parsed.device, text, int(now.timestamp()))
                return []
            return self._take_part(parsed.kind, Whose(parsed.device, parsed.utterance), payload, now)
        except Refused as refusal:
            self.refused[str(refusal)] += 1
        except NotKept:  # forgotten by another thread since we looked
            self.taken["after_forgotten"] += 1
        return []

    def take_all(self, messages: Iterable[tuple[str, bytes]], now: datetime) -> list[Outgoing]:
        """Take many messages at once: nothing of what is returned is to be published before this returns.

        Raises StorageError as `take` does; then none of them was taken.
        """
        letters = list(messages)
        parsed = [topics.parse(topic) for topic, _ in letters]
        about = {
            Whose(each.device, each.utterance) for each in parsed if each and each.device and each.utterance
        }
        with self._vault.at_once(about):
            answers = [each for topic, payload in letters for each in self.take(topic, payload, now)]
            return answers + self._look_again(now)

    def _look_again(self, now: datetime) -> list[Outgoing]:
        """What waits here for a begin that another worker took meanwhile."""
        answers: list[Outgoing] = []
        for whose in self._pen.waiting():
            if self._vault.state(whose) is not None:
                answers += [
                    each for message in self._pen.release(whose) for each in self._replay(message, whose, now)
                ]
        return answers

    def expire(self, now: datetime) -> list[Outgoing]:
        """Mark what had no news for too long as truncated, and ask its device for the rest.

        A truncated one that is not to be saved is shredded after a while.
        """
        before = now - timedelta(seconds=self._settings.truncated_after_s)
        for whose in self._vault.unsaved_truncated(now - timedelta(seconds=self._settings.unsaved_kept_s)):
            self._vault.forget(whose, "machine", "cut short, and not to be saved", now)
        questions: list[Outgoing] = []
        for held in self._vault.mark_truncated(before):
            with suppress(NotKept):  # forgotten by another thread since it was marked
                questions.append(self._missing(held.whose))
        self.tidy(now)
        return questions

    def tidy(self, now: datetime) -> None:
        """Forget what is not under way any more, keys and all. A worker does no more: the cloud expires."""
        before = now - timedelta(seconds=self._settings.truncated_after_s)
        self.refused += Counter(begin_never_came=self._pen.expire(before))
        self._arriving.drop_others()

    def _take_part(self, kind: str, whose: Whose, payload: bytes, now: datetime) -> list[Outgoing]:
        state = self._vault.state(whose) or "new"
        if state == "forgotten":
            self.taken["after_forgotten"] += 1
            return self._after_forgotten(kind, whose)
        if state == "complete":
            return self._take_again(kind, whose, payload)
        if kind == "begin" and state != "new":
            return self._take_begin_again(whose, payload, cut_short=state == "truncated")
        if kind == "begin":
            return self._take_begin(whose, payload, now)
        if state == "new":
            return self._wait(Waiting(kind, payload), whose, now)
        take = self._take_segment if kind == "segment" else self._take_end
        return take(whose, payload, now)

    def _wait(self, message: Waiting, whose: Whose, now: datetime) -> list[Outgoing]:
        """Keep it for its begin, and ask for that at the end: for both, if there was no room."""
        kept = self._pen.add(whose, message, now)
        if kept:
            self.taken["waiting"] += 1
        else:
            self.refused["pen_full"] += 1
        return [self._acks.missing(whose, [], begin=True, end=not kept)] if message.kind == "end" else []

    def _after_forgotten(self, kind: str, whose: Whose) -> list[Outgoing]:
        if kind == "end":
            return [self._acks.complete(whose)]
        held = self._vault.find(whose) if kind == "begin" else None
        return [self._acks.truncated(whose)] if held is not None and held.completed is None else []

    def _take_again(self, kind: str, whose: Whose, payload: bytes) -> list[Outgoing]:
        """More of what is complete: the same once more, or something false. Nothing is opened for it."""
        self._count(kind, "same" if self._vault.has_message(whose, kind, payload) else "other")
        return [self._acks.complete(whose)] if kind == "end" else []

    def _take_begin_again(self, whose: Whose, payload: bytes, *, cut_short: bool) -> list[Outgoing]:
        """A begin that is here already; so a device asks about an utterance whose end was never made."""
        begin, segments, end = self._vault.messages(whose)
        self._count("begin", "same" if begin == payload else "other")
        if not cut_short:
            return []
        whole = end is None and not gaps(segments, max(segments, default=-1) + 1)
        return [self._acks.truncated(whose) if whole else self._missing(whose)]

    def _take_begin(self, whose: Whose, payload: bytes, now: datetime) -> list[Outgoing]:
        try:
            begin = Begin.parse(payload)
        except EnvelopeError as error:
            raise Refused("begin") from error
        if (begin.header.device, begin.header.utterance) != whose:
            raise Refused("foreign_device")
        if self._vault.count_arriving(whose.device) >= self._settings.arriving_per_device:
            raise Refused("too_many_arriving")
        data_key, opener = self._unwrap(begin, now)
        self._vault.put_begin(begin, payload, data_key, now)
        self._arriving.add(whose, UnderWay(begin, opener, None))
        self._count("begin", "new")
        return [each for message in self._pen.release(whose) for each in self._replay(message, whose, now)]

    def _unwrap(self, begin: Begin, now: datetime) -> tuple[bytes, Opener]:
        ours = (self._keys.held(reader.id, now) for reader in begin.header.readers)
        epoch = next((epoch for epoch in ours if epoch is not None), None)
        if epoch is None:
            raise Refused("no_reader")
        if not _spoken_for(begin.header, epoch):
            raise Refused("out_of_epoch")
        try:
            data_key = begin.data_key(epoch.key)
            return data_key, Opener(begin, data_key)
        except EnvelopeError as error:
            raise Refused("begin") from error

    def _replay(self, message: Waiting, whose: Whose, now: datetime) -> list[Outgoing]:
        try:
            return self._take_part(message.kind, whose, message.payload, now)
        except Refused as refusal:
            self.refused[str(refusal)] += 1
            return []

    def _take_segment(self, whose: Whose, payload: bytes, now: datetime) -> list[Outgoing]:
        begin, opener, promised = self._arriving.of(whose)
        try:
            index = opener.segment(payload).index
        except EnvelopeError as error:
            raise Refused("segment") from error
        if index * begin.header.segment_samples >= CEILING_S * begin.header.rate:
            raise Refused("too_long")
        put = self._vault.put_segment(whose, index, payload, now)
        self._count("segment", put)
        if promised is None and put == "new":
            promised = self._arriving.end_of(whose)  # another worker may have taken it
        return self._settle(whose, now) if put == "new" and promised is not None else []

    def _take_end(self, whose: Whose, payload: bytes, now: datetime) -> list[Outgoing]:
        under_way = self._arriving.of(whose)
        try:
            promised = segments_promised(under_way.begin, payload)
        except EnvelopeError as error:
            raise Refused("end") from error
        self._count("end", self._vault.put_end(whose, payload, now))
        if self._witness is not None:
            signer = under_way.begin.signer.public_bytes_raw()
            self._witness.knows(whose.device, signer, int(now.timestamp()))
            self._witness.take(whose.device, head_in(payload))
        self._arriving.add(whose, under_way._replace(promised=promised))
        return self._settle(whose, now) or [self._missing(whose)]

    def _settle(self, whose: Whose, now: datetime) -> list[Outgoing]:
        """Complete the utterance if everything its end promises is here."""
        begin, _, promised = self._arriving.of(whose)
        if promised is None or self._vault.count_segments(whose) < promised:
            return []
        _, segments, end = self._vault.messages(whose)
        if end is None:
            return []
        try:
            begin.end(end, list(segments.values()))
        except EnvelopeError as error:
            raise Refused("end_mismatch") from error
        self._vault.complete(whose, now)
        self._completed(whose)
        return [self._acks.complete(whose)]

    def _count(self, kind: str, put: Put) -> None:
        if put == "other":
            raise Refused("altered")
        self.taken[kind if put == "new" else "duplicate"] += 1

    def _missing(self, whose: Whose) -> Outgoing:
        promised = self._arriving.of(whose).promised
        segments = self._vault.messages(whose)[1]
        count = max(segments, default=-1) + 1 if promised is None else promised
        return self._acks.missing(whose, gaps(segments, count), end=promised is None)


def _spoken_for(header: Header, epoch: Epoch) -> bool:
    """Whether what was spoken then may be sealed to the key of this epoch, at once or anew after a wait."""
    earliest, latest = epoch.not_before - LONGEST_WAIT, epoch.not_after
    return earliest - CLOCKS <= datetime.fromisoformat(header.utc) < latest + CLOCKS
