"""The main loop: hear a frame, take a step, do its actions. Everything else in `device` is what this
composes.

It will never look at a clock (time is the index of the sample that comes next), never touch a socket, and
never keep a frame that the table in `session` did not ask to be kept.
"""

from contextlib import ExitStack, suppress

from device import session
from device.asks import Ack
from device.envelope import Trigger
from device.errors import DiskError
from device.orders import Answer, Command, Granted, Order
from device.parts import Parts
from device.session import END_REASONS, TRIGGERS, Action, Event, Phase
from device.stretch import Stretch
from device.turn import scores_of
from device.wakeword import Opinion, Wake
from device.witness import Tell
from hardware.board import FRAME_SAMPLES, RATE_HZ, Frame
from hardware.errors import EndOfInput

_SCORE_EVERY = 5
"""Frames between two scores told to a witness."""

_PULSE_SAMPLES = RATE_HZ // 10
"""How often the light is looked after while nothing else goes on, if it may pulse."""


class Speaker:
    """The firmware. `run` is the loop; `hear` is what one frame does; `happen` takes a step of the table."""

    def __init__(self, parts: Parts, tell: Tell, *, scores: bool) -> None:
        self.parts = parts
        self.phase = Phase.IDLE
        self.sample = 0
        self.stopping = False
        self._tell = tell
        self._watched = scores
        self._frames = 0
        self._turn = parts.turn
        self._turn_hear = parts.turn.hear
        self._ears_hear = parts.ears.hear
        self._edges = parts.hands.edges
        self._inbox = parts.line.inbox
        self._next = parts.ear.next
        self._due = 0
        self._deadline = 0
        self._stretch = Stretch(parts, tell, self.happen, self._forget)
        self._trouble: str | None = None
        self._waiting: Wake | None = None  # proposed where nothing may be given up for a proposal
        self._opinion: Opinion | None = None
        self._actions = {
            Action.START: lambda: parts.turn.begin(self.sample),
            Action.RELEASE: lambda: parts.turn.release(self.sample),
            Action.PLAY: lambda: parts.turn.play(self.sample),
            Action.HUSH: parts.voice.hush,
            Action.CLOSE: self._close,
            Action.OPEN: self._open,
        }

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Hear until told to stop (`stopping`) or until a simulated world ends."""
        try:
            self.start()
            while not self.stopping:
                self.pass_frame()
        except EndOfInput:
            pass
        finally:
            self.finish()

    def start(self) -> None:
        """Restore mute before anything is opened, then listen, then call the broker."""
        muted = self.parts.hands.switch or self.parts.memory.on
        self.parts.outbox.jot("boot", first_sample=self.sample, cause="muted" if muted else "live")
        self._say_protections()
        if not muted:
            self.parts.board.panel.show("booting", self.sample)  # before anything is opened
            self.parts.ear.open(self.sample)
        self._move(Phase.MUTED if muted else Phase.IDLE)
        self._tell("phase", phase=self.phase.value)
        self.parts.line.start()

    def pass_frame(self) -> None:
        """Let 20 ms go by: heard, or, while the microphone is closed or lost, only counted."""
        frame = self._next(self.sample)
        if frame is not None:
            self.hear(frame)
        else:
            self._rest()

    def hear(self, frame: Frame) -> None:
        """What one frame does. In *idle* it goes to both ears and is dropped."""
        if frame[0] != self.sample or self._stretch.broken:
            self._resume(frame[0])
        now = self.sample = frame[0] + FRAME_SAMPLES
        ended = self._turn_hear(frame)
        if ended is not None:
            self.happen(ended)
            if ended is Event.NO_ROOM:
                self.parts.voice.chirp("error")
        if self._edges or self._inbox or now >= self._due:
            self.parts.service.passed(now, "hearing")
            self._tend(now, frame)
            if self._stretch.broken:
                return  # the ears have forgotten, and this frame is not told to them
        heard = self._ears_hear(frame[1], now)
        if heard is not None:
            self._notice(heard)
        if self._watched:
            self._tell_scores()

    def finish(self) -> None:
        """End what is being captured, say goodbye, close everything."""
        with ExitStack() as closing:  # a full disk must not keep the microphone open
            closing.callback(self.parts.board.close)
            closing.callback(self.parts.outbox.close)
            closing.callback(self.parts.line.stop)
            closing.callback(self.parts.ear.close)
            closing.callback(self.parts.service.stop)
            self.happen(Event.SHUT_DOWN)
            self._turn.flush(self.sample)

    def _resume(self, index: int) -> None:
        """The frame at `index` is heard, and does not follow the last."""
        self._stretch.resume(index, self.sample)
        self.sample = self._due = index
        self._show()

    def _rest(self) -> None:
        """Let a frame period pass that is not heard."""
        ear, service = self.parts.ear, self.parts.service
        self._stretch.lose()
        self.sample = ear.rest()
        self._stretch.broken = True
        if self.phase is Phase.MUTED:
            held = ear.fault == "held"
            service.passed(self.sample, f"muted: the microphone is {'held open' if held else 'closed'}")
        else:
            service.say(f"no microphone: {ear.fault}" if ear.fault else "the microphone is being opened")
        self._tend(self.sample)

    def _say_protections(self) -> None:
        found = self.parts.protections
        if found is not None:
            self.parts.outbox.jot("protections", first_sample=self.sample, cause=str(found))
            self._tell("protections", in_force=found.in_force, missing=found.missing)

    def _tend(self, now: int, frame: Frame | None = None) -> None:
        """Everything that does not concern every frame: hands, messages, the microphone, timers, lights."""
        parts = self.parts
        for event in parts.hands.feel(now):
            self._by_hand(event)
        for order in parts.line.take(now):
            self._obey(order)
        self._tell_trouble()
        self._stretch.tend(now, frame)
        self._turn.tend(now)
        if now >= parts.cover.next:
            self._cover(now)
        parts.delivery.tend(now)
        if self._turn.capturing_since is None:
            parts.voice.ring(now)  # a timer waits until nobody is listened to
        if self.phase is Phase.PROCESSING and now >= self._deadline:
            self.happen(Event.NO_RESPONSE)
        elif self.phase is Phase.RESPONDING and not parts.voice.playing:
            self.happen(Event.RESPONSE_OVER)
        self._show()
        parts.tend_home(self.phase, now)
        with suppress(DiskError):  # it asks again
            parts.renewal.tend(parts.line, now)
        parts.lighting.tend(now)
        parts.board.panel.tick(now)
        busy = self.phase is not Phase.IDLE or parts.hands.pending or parts.delivery.moving
        soon = parts.ear.due or now + RATE_HZ
        if parts.board.panel.animated:
            soon = min(soon, now + _PULSE_SAMPLES)
        soon = min(soon, parts.voice.next_timer or soon, parts.cover.next)
        self._due = now if busy or self._turn.leaving else soon

    def _cover(self, now: int) -> None:
        """Let cover leave if it is time, and nothing else goes on."""
        cover = self.parts.cover
        cover.like, cover.lengths = self._turn.last or cover.like, self._turn.lengths
        free = self.phase is Phase.IDLE and self.parts.line.up and self._turn.ready
        due = cover.take(now, free=free, muted=self.phase is Phase.MUTED)
        if due is not None:
            self._turn.cover(due, now)

    # -- events ------------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        """Take the step that the table gives for `event`, and do its actions."""
        step = session.step(self.phase, event)
        if Action.OPEN in step.actions:
            self._enter(step.phase)  # the light does not say muted while the microphone is opened
        for action in step.actions:
            self._do(action, event)
        if Action.START in step.actions and self._turn.capturing_since is None:
            step = session.step(step.phase, Event.NO_ROOM)  # refused: it could not be written down
        self._enter(step.phase)
        if Action.END in step.actions and step.phase is Phase.PROCESSING:
            self._await_answer()

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self._move(phase)
            self._tell("phase", phase=phase.value)

    def _do(self, action: Action, event: Event) -> None:
        match action:
            case Action.END:
                self._turn.end(END_REASONS[event], self.sample)
            case Action.DROP:
                self._turn.drop(event, self._opinion if event is Event.REJECTED else None)
            case _:
                self._actions[action]()

    def _trigger(self, event: Event, trigger: Trigger) -> None:
        """Begin a capture if the table has a way from here, there is an ear, and somebody to seal it for."""
        starts = Action.START in session.step(self.phase, event).actions
        if starts and not self.parts.ear.hears:
            self._turn.refuse("no_microphone", self.sample)
        elif starts and not self._turn.prepare(trigger):
            self._turn.refuse("no_key", self.sample)
        else:
            self.happen(event)

    def _notice(self, heard: Wake | Opinion) -> None:
        if isinstance(heard, Opinion):
            self._judge(heard)
        elif heard.word == self.parts.stop_word:
            self.happen(Event.STOP_WORD)
        elif self.phase is not Phase.LISTENING:
            self._tell_scores(every=1)
            if heard.stands:
                self._woken(heard)
            else:
                self._propose(heard)

    def _propose(self, wake: Wake) -> None:
        """Begin to capture at a proposal, if it costs nobody anything; else wait for the second ear."""
        free = self.phase is Phase.IDLE and not (self._turn.chimes or self.parts.voice.playing)
        if free and self._turn.prepare(_trigger_of(wake)):
            self.happen(Event.WAKE_WORD)
        else:
            self._waiting = wake

    def _judge(self, opinion: Opinion) -> None:
        """The second ear has had its say."""
        waiting = self._waiting if self._waiting is opinion.wake else None
        self._waiting, self._opinion = None, opinion
        if opinion.accepted and (waiting is not None or self.phase is Phase.VERIFYING):
            self._tell("verified", word=opinion.wake.word, threshold=opinion.threshold, **scores_of(opinion))
        if self.phase is Phase.VERIFYING:
            self.happen(Event.VERIFIED if opinion.accepted else Event.REJECTED)
        elif waiting is not None and opinion.accepted:
            self._woken(waiting)
        elif waiting is not None:
            self._turn.reject(opinion)

    def _woken(self, wake: Wake) -> None:
        """A wake word stands: begin a capture wherever the table lets one begin."""
        trigger = _trigger_of(wake)
        if self.phase is Phase.IDLE:
            self._trigger(Event.WAKE_WORD, trigger)
            self.happen(Event.VERIFIED)
        elif self.phase is not Phase.LISTENING:
            self._trigger(Event.BARGE_IN, trigger)

    def _forget(self) -> None:
        """Nothing that was heard is remembered, nor what was proposed."""
        self.parts.ears.forget()
        self._waiting = self._opinion = None

    def _by_hand(self, event: Event) -> None:
        if self.phase is Phase.MUTED and event in TRIGGERS:
            self._refuse_muted(event)
        elif event is Event.BUTTON_TAP:
            self._trigger(event, Trigger("button_tap"))
        elif event is Event.BUTTON_HOLD:
            self._trigger(event, Trigger("button_hold"))
        else:
            if event is Event.MUTE_OFF or self._forgets(event):
                self._remember(muted=event is Event.MUTE_ON)
            self.happen(event)

    def _forgets(self, event: Event) -> bool:
        """Whether `event` mutes by something that would not be muted any more after a power cut."""
        return event is Event.MUTE_ON and not self.parts.board.panel.mute_lasts

    def _refuse_muted(self, event: Event) -> None:
        self.parts.outbox.jot("muted", first_sample=self.sample, cause=event.value.replace(" ", "_"))
        self._tell("refused", why="muted")
        self.parts.voice.chirp("denied")

    def _remember(self, *, muted: bool) -> None:
        try:
            self.parts.memory.set(muted)
        except DiskError as error:  # it holds all the same
            self._tell("storage", why=str(error))

    def _tell_trouble(self) -> None:
        """Say when the disk begins to refuse, and when it takes again what has to be written down."""
        trouble = self.parts.outbox.trouble
        if (trouble is None) is not (self._trouble is None):
            self._tell("storage", why=trouble or "")
        self._trouble = trouble

    def _obey(self, order: Order) -> None:
        match order:
            case Ack():
                self.parts.delivery.acknowledged(order, self.sample)
                self._tell("ack", id=order.utterance, state=order.state)
            case Answer() if self.phase is Phase.PROCESSING and self._turn.answers(order):
                self.happen(Event.RESPONSE)
            case Command(do="mute"):
                self._remember(muted=True)
                self.happen(Event.REMOTE_MUTE)
            case Command(do="stop"):
                self.happen(Event.REMOTE_STOP)
            case Command(do="volume", to=float(to)):
                self.parts.voice.quieter(to)
            case Granted():
                with suppress(DiskError):  # and asks again
                    self._tell("certificate", outcome=self.parts.renewal.take(order))
            case Command(do="checkpoint", since=since):
                self.parts.line.publish_checkpoint(self.sample, since)

    def _await_answer(self) -> None:
        self._deadline = self._turn.over_at + self.parts.answer_samples
        if not self.parts.line.up:
            self.parts.voice.chirp("error")
            self.happen(Event.NO_RESPONSE)

    def _close(self) -> None:
        self.parts.ear.close()
        self._stretch.broken = True
        self._forget()
        self._turn.flush(self.sample)
        self.parts.voice.chirp("mute")
        self._tell("mute", on=True)

    def _open(self) -> None:
        self.parts.ear.open(self.sample)
        self.parts.voice.chirp("unmute")
        self._tell("mute", on=False)

    # -- what shows --------------------------------------------------------------------------------

    def _move(self, phase: Phase) -> None:
        self.phase = phase
        self._due = self.sample
        self._show()

    def _show(self) -> None:
        self.parts.board.panel.show(self.parts.cue(self.phase, self.sample), self.sample)

    def _tell_scores(self, every: int = _SCORE_EVERY) -> None:
        self._frames += 1
        if self._watched and self._frames % every == 0:
            ears = self.parts.ears
            for word, score in ears.score.items():
                self._tell("score", word=word, score=score, threshold=ears.threshold[word])


def _trigger_of(wake: Wake) -> Trigger:
    return Trigger("wake_word", wake.word, round(wake.score, 4), wake.model_sha256)
