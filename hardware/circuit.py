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
    """What to believe of a circuit that answers, refuses, hangs or is gone. Pure.

    Muted: it said so last; or it is there and does not say, twice in a row. Once muted it is live again only
    if it says `muted` and then `live` in one unbroken run of answers: after one that did not come, whatever
    the reason (it may have rebooted), the hand that unmutes it has to mute it first. So nothing but a hand
    ever makes it live. One that is not there mutes nobody: nor is its microphone there.
    """

    def __init__(self) -> None:
        self.muted = False
        self._needs_hand = False
        self._refusals = 0

    def answer(self, muted: bool) -> None:
        """It said how it is."""
        if muted:
            self.muted, self._needs_hand = True, False
        elif not self._needs_hand:
            self.muted = False
        self._refusals = 0

    def miss(self, there: bool) -> None:
        """It did not say; `there`: though it is plugged in."""
        self._refusals = self._refusals + 1 if there else 0
        if self._refusals > 1:
            self.silence()
        self._needs_hand = self._needs_hand or self.muted

    def silence(self) -> None:
        """It is there, and for too long it has not said how it is."""
        self.muted = self._needs_hand = True


class MuteCircuit:
    """The circuit of an array on USB. `changed` is called, in its thread, when `muted` changes.

    Opening waits for the first answer, a second at the most; without one from an array that may be there it
    is muted. `backend` is pyusb's, None for libusb.
    """

    def __init__(self, changed: Callable[[], None], backend: Any = None) -> None:
        self._belief = Belief()
        self._changed = changed
        self._told = False
        self._visitor = Visitor(USB_ID, self._visit, _EVERY_S, backend, self._miss)
        self._visitor.start()
        if not self._visitor.wait(_FIRST_ANSWER_S) or self._visitor.refused:
            self._belief.silence()
        self._told = self._belief.muted

    @property
    def muted(self) -> bool:
        """Whether it counts as muted; while a reading hangs, it does."""
        return self._belief.muted or self._visitor.hangs

    @property
    def trouble(self) -> str | None:
        """Why it cannot be read, and what to do; None while it can."""
        why = self._visitor.trouble
        return why and f"mute circuit {why}"

    def close(self) -> None:
        """Read it no more."""
        self._visitor.close()

    def _visit(self, wire: Wire, _fresh: bool) -> None:
        muted = _is_muted(wire)
        if self._visitor.hangs:  # it did, so it counted as muted, and may have rebooted since
            self._belief.silence()
        self._belief.answer(muted)
        self._settle()

    def _miss(self, there: bool) -> None:
        if self._visitor.hangs:
            self._belief.silence()
        self._belief.miss(there)
        self._settle()

    def _settle(self) -> None:
        before, self._told = self._told, self._belief.muted
        if self._told is not before:
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
