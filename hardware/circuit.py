"""The mute circuit of the XVF3800: a button on the array, a red LED, and a line that cuts its microphones.

It is read five times a second in a thread, so that it counts as a mute switch of the panel's. It is never
written: nothing here can unmute. The array forgets it when it loses its supply or reboots, which no hand
did, so `Belief` does not take the array's word for that.
"""

from collections.abc import Callable
from time import sleep
from typing import Any

from hardware.lamps.usb import Visitor, Wire

USB_ID = "2886:001a"
_EVERY_S = 0.2
_FIRST_ANSWER_S = 1.0

# GPO_READ_VALUES of python_control/xvf_host.py: resource 20, command 0, high bit for reading; a status (0
# done, 64 ask again), then the levels of X0D11, X0D30, X0D31, X0D33 and X0D39. X0D30 is high while muted;
# X1D09 is the button itself, high unless held down this moment, and says nothing of the circuit.
_READ, _RESOURCE, _LENGTH = 0x80, 20, 6
_DONE, _ASK_AGAIN, _X0D30 = 0, 64, 2
_ASKS, _BETWEEN_ASKS_S = 20, 0.01


class Belief:
    """What to believe of a circuit that answers, refuses or is gone. Pure.

    Muted: it said so last; or it is there and does not answer, twice in a row or never yet. Once muted it is
    live again only if it says so in the same unbroken run of answers: after one that did not come, whatever
    the reason (it may have rebooted), the hand that unmutes it has to mute it first. Gone for good it stays
    what it was.
    """

    def __init__(self) -> None:
        self._said_muted = False
        self._refuses = False
        self._answered = False
        self._whole = True
        self._misses = 0

    @property
    def muted(self) -> bool:
        """Whether it counts as muted."""
        return self._said_muted or self._refuses

    def answer(self, muted: bool) -> None:
        """It said how it is."""
        self._said_muted = muted or (self._said_muted and not self._whole)
        self._whole = self._whole or muted or not self._said_muted
        self._answered, self._refuses, self._misses = True, False, 0

    def miss(self, there: bool) -> None:
        """It did not say; `there`: though it is plugged in."""
        self._misses += 1
        self._whole = False
        if there and (self._misses > 1 or not self._answered):
            self._refuses = True


class MuteCircuit:
    """The circuit of an array on USB. `changed` is called, in its thread, when `muted` changes.

    Opening waits for the first answer, a second at the most. `backend` is pyusb's, None for libusb.
    """

    def __init__(self, changed: Callable[[], None], backend: Any = None) -> None:
        self.muted = False
        self._belief = Belief()
        self._changed = changed
        self._visitor = Visitor(USB_ID, self._visit, _EVERY_S, backend, self._miss)
        self._visitor.wait(_FIRST_ANSWER_S)

    @property
    def trouble(self) -> str | None:
        """Why it cannot be read, and what to do; None while it can."""
        why = self._visitor.trouble
        return why and f"mute circuit {why}"

    def close(self) -> None:
        """Read it no more."""
        self._visitor.close()

    def _visit(self, wire: Wire, _fresh: bool) -> None:
        self._belief.answer(_is_muted(wire))
        self._settle()

    def _miss(self, there: bool) -> None:
        self._belief.miss(there)
        self._settle()

    def _settle(self) -> None:
        before, self.muted = self.muted, self._belief.muted
        if self.muted is not before:
            self._changed()


def _is_muted(wire: Wire) -> bool:
    for _ in range(_ASKS):
        answer = wire.ask(_READ, _RESOURCE, _LENGTH)
        if len(answer) == _LENGTH and answer[0] == _DONE:
            return answer[_X0D30] != 0
        if not answer or answer[0] != _ASK_AGAIN:
            break
        sleep(_BETWEEN_ASKS_S)
    raise OSError(0, f"it answered {answer.hex() or 'nothing'}")
