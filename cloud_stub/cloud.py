"""The cloud: what devices seal arrives, is heard, answered, and kept or shredded. Read `Cloud.answer` first.

It opens no recording but through the vault's door, and says `complete` of nothing that is not durable.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Protocol

from cloud_stub.acks import Outgoing
from cloud_stub.authority import Authority
from cloud_stub.broker_files import cloud_context
from cloud_stub.chores import Chores
from cloud_stub.config import Config
from cloud_stub.devices import Devices
from cloud_stub.door import Words
from cloud_stub.end_record import ANSWERED, end_reason
from cloud_stub.enrolment import Enrolment
from cloud_stub.errors import CloudError, NotKept, OutOfReach
from cloud_stub.held import Held, is_cover, may_stay
from cloud_stub.in_flight import InFlight
from cloud_stub.ingest import Ingest
from cloud_stub.keys import Keys
from cloud_stub.link import Link
from cloud_stub.mail import Mail
from cloud_stub.response import Mind, Responses
from cloud_stub.review.drawing import Prepare
from cloud_stub.review.opening import open_review
from cloud_stub.review.prepared import open_prepare
from cloud_stub.vault import open_vault
from cloud_stub.whose import Whose
from cloud_stub.wishes import Wishes
from cloud_stub.witness import Witness
from device.envelope import EnvelopeError, Header, downlink, topics

TICK_S = 1.0
OVERLAP = timedelta(seconds=10)
"""A worker's transaction may take so long."""

STUCK_TICKS = 60
"""No answer takes so long, but one that never ends."""

FAULT = "cloud: a fault in the program, its trace stands above; report it, then start again"


class Watch(Protocol):
    """Sees what the cloud sees, and can't change it."""

    def arrived(self, topic: str, payload: bytes) -> None:
        """A message came from the broker; nothing of it has been checked."""

    def heard(self, whose: Whose, words: Words) -> None:
        """An utterance was heard and is being answered."""


def utc_now() -> datetime:
    """The clock of the machine."""
    return datetime.now(UTC)


