"""One utterance on its way out: frames become sealed messages, the endpointer counts, and nothing leaves
before it may.

While a wake word is still being verified the sealed messages are held here, as ciphertext; a rejection
forgets them and nothing was sent.
"""

import base64
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple, cast

from device.config import Config
from device.delivery import Delivery
from device.endpoint import Endpoint, Limits
from device.envelope import (
    Consent,
    EnvelopeError,
    Header,
    NamedReader,
    ReaderPublic,
    Sealer,
    Trigger,
    topics,
    wrap,
)
from device.errors import ConfigError
from device.keys import Identity
from device.outbox import Outbox, Sealed
from device.session import Event
from device.tail import Pace, Tail
from device.trust import CloudKeys, utc_text
from device.utterance import Utterance, segments_in
from device.vad import Vad
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame

Suite = Literal["mlkem768-x25519", "x25519"]


class Capture:
    """An utterance being captured, from its first sample to its end record."""

    def __init__(
        self, header: Header, utterance: Utterance, endpoint: Endpoint, vad: Vad, delivery: Delivery
    ) -> None:
        self.header = header
        self._utterance = utterance
        self._endpoint = endpoint
        self._vad = vad
        self._delivery = delivery
        self._held: list[Sealed] | None = [self._sealed("begin", utterance.begin())]
        self._released = False

    @property
    def name(self) -> str:
        """The utterance's id."""
        return self.header.utterance

    @property
    def first_sample(self) -> int:
        """The index of the first sample that may be kept."""
        return self._utterance.first_sample

    @property
    def samples(self) -> int:
        """How many samples were kept so far."""
        return self._utterance.samples

    def hear(self, frame: Frame) -> Event | None:
        """Keep a frame; return the event that ends the utterance, if this frame does."""
        end = frame.index + FRAME_SAMPLES
        if end <= self.first_sample:
            return None
        self._leave(end)
        missed = self.skip(frame.index)
        if missed is not None or not self._keep(partial(self._utterance.hear, frame), end):
            return missed or Event.MIC_LOST
        ended = self._endpoint.hear(self._vad.is_speech(frame.pcm), FRAME_SAMPLES)
        return Event.NO_ROOM if self._delivery.stuck else ended

    def skip(self, index: int) -> Event | None:
        """Mark what is missing before the frame at `index`, if anything is. It counts as time; return the
        event that ends the utterance, if that is too much.
        """
        lost = index - self._utterance.next_sample
        if lost <= 0:
            return None
        if not self._endpoint.fits(lost + FRAME_SAMPLES):
            return Event.MAX_DURATION
        if not self._keep(partial(self._utterance.skip, lost), index):
            return Event.MIC_LOST
        self._endpoint.hear(False, lost)
        return None

    def release(self, now: int) -> None:
        """Let what was held leave, and everything after it as it is made: from its first sample on. Until
        then nothing has left, and it can still be begun anew.
        """
        self._released = True
        if now >= self.first_sample:
            self._leave(now)

    def end(self, reason: str, checkpoint: Callable[[], str], now: int, least: int = 1) -> Tail:
        """Seal the rest, and let leave what may leave now; what is padded, or has to have `least` segments,
        leaves at the pace of speech. The end record says `reason` and the `checkpoint` of when it leaves.
        """
        self._leave(now)
        part = self._utterance.segments
        sealed = [
            self._sealed("segment", each, part + i) for i, each in enumerate(self._utterance.close(least))
        ]
        every = self._utterance.segment_samples
        padded = max(self._utterance.multiple, least) > 1
        pace = Pace(self.first_sample + (part + 1) * every, every) if padded else Pace(now, 0)

        def end() -> Sealed:
            return self._sealed("end", self._utterance.end(reason, checkpoint()))

        tail = Tail(sealed, end, pace, self._send)
        tail.tend(now)
        return tail

    @property
    def segments(self) -> int:
        """How many segments were sealed so far; once it is over, of how many it consists."""
        return self._utterance.segments

    def drop(self) -> None:
        """Forget everything: nothing has left."""
        self._held = []
        self._utterance.wipe()

    def _keep(self, take: Callable[[], list[bytes]], now: int) -> bool:
        """Send the segments that `take` completes; say whether the utterance can go on."""
        part = self._utterance.segments
        try:
            segments = take()
        except ValueError:
            return False
        if segments:
            self._send([self._sealed("segment", sealed, part + i) for i, sealed in enumerate(segments)], now)
        return True

    def _leave(self, now: int) -> None:
        if self._released and self._held is not None:
            held, self._held = self._held, None
            self._send(held, now)

    def _send(self, messages: list[Sealed], now: int) -> None:
        if self._held is None:
            self._delivery.send(messages, now)
        else:
            self._held += messages

    def _sealed(self, kind: str, payload: bytes, part: int | None = None) -> Sealed:
        topic = topics.utterance(self.header.device, self.name, kind)
        if part is None:
            return Sealed(self.name, kind, topic, payload)
        samples, over = self._utterance.segment_samples, self.first_sample + self.samples
        first = min(self.first_sample + part * samples, over)
        kept = min(samples, over - first)
        return Sealed(self.name, kind, topic, payload, part, first, kept)


