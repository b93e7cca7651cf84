"""What hands do to the panel, as events. Muting counts at the first touch; unmuting once the switch stands
still.
"""

from device.press import Button, Debounce, Gesture
from device.session import Event
from hardware.board import Panel

_GESTURES = {
    Gesture.TAP: Event.BUTTON_TAP,
    Gesture.HOLD: Event.BUTTON_HOLD,
    Gesture.RELEASE: Event.BUTTON_RELEASED,
}


class Hands:
    """Reads `panel`, whose pins only report edges, over the sample clock."""

    def __init__(self, panel: Panel, debounce_samples: int, hold_samples: int) -> None:
        self._panel = panel
        self._still = debounce_samples
        self._button = Button(panel.level("button"), debounce_samples, hold_samples)
        self._switch = Debounce(panel.level("mute"), debounce_samples)
        self.edges = panel.edges

    @property
    def switch(self) -> bool:
        """Whether the mute switch stands at muted, or may not be believed yet to have left it."""
        return self._switch.level or self._panel.level("mute")

    @property
    def pending(self) -> bool:
        """Whether something has moved that is not understood yet."""
        return self._button.pending or self._switch.pending

    def feel(self, now: int) -> list[Event]:
        """Take the edges since the last frame and return what they mean at `now`, in order."""
        events = []
        while self.edges:
            control, level = self.edges.popleft()
            if control == "button":
                self._button.edge(level, now)
            else:
                self._switch.edge(level, now)
                if level and not self._switch.level:
                    self._switch = Debounce(True, self._still)
                    events.append(Event.MUTE_ON)
        if self._switch.settle(now):
            events.append(Event.MUTE_OFF)
        gesture = self._button.settle(now)
        if gesture is not None:
            events.append(_GESTURES[gesture])
        return events