class Cloud:
    """One cloud at one broker. Wait on `settled` for nothing to be in flight. `ticks` have ended.

    address: of the broker. mind: None opens the one of `cloud_stub.hearing`. clock: UTC. watch: a
    laboratory's eyes, called in the cloud's threads. running: seconds that never jump.

    Raises:
        KeyFileError, StorageError: as `Keys` and `Vault` do.
    """

    def __init__(
        self,
        config: Config,
        address: tuple[str, int],
        mind: Mind | None = None,
        clock: Callable[[], datetime] = utc_now,
        watch: Watch | None = None,
        running: Callable[[], float] = monotonic,
    ) -> None:
        self.keys = Keys(config.storage.keys, config.keys, running)
        self.vault = open_vault(config.storage)
        self.wishes = Wishes(config.storage.wishes)
        self.review = open_review(config.storage.review, self.vault, self.wishes, config.review)
        self._chores = Chores(self.vault, self.wishes, self.review)
        self._prepare: Prepare | None = None
        self.witness = Witness(config.storage.heads, self.keys.witness)
        self.ingest = Ingest(self.vault, self.keys, config.ingest, self._enqueue, self.witness)
        self.failure: CloudError | None = None
        self.over = threading.Event()
        self.ticks = 0
        self._answering_since: int | None = None  # a tick
        self._witness_every_s = config.witness.every_s
        self._within = timedelta(seconds=config.answer.within_s)
        self._mind = mind
        self._responses = Responses(self.keys.signer, config.answer.pad_s)
        self._watch = watch
        self.clock = clock
        self._note = ""
        self._in_flight = InFlight()
        self._taking = threading.Lock()
        self._mail = Mail()
        self._jobs: queue.SimpleQueue[Whose | None] = queue.SimpleQueue()
        self.enrolment = self._open_enrolment(config)
        context = cloud_context(config.storage.keys) if config.broker.tls else None
        self._workers = config.ingest.workers
        self._hearing = config.hearing
        self._looked = self.clock()
        self._seen: set[Whose] = set()
        self._link = Link(config.broker, address, self._take, self._came_up, self._in_flight.done, context)
        if self._workers:
            self._link.wanted = topics.UP_BESIDES
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
            for name, work in (
                ("answers", self._answer_all),
                ("ticks", self._tick_on),
                ("preparing", self._prepare_all),
                ("stowing", self._stow_all),
                ("mail", self._take_mail),
            )
        ]

    @property
    def pending(self) -> int:
        """Complete utterances that wait for their answer, plus publishes the broker has not confirmed."""
        return self._in_flight.count

    @property
    def settled(self) -> threading.Event:
        """Set whenever nothing is pending. An answer is pending before its acknowledgement leaves."""
        return self._in_flight.none

    @property
    def up(self) -> threading.Event:
        """Set while the cloud is connected and subscribed."""
        return self._link.up

    @property
    def stuck(self) -> bool:
        """Whether the answer under way began more than STUCK_TICKS ago."""
        since = self._answering_since
        return since is not None and self.ticks - since > STUCK_TICKS

    def start(self) -> None:
        """Open the mind, take up what a stop left unanswered, begin to connect."""
        if self._mind is None:
            from cloud_stub.hearing import open_mind
            from cloud_stub.hearing.mind import Settings

            chosen = self._hearing
            self._mind = open_mind(Settings(chosen.artists, ears=chosen.ears, may_leave=chosen.may_leave))
        for held in self.vault.utterances():
            if held.state == "complete" and not (held.answered and _saved(held)):
                self._enqueue(held.whose)
        self._link.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the answer under way, disconnect, close the vault; what waits is for the next start."""
        self.over.set()
        self._jobs.put(None)
        self._mail.end()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout=30.0)
        self._link.stop()
        self.vault.close()
        self.witness.close()
        self.review.close()
        self.wishes.close()

    def say(self, message: Outgoing, *, retain: bool = False) -> None:
        """Publish something more, such as a command, signed by whoever made it."""
        self._publish(message, retain=retain)

    def tick(self) -> None:
        """What time alone brings about: truncation, shredding, a new reader key. Done every second."""
        now = self.clock()
        with self._taking:
            self._publish_all(self.ingest.expire(now))
            if self.up.is_set():
                self._ask_for_heads(now)
        if self._workers:
            self._look_for_completed(now)
        self._chores.do(now)
        note = self.keys.note(now)  # without a link too: it also destroys the keys whose grace is over
        if self.up.is_set() and note != self._note:
            self._came_up()

    def answer(self, whose: Whose) -> None:
        """Open, hear, keep the words, answer once and in time; then shred what is not to be kept. Cover is
        answered like the rest and not opened.
        """
        held = self.vault.find(whose)
        if held is None or held.state != "complete" or held.completed is None or held.header is None:
            return
        now = self.clock()
        if not held.answered and now - held.completed <= self._within and self._asks(whose):
            self._say_nothing(held.header) if is_cover(held.header) else self._respond(held, held.header, now)
        if not _saved(held) or self.wishes.of(whose.device).keep == "never":
            self.vault.forget(whose, "machine", "not to be saved", self.clock())
        elif not is_cover(held.header):
            self.review.drawing.consider(whose, self.clock())

    def _look_for_completed(self, now: datetime) -> None:
        """What workers completed since the last look, a little overlapping."""
        found = {
            held.whose for held in self.vault.completed_since(self._looked - OVERLAP) if not held.answered
        }
        for whose in found - self._seen:
            self._enqueue(whose)
        self._seen, self._looked = found, now

    def _ask_for_heads(self, now: datetime) -> None:
        """Ask devices whose ledgers grew for a head that goes on from the last one that was cosigned."""
        for ask in self.witness.due(int(now.timestamp()), self._witness_every_s):
            body: dict[str, Any] = {
                "v": 1,
                "device": ask.device,
                "serial": int(now.timestamp() * 1000),  # greater than every one before, over restarts too
                "do": "checkpoint",
            }
            if ask.since is not None:
                body["since"] = ask.since
            payload = downlink.sign("command", body, self.keys.signer)
            self._publish(Outgoing(topics.command(ask.device), payload))

    def _open_enrolment(self, config: Config) -> Enrolment | None:
        """Certificates are given where a broker asks for them."""
        if not config.broker.tls:
            return None
        authority = Authority(config.storage.keys, "ca", self.clock())
        return Enrolment(Devices(config.storage.devices), authority, self.keys.signer, config.devices)

    def _asks(self, whose: Whose) -> bool:
        """Whether somebody waits for an answer: not after a tap, a mute, or silence."""
        ending = self.vault.end(whose)
        return ending is not None and end_reason(ending) in ANSWERED

    def _say_nothing(self, header: Header) -> None:
        with suppress(EnvelopeError):
            self._publish(self._responses.silence(header))

    def _respond(self, held: Held, header: Header, now: datetime) -> None:
        """Give the answer; what its owner asked to delete is shredded before anybody is told so."""
        assert self._mind is not None  # noqa: S101 (for the type checker: start() opened it)
        recording = self.vault.open(held.whose, "machine", "answer", now)
        answer = self._mind.answer(recording.pcm)
        words = Words(answer.heard, answer.intent, answer.text)
        self.vault.put_words(held.whose, words)
        if self._watch is not None:
            self._watch.heard(held.whose, words)
        if answer.intent == "delete_last":
            self._delete_last(held)
        else:
            self.vault.mark_answered(held.whose)
        with suppress(EnvelopeError):  # a reply key that nobody can seal to: then nobody is answered
            self._publish(self._responses.answer(header, answer))

    def _delete_last(self, held: Held) -> None:
        said = self.vault.utterances(held.whose.device)
        before = [each for each in said if each.ledger_index < held.ledger_index]
        last = max(before, key=lambda each: each.ledger_index, default=held)
        for each in (last, held):
            self.vault.forget(each.whose, "owner", "delete_last", self.clock())

    def _take(self, topic: str, payload: bytes) -> None:
        if self._watch is not None:
            self._watch.arrived(topic, payload)
        asked = topics.parse(topic)
        if asked is not None and asked.kind == "request" and self.enrolment is not None:
            with self._guarded(), self._taking:
                self._publish_all(self.enrolment.take(asked.device or "", payload, self.clock()))
            return
        self._in_flight.begin()
        if not self._mail.put(topic, payload):
            self._in_flight.done()  # nobody takes it any more: its device will send it again

    def _take_mail(self) -> None:
        try:
            while letters := self._mail.take():
                with self._taking:
                    self._publish_all(self.ingest.take_all(letters, self.clock()))
                for _ in letters:
                    self._in_flight.done()
        finally:
            self._mail.end()  # after a fault too: whoever brings more must not wait for this thread

    def _came_up(self) -> None:
        with self._guarded():
            self._note = self.keys.note(self.clock())
            self._publish(Outgoing(topics.KEYS, self._note.encode()), retain=True)

    def _publish_all(self, messages: list[Outgoing]) -> None:
        for message in messages:
            self._publish(message)

    def _publish(self, message: Outgoing, *, retain: bool = False) -> None:
        self._in_flight.begin()
        if not self._link.publish(message.topic, message.payload, retain=retain):
            self._in_flight.done()

    def _enqueue(self, whose: Whose) -> None:
        self._in_flight.begin()
        self._jobs.put(whose)

    def _answer_all(self) -> None:
        while not self.up.wait(TICK_S) and not self.over.is_set():
            pass  # nobody would hear an answer yet
        while (whose := self._jobs.get()) is not None:
            self._answering_since = self.ticks
            try:
                if not self.over.is_set():
                    self.answer(whose)
            except NotKept:
                pass  # its owner was quicker
            except OutOfReach:
                pass  # then it is answered, or not any more, after the next start
            finally:
                self._answering_since = None
                self._in_flight.done()

    def _prepare_all(self) -> None:
        """Make what people may hear of what was drawn: slowly, and one at a time."""
        passed_over = 0
        while not self.over.wait(TICK_S):
            try:
                while self.review.drawing.waits() and not self.over.is_set():
                    self._prepare = self._prepare or open_prepare()
                    if not self.review.drawing.prepare_next(self._prepare, self.clock(), passed_over):
                        passed_over = 0
                        break
            except OutOfReach:
                passed_over += 1  # its turn comes again; the others do not wait until its sound is there

    def _stow_all(self) -> None:
        """Bring sound to its blobs and take it away: beside the ticks, which wait for no network."""
        while not self.over.wait(TICK_S):
            self.vault.stow(self.clock())

    def _tick_on(self) -> None:
        while not self.over.wait(TICK_S):
            self.tick()
            self.ticks += 1

    def _guard(self, work: Callable[[], None]) -> None:
        with self._guarded():
            work()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever breaks a thread's work ends the cloud, with its reason kept for whoever waits."""
        failure: CloudError | None = CloudError(FAULT)
        try:
            yield
            failure = None
        except CloudError as error:
            failure = error
        finally:
            if failure is not None:
                self.failure = self.failure or failure
                self.over.set()


def _saved(held: Held) -> bool:
    return held.header is not None and may_stay(held.header)