class Outside(NamedTuple):
    """What comes from outside: the wall clock that headers are dated by, where random bytes come from, and
    who remembers an utterance's data key while it waits, whom it is sealed for, and until when that is right.
    """

    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]
    keep: Callable[[str, bytes, dict[str, ReaderPublic], datetime], None] = lambda *_: None


class Recorder:
    """Begins captures."""

    def __init__(
        self,
        config: Config,
        identity: Identity,
        boot: str,
        outbox: Outbox,
        delivery: Delivery,
        outside: Outside,
    ) -> None:
        self._config = config
        self._identity = identity
        self._boot = boot
        self._outbox = outbox
        self._delivery = delivery
        self._now, self._random, self._keep = outside
        self._aggressiveness = config.endpoint.vad
        self._owner = _reader(config.privacy.owner_reader)
        self._consent = Consent(save=config.privacy.save, review=config.privacy.review)
        self._limits = Limits(
            speech_start=_samples(config.endpoint.speech_start_s),
            silence=_samples(config.endpoint.silence_s),
            no_speech=_samples(config.endpoint.no_speech_s),
            maximum=_samples(config.endpoint.maximum_s),
        )

    def start(self, trigger: Trigger, first_sample: int, keys: CloudKeys) -> Capture:
        """Begin an utterance at `first_sample`, sealed for the cloud's `keys` and the owner's reader.

        The trigger gets its row in the ledger here, whether or not anything leaves later.

        Raises:
            DiskError: that cannot be written down, or what came before it still can't be kept.
        """
        self._delivery.settle(first_sample)
        name = self._random(16).hex()
        row = self._outbox.note("trigger", utterance=name, first_sample=first_sample, cause=trigger.kind)
        readers = {"cloud": keys.reader} | ({"owner": self._owner} if self._owner else {})
        header = self._header(name, trigger, first_sample, row, readers)
        encoded = header.to_bytes()
        data_key = self._random(32)
        self._keep(name, data_key, readers, keys.not_after)
        wraps = wrap(data_key, list(readers.values()), encoded)
        sealer = Sealer(encoded, data_key, wraps, self._identity.signing)
        multiple = segments_in(self._config.privacy.pad_s, header.segment_samples)
        utterance = Utterance(sealer, first_sample, header.segment_samples, multiple)
        endpoint = Endpoint(self._limits, by_hand=trigger.kind == "button_hold")
        return Capture(header, utterance, endpoint, Vad(self._aggressiveness), self._delivery)

    def _header(
        self, name: str, trigger: Trigger, first_sample: int, row: int, readers: dict[str, ReaderPublic]
    ) -> Header:
        return Header(
            device=self._identity.device,
            boot=self._boot,
            utterance=name,
            trigger=trigger,
            first_sample=first_sample,
            utc=utc_text(self._now()),
            segment_samples=self._config.audio.segment_ms * RATE_HZ // 1000,
            consent=self._consent if trigger.kind != "cover" else Consent(save=False, review=False),
            ledger_index=row,
            readers=name_readers(readers),
            signer=base64.b64encode(self._identity.public).decode(),
            reply=self._identity.reply.public.encode(),
        )


def name_readers(readers: dict[str, ReaderPublic]) -> tuple[NamedReader, ...]:
    """Name readers as a header does, in order; the keys of `readers` are for people."""
    return tuple(NamedReader(r.id, cast("Suite", r.suite), who) for who, r in readers.items())


def _reader(encoded: str) -> ReaderPublic | None:
    try:
        return ReaderPublic.decode(encoded) if encoded else None
    except EnvelopeError as error:
        raise ConfigError("privacy.owner_reader: not a reader key; paste the public one, whole") from error


def _samples(seconds: float) -> int:
    return round(seconds * RATE_HZ)
