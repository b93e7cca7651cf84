"""Holds sample time while real messages are under way, so that a run at full speed comes out as one in real
time would.

The world asks before every frame; the answer waits until the line is quiet or has news for the loop to
take. It waits on events, never by the clock, but for one patience after which a broken line can't hold the
world for ever.
"""

from collections.abc import Callable

from device.session import Phase
from device.speaker import Speaker

PATIENCE_S = 20.0


class Gate:
    """A gate for `speaker`; `broker_up` is what the scenario last did to the broker."""

    def __init__(self, speaker: Speaker, patience_s: float = PATIENCE_S) -> None:
        self._speaker = speaker
        self._patience_s = patience_s
        self._given_up: tuple[object, ...] | None = None
        self.broker_up = True

    def __call__(self, _sample: int) -> None:
        """Return when the loop may hear its next frame."""
        line = self._speaker.parts.line
        while not line.inbox:
            state = self._waits_for()
            if state is None or state == self._given_up:
                return
            line.arrived.clear()
            if line.inbox:
                return
            if not line.arrived.wait(self._patience_s):
                self._given_up = state
        self._given_up = None

    def until_it_hears(self, say: Callable[[], None]) -> None:
        """Say something to the speaker over the line, and return once it has arrived there."""
        line = self._speaker.parts.line
        line.arrived.clear()
        say()
        if line.up:
            line.arrived.wait(self._patience_s)

    def _waits_for(self) -> tuple[object, ...] | None:
        """What the world stands still for, or None when nothing is under way."""
        speaker = self._speaker
        line = speaker.parts.line
        if line.up != self.broker_up:
            return ("link", self.broker_up)
        if not line.up:
            return None
        delivery = speaker.parts.delivery
        if delivery.moving or delivery.unacknowledged:
            return ("delivery", delivery.unacknowledged)
        if speaker.phase is Phase.PROCESSING and not speaker.parts.turn.leaving:
            return ("answer", speaker.parts.turn.asked)
        return None
