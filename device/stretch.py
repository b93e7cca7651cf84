"""What is heard without a break, and what breaks it: samples that were lost, a stream that closed or fails.

A break ends or marks what is being captured and makes the ears forget, for they must not hear two moments as
one. It keeps no frame, and decides no phase.
"""

from collections.abc import Callable

from device.parts import Parts
from device.session import Event
from device.witness import Tell
from hardware.board import Frame


class Stretch:
    """Watches one speaker's ear. `broken`: the next frame follows no other, for the microphone was closed.

    `happen` and `forget` are the speaker's: take the step of an event; remember nothing that was heard.
    """

    def __init__(
        self, parts: Parts, tell: Tell, happen: Callable[[Event], None], forget: Callable[[], None]
    ) -> None:
        self.broken = True
        self._parts = parts
        self._tell = tell
        self._happen = happen
        self._forget = forget
        self._was_lost = False
        self._said = "well"

    def resume(self, index: int, expected: int) -> None:
        """The frame at `index` is heard, and does not follow the last: `expected` came after that."""
        if self.broken:
            self.broken = False  # it was forgotten when the microphone closed
            return
        self._parts.ear.missed(index)
        overruns = self._parts.board.microphone.overruns
        self._tell("overrun", samples=index - expected, overruns=overruns)
        self._forget()
        self._happen(Event.OVERRUN)
        ended = self._parts.turn.skip(index, expected)
        if ended is not None:
            self._happen(ended)

    def lose(self) -> None:
        """End what is being captured, if the microphone has just been lost."""
        lost = self._parts.ear.lost
        if lost and not self._was_lost:
            self.broken = True
            self._happen(Event.MIC_LOST)
            self._forget()
        self._was_lost = lost

    def tend(self, now: int, frame: Frame | None) -> None:
        """Look at what was heard, if anything was; try a faulty microphone again, unless somebody is listened
        to; say what is wrong, and when it is well.
        """
        ear = self._parts.ear
        if frame is not None:
            ear.look(frame, now)
        self.lose()
        if self._parts.turn.capturing_since is None and ear.tend(now):
            self.broken = True
            self._forget()
        said = ear.fault or "well"
        if said != self._said:
            self._said = said
            self._parts.outbox.jot("microphone", first_sample=now, cause=said)
            self._tell("microphone", fault=said, why=ear.why, tries=ear.tries)
