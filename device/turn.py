"""One turn of the conversation: what is being captured, what was asked, and what is awaited.

It does what the table in `session` decided; it decides nothing about phases itself.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from device.capture import Capture, Recorder
from device.cover import Due
from device.envelope import Trigger
from device.errors import DiskError
from device.orders import Answer
from device.outbox import Outbox
from device.session import Event
from device.tail import Tail
from device.trust import CloudKeys, Trust
from device.voice import Voice
from device.wakeword import Opinion
from device.witness import Tell
from hardware.board import FRAME_SAMPLES, Frame, Panel

_REMEMBERED = 32
"""Utterances whose lengths cover is drawn from: the lengths alone, in memory alone."""

_ANSWERED = frozenset({"silence", "max_duration", "released"})
"""How an utterance ends that is answered; cover ends as the last of these did."""


class Surroundings(NamedTuple):
    """What a turn writes to: the ledger, the loudspeaker, whoever watches; and the panel, whose light it asks
    whether it can be seen.
    """

    outbox: Outbox
    voice: Voice
    panel: Panel
    tell: Tell


class Turn:
    """From a trigger to the answer. `earcon`: chime before a capture, which then begins when the chime is
    over. Where the light is not seen a capture is heard instead: it chimes at its beginning and at its end.
    """

    def __init__(
        self,
        recorder: Recorder,
        trust: Trust,
        around: Surroundings,
        now: Callable[[], datetime],
        earcon: bool,
    ) -> None:
        self._recorder = recorder
        self._trust = trust
        self._outbox, self._voice, self._panel, self._tell = around
        self._now = now
        self._earcon = earcon
        self._by_sound = False
        self._next: tuple[Trigger, CloudKeys] | None = None
        self._begun: tuple[Trigger, CloudKeys] | None = None
        self._capture: Capture | None = None
        self._tail: Tail | None = None
        self._answer: Answer | None = None
        self.asked: str | None = None
        self.last: Trigger | None = None
        self.lengths: deque[int] = deque(maxlen=_REMEMBERED)
        self._ended = "silence"

    @property
    def chimes(self) -> bool:
        """Whether a capture that begins now begins after a chime."""
        return self._earcon or not self._panel.lit

    @property
    def capturing_since(self) -> int | None:
        """The first sample that is kept, or None when nothing is being captured."""
        return self._capture.first_sample if self._capture is not None else None

    @property
    def leaving(self) -> bool:
        """Whether something of an utterance that is over is still to leave."""
        return self._tail is not None and not self._tail.over

    @property
    def over_at(self) -> int:
        """The sample at which the end of the last utterance leaves, or has left."""
        return self._tail.over_at if self._tail is not None else 0

    @property
    def ready(self) -> bool:
        """Whether there is somebody to seal for, and nothing is being captured or still leaving."""
        return self._capture is None and not self.leaving and self._trust.at(self._now()) is not None

    def prepare(self, trigger: Trigger) -> bool:
        """Say whether there is somebody to seal a capture for, and remember what it is for `begin`."""
        keys = self._trust.at(self._now())
        self._next = (trigger, keys) if keys is not None else None
        return keys is not None

    def refuse(self, why: str, now: int) -> None:
        """Say, aloud and in the ledger, that a trigger at `now` led to nothing."""
        self._outbox.jot("refused", first_sample=now, cause=why)
        self._tell("refused", why=why)
        self._voice.chirp("error")

    def begin(self, now: int) -> None:
        """Begin the capture that may begin, at `now` or after its chime; refuse it if it cannot be written
        down.
        """
        ready, self._next = self._next, None
        if ready is None:
            return
        self._begun = ready
        self._voice.hush()
        self._start(ready, now + self._chime(), now)

    def _chime(self) -> int:
        """Say that a capture begins, if that has to be heard; return how long that takes."""
        self._by_sound = not self._panel.lit
        if self._by_sound:
            return self._voice.sign("wake")
        return self._voice.chirp("wake") if self._earcon else 0

    def _start(self, ready: tuple[Trigger, CloudKeys], first: int, now: int) -> None:
        trigger, keys = ready
        try:
            self._capture = self._recorder.start(trigger, first, keys)
        except DiskError:
            self.refuse("storage", now)
            return
        self.last = trigger
        name = self._capture.name
        self._tell("trigger", trigger=trigger.kind, word=trigger.word, score=trigger.score, id=name)

    def _start_anew(self, capture: Capture, index: int) -> Event | None:
        """Samples were lost while the chime sounded, so no frame begins where the capture would, and the
        light with it: begin at the next that does. Nothing was kept yet, and nothing has left.
        """
        self.drop(Event.OVERRUN)
        frames = -(-max(0, capture.first_sample - index) // FRAME_SAMPLES)
        first = index + frames * FRAME_SAMPLES
        if self._begun is not None:
            self._start(self._begun, first, index)
        if self._capture is None:
            return Event.NO_ROOM
        self._capture.release(index)
        return None

    def hear(self, frame: Frame) -> Event | None:
        """Give a frame to the capture, if there is one; return the event that ends it."""
        return self._capture.hear(frame) if self._capture is not None else None

    def skip(self, index: int, expected: int) -> Event | None:
        """Samples are missing from `expected` to the frame at `index`: mark them in the capture, or begin it
        anew if it had not begun; return the event that ends it.
        """
        capture = self._capture
        if capture is None:
            return None
        return capture.skip(index) if capture.first_sample <= expected else self._start_anew(capture, index)

    def release(self, now: int) -> None:
        """What was captured may leave, after the rest of what came before it."""
        if self._capture is not None:
            self.flush(now)
            self._capture.release(now)

    def end(self, reason: str, now: int) -> None:
        """Seal the rest; it leaves now or, padded, at the pace of speech."""
        capture, self._capture = self._capture, None
        if capture is not None:
            self._tail = capture.end(reason, self._outbox.checkpoint, now)
            self.lengths.append(capture.segments)
            self.asked = capture.name
            self._ended = reason if reason in _ANSWERED else self._ended
            if self._by_sound or not self._panel.lit:
                self._voice.sign("done")
            readers = [reader.name for reader in capture.header.readers]
            self._tell("utterance", **_span(capture), id=capture.name, reason=reason, readers=readers)

    def tend(self, now: int) -> None:
        """Let leave what is due of an utterance that is over."""
        if self._tail is not None:
            self._tail.tend(now)

    def flush(self, now: int) -> None:
        """Let leave all that is left of it."""
        if self._tail is not None:
            self._tail.flush(now)

    def cover(self, due: Due, now: int) -> None:
        """Begin an utterance that holds no sound: it is over before a frame is heard."""
        first = now - FRAME_SAMPLES if due.like.kind == "wake_word" else now  # that is verified a frame later
        keys = self._trust.at(self._now())
        if keys is not None:
            try:
                capture = self._recorder.start(due.trigger, first, keys)
            except DiskError:
                return  # nobody waits for it
            capture.release(now)
            self._tail = capture.end(self._ended, self._outbox.checkpoint, now, due.segments)
            self._tell("cover", id=capture.name, segments=due.segments)

    def drop(self, event: Event, opinion: Opinion | None = None) -> None:
        """Forget what was captured; nothing of it has left. With an `opinion`, it was no wake word."""
        capture, self._capture = self._capture, None
        if capture is None:
            return
        capture.drop()
        self._outbox.gone(capture.name)
        if opinion is not None:
            self.reject(opinion, utterance=capture.name, **_span(capture))
        else:
            cause = event.value.replace(" ", "_")
            self._outbox.jot("dropped", utterance=capture.name, cause=cause, **_span(capture))
            self._tell("refused", why="dropped", **_span(capture))

    def reject(self, opinion: Opinion, **captured: Any) -> None:
        """Write down a wake that the second ear did not hear, with both scores, and what was dropped."""
        scores = scores_of(opinion)
        span = captured or {"first_sample": opinion.wake.sample, "samples": 0}
        self._outbox.jot("rejected_wake", cause="second_ear", **span, **scores)
        self._tell("rejected", word=opinion.wake.word, threshold=opinion.threshold, **span, **scores)

    def answers(self, answer: Answer) -> bool:
        """Keep `answer` to be played, if it is to what was asked last; say whether it is."""
        if answer.utterance != self.asked:
            return False
        self._answer = answer
        return True

    def play(self, now: int) -> None:
        """Play the answer that was kept."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._voice.answer(answer, now)
            self._tell("answer", id=answer.utterance, text=answer.text, intent=answer.intent)


def scores_of(opinion: Opinion) -> dict[str, float]:
    """Return what both ears gave a wake, as it is told and written down."""
    return {"first_score": round(opinion.wake.score, 4), "second_score": round(opinion.score, 4)}


def _span(capture: Capture) -> dict[str, int]:
    return {"first_sample": capture.first_sample, "samples": capture.samples}
