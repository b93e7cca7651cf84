"""The main loop: hear a frame, take a step, do its actions. Everything else in `device` is what this file
composes.

It will never look at a clock (time is the index of the sample that comes next), never touch a socket, and
never keep a frame that the table in `session` did not ask to be kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from device import session
from device.capture import Capture, Recorder
from device.delivery import Ack, Delivery
from device.envelope import Trigger
from device.hands import Hands
from device.line import Line
from device.mute import MuteMemory
from device.orders import Answer, Command, Order
from device.outbox import Outbox
from device.session import CAPTURING, END_REASONS, Action, Event, Phase
from device.trust import Trust
from device.voice import Voice
from device.wakeword import Detector, Wake
from device.witness import Witness
from hardware.board import FRAME_SAMPLES, RATE_HZ, Board, Frame
from hardware.errors import EndOfInput, MicrophoneLost

_SECOND = RATE_HZ
_REOPEN_SAMPLES = RATE_HZ
_SCORE_EVERY = 5


def _nobody(_kind: str, _sample: int, /, **_fields: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Parts:
    """What a speaker is made of; `assemble` puts it together from the settings."""

    device: str
    board: Board
    detector: Detector
    stop_word: str | None
    hands: Hands
    voice: Voice
    memory: MuteMemory
    trust: Trust
    outbox: Outbox
    delivery: Delivery
    line: Line
    recorder: Recorder
    now: Callable[[], datetime]
    answer_samples: int
    wake_earcon: bool


class Speaker:
    """The firmware. `run` is the loop; `hear` is what one frame does."""

    def __init__(self, parts: Parts, tell: Witness | None = None) -> None:
        self._parts = parts
        self._tell = tell or _nobody
        self._watch_scores = tell is not None
        self._hands = parts.hands
        self._edges = parts.hands.edges
        self._inbox = parts.line.inbox
        self._detect = parts.detector.hear
        self._panel = parts.board.panel
        self._simple = {
            Action.RELEASE: self._release,
            Action.PLAY: self._play,
            Action.HUSH: parts.voice.hush,
            Action.CLOSE: self._close,
            Action.OPEN: self._open,
        }
        self._capture: Capture | None = None
        self.asked: str | None = None
        self._deadline = 0
        self._answer: Answer | None = None
        self._lost_since: int | None = None
        self._frames = 0
        self.sample = 0
        self.due = 0
        self.phase = Phase.IDLE
        self.stopping = False

    @property
    def device(self) -> str:
        """The name of this device."""
        return self._parts.device

    @property
    def line(self) -> Line:
        """Its conversation with the cloud."""
        return self._parts.line

    @property
    def delivery(self) -> Delivery:
        """What is under way, and what waits."""
        return self._parts.delivery

    @property
    def outbox(self) -> Outbox:
        """What is kept and what is written down."""
        return self._parts.outbox

    # -- the loop ------------------------------------------------------------------------------

    def run(self) -> None:
        """Hear until told to stop (`stopping`) or until a simulated world ends."""
        self.start()
        try:
            while not self.stopping:
                self.pass_frame()
        except EndOfInput:
            pass
        finally:
            self.finish()

    def start(self) -> None:
        """Restore mute before anything is opened, then listen, then call the broker."""
        muted = self._hands.switch or self._parts.memory.on
        self._parts.outbox.note("boot", first_sample=self.sample, cause="muted" if muted else "live")
        if muted:
            self._move(Phase.MUTED)
        else:
            self._parts.board.microphone.open()
            self._move(Phase.IDLE)
        self._parts.line.start()

    def pass_frame(self) -> None:
        """Let 20 ms go by: heard, or, while the microphone is closed, only counted."""
        if self.phase is Phase.MUTED or self._lost_since is not None:
            self._rest()
            return
        try:
            frame = self._parts.board.microphone.read()
        except MicrophoneLost:
            self._lose_microphone()
        else:
            self.hear(frame)

    def hear(self, frame: Frame) -> None:
        """What one frame does. In *idle* it goes to the wake word detector and is dropped."""
        index, pcm = frame
        now = self.sample = index + FRAME_SAMPLES
        if self._capture is not None:
            event = self._capture.hear(frame)
            if event is not None:
                self.happen(event)
        if self._edges or self._inbox or now >= self.due:
            self._tend(now)
        wake = self._detect(pcm, now)
        if wake is not None:
            self._wake(wake)
        if self._watch_scores:
            self._tell_scores(now)

    def _tend(self, now: int) -> None:
        """Everything that does not concern every frame: hands, messages, timers, lights."""
        parts = self._parts
        for event in self._hands.feel(now):
            self._by_hand(event)
        for order in parts.line.take(now):
            self._obey(order, now)
        parts.delivery.tend(now)
        parts.voice.ring(now)
        if self.phase is Phase.PROCESSING and now >= self._deadline:
            self.happen(Event.NO_RESPONSE)
        elif self.phase is Phase.RESPONDING and not parts.voice.playing:
            self.happen(Event.RESPONSE_OVER)
        self._show(now)
        self._panel.tick(now)
        busy = (
            self.phase is not Phase.IDLE
            or self._hands.pending
            or parts.delivery.moving
            or self._panel.animated
        )
        self.due = now if busy else min(now + _SECOND, parts.voice.next_timer or now + _SECOND)

    # -- events ----------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """Take the step that the table gives for `event`, and do its actions."""
        step = session.step(self.phase, event)
        for action in step.actions:
            self._do(action, event)
        self._move(step.phase)
        if event in END_REASONS and step.phase is Phase.PROCESSING:
            self._await_answer()

    def _do(self, action: Action, event: Event) -> None:
        match action:
            case Action.START:
                pass  # `_trigger` has begun the capture: it knows by what, and whether it may
            case Action.END:
                self._end(END_REASONS[event])
            case Action.DROP:
                self._drop(event)
            case _:
                self._simple[action]()

    def _trigger(self, event: Event, trigger: Trigger) -> None:
        """Begin a capture, unless the table has no way from here or there is nobody to seal it for."""
        now = self.sample
        if Action.START not in session.step(self.phase, event).actions:
            self.happen(event)
            return
        keys = self._parts.trust.at(self._parts.now())
        if keys is None:
            self._parts.outbox.note("refused", first_sample=now, cause="no_key")
            self._tell("refused", now, why="no_key")
            self._parts.voice.chirp("error")
            return
        self._parts.voice.hush()
        first = now + (self._parts.voice.chirp("wake") if self._parts.wake_earcon else 0)
        self._capture = self._parts.recorder.start(trigger, first, keys)
        self._tell(
            "trigger",
            now,
            trigger=trigger.kind,
            word=trigger.word,
            score=trigger.score,
            id=self._capture.name,
        )
        self.happen(event)

    def _wake(self, wake: Wake) -> None:
        if wake.word == self._parts.stop_word:
            self.happen(Event.STOP_WORD)
            return
        if self.phase in CAPTURING:
            return
        self._trigger(
            Event.WAKE_WORD, Trigger("wake_word", wake.word, round(wake.score, 4), wake.model_sha256)
        )
        if self.phase is Phase.VERIFYING:
            self.happen(Event.VERIFIED)  # one ear so far: what it heard stands

    def _by_hand(self, event: Event) -> None:
        if event is Event.BUTTON_TAP:
            self._trigger(event, Trigger("button_tap"))
        elif event is Event.BUTTON_HOLD:
            self._trigger(event, Trigger("button_hold"))
        elif event is Event.MUTE_OFF:
            self._parts.memory.set(False)
            self.happen(event)
        else:
            self.happen(event)
        if self.phase is Phase.MUTED and event in session.TRIGGERS:
            self._parts.outbox.note("muted", first_sample=self.sample, cause=event.value.replace(" ", "_"))
            self._tell("refused", self.sample, why="muted")
            self._parts.voice.chirp("denied")

    def _obey(self, order: Order, now: int) -> None:
        match order:
            case Ack():
                self._parts.delivery.acknowledged(order)
                self._tell("ack", now, id=order.utterance, state=order.state)
            case Answer() if order.utterance == self.asked and self.phase is Phase.PROCESSING:
                self._answer = order
                self.happen(Event.RESPONSE)
            case Command(do="mute"):
                self._parts.memory.set(True)
                self.happen(Event.REMOTE_MUTE)
            case Command(do="stop"):
                self.happen(Event.REMOTE_STOP)
            case Command(do="volume", to=float(to)):
                self._parts.voice.quieter(to)
            case Command(do="checkpoint"):
                self._parts.line.publish_checkpoint()

    # -- actions -----------------------------------------------------------------------------------

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release(self.sample)

    def _end(self, reason: str) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.end(reason, self._parts.outbox.checkpoint(), self.sample)
            self.asked = capture.name
            self._tell_utterance(capture, reason)

    def _drop(self, event: Event) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.drop()
            kind = "rejected_wake" if event is Event.REJECTED else "dropped"
            cause = event.value.replace(" ", "_")
            self._parts.outbox.note(
                kind, utterance=capture.name, first_sample=capture.first_sample, cause=cause
            )
            self._tell("refused", self.sample, why=kind, first_sample=capture.first_sample, samples=capture.samples)

    def _await_answer(self) -> None:
        self._deadline = self.sample + self._parts.answer_samples
        if not self._parts.line.up:
            self._parts.voice.chirp("error")
            self.happen(Event.NO_RESPONSE)

    def _play(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            self._parts.voice.answer(answer, self.sample)
            self._tell("answer", self.sample, id=answer.utterance, text=answer.text, intent=answer.intent)

    def _close(self) -> None:
        self._parts.board.microphone.close()
        self._parts.detector.forget()
        self._parts.voice.chirp("mute")
        self._tell("mute", self.sample, on=True)

    def _open(self) -> None:
        self._parts.board.microphone.open()
        self._parts.voice.chirp("unmute")
        self._tell("mute", self.sample, on=False)

    def _rest(self) -> None:
        """A frame period with the microphone closed."""
        now = self.sample = self._parts.board.rest()
        self._tend(now)
        if self._lost_since is not None and self.phase is not Phase.MUTED:
            self._find_microphone(now)

    def _lose_microphone(self) -> None:
        self._lost_since = self.sample
        self._parts.board.microphone.close()
        self.happen(Event.MIC_LOST)
        self._show(self.sample)

    def _find_microphone(self, now: int) -> None:
        if self._lost_since is None or now - self._lost_since < _REOPEN_SAMPLES:
            return
        try:
            self._parts.board.microphone.open()
        except MicrophoneLost:
            self._lost_since = now
        else:
            self._lost_since = None
            self._parts.detector.forget()

    def finish(self) -> None:
        """End what is being captured, say goodbye, close everything."""
        if self._capture is not None:
            self.happen(Event.MIC_LOST)
        self._parts.line.stop()
        self._parts.outbox.close()
        self._parts.board.close()

    # -- what shows --------------------------------------------------------------------------------

    def _move(self, phase: Phase) -> None:
        if phase is not self.phase or self.sample == 0:
            self.phase = phase
            self._tell("phase", self.sample, phase=phase.value)
        self.due = self.sample
        self._show(self.sample)

    def _show(self, now: int) -> None:
        self._panel.show(self._cue(now), now)

    def _cue(self, now: int) -> str:
        """Mute outranks everything; then what captures, then what is wrong, then the conversation."""
        if self.phase is Phase.MUTED:
            return "muted" if self._hands.switch else "muted_soft"
        if self._capture is not None:
            return self.phase.value if now >= self._capture.first_sample else "idle"
        if self._lost_since is not None:
            return "error"
        if self.phase is Phase.IDLE and not self._parts.line.up:
            return "offline"
        return str(self.phase.value)

    def _tell_scores(self, now: int) -> None:
        self._frames += 1
        if self._frames % _SCORE_EVERY == 0:
            for word, score in self._parts.detector.score.items():
                self._tell("score", now, word=word, score=score)

    def _tell_utterance(self, capture: Capture, reason: str) -> None:
        self._tell(
            "utterance", self.sample, id=capture.name, first_sample=capture.first_sample,
            samples=capture.samples, reason=reason,
        )  # fmt: skip
