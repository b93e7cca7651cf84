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
        self._muted_since = -debounce_samples
        self._stood_muted = self._switch.level
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
        events: list[Event] = []
        while self.edges:
            control, level = self.edges.popleft()
            if control == "button":
                self._button.edge(level, now)
            else:
                self._slide(level, now, events)
        if self._panel.level("mute"):
            self._slide(True, now, events)  # also where its edge was lost
        if self._switch.settle(now) and self._stood_muted:
            events.append(Event.MUTE_OFF)
        gesture = self._button.settle(now)
        if gesture is not None:
            events.append(_GESTURES[gesture])
        return events

    def _slide(self, muted: bool, now: int, events: list[Event]) -> None:
        if muted and not self._switch.level:
            self._switch = Debounce(True, self._still)
            self._muted_since = now
            events.append(Event.MUTE_ON)
        elif muted != self._switch.seen:
            if not muted:
                # A spike on the wire mutes, and does not unmute: only a position that was held is a hand's.
                self._stood_muted = now - self._muted_since >= self._still
            self._switch.edge(muted, now)
