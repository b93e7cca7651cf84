"""A USB device that is told and asked over its control endpoint, in a thread of its own.

The firmware's loop never waits for it: whoever wants something said leaves the newest, and a visit to the
device takes it along. A visit that fails is a notice (`trouble`) and is made again after a second, on a
device looked for anew; it never ends the thread. It never claims an interface: the kernel's sound driver
keeps its own.
"""

from collections.abc import Callable
from errno import EACCES, ENODEV
from threading import Event, Thread
from time import monotonic
from typing import Any

import usb.core
import usb.util

TIMEOUT_MS = 200
_LOOK_AGAIN_S = 1.0
_LAST_VISIT_S = 1.0
_HANGS_S = 2.0
"""No visit takes so long whose transfers end when they should."""
_OUT = usb.util.CTRL_OUT | usb.util.CTRL_TYPE_VENDOR | usb.util.CTRL_RECIPIENT_DEVICE
_IN = usb.util.CTRL_IN | usb.util.CTRL_TYPE_VENDOR | usb.util.CTRL_RECIPIENT_DEVICE


class Wire:
    """A device that was found. Whatever goes wrong with it is an OSError."""

    def __init__(self, device: Any) -> None:
        self._device = device

    def tell(self, value: int, index: int, data: bytes) -> None:
        """A vendor request with data for the device."""
        self._device.ctrl_transfer(_OUT, 0, value, index, data, TIMEOUT_MS)

    def ask(self, value: int, index: int, length: int) -> bytes:
        """A vendor request that the device answers with at most `length` bytes."""
        return bytes(self._device.ctrl_transfer(_IN, 0, value, index, length, TIMEOUT_MS))

    def close(self) -> None:
        """Let go of it."""
        usb.util.dispose_resources(self._device)


Visit = Callable[[Wire, bool], None]
"""Says and asks what there is to. The flag: the device is newly found, and was told nothing yet."""


def _no_matter(_there: bool) -> None:
    pass


class Visitor:
    """Visits the device `usb_id` every `period_s`, and at once when nudged.

    `missed` is told of each visit that failed, and whether the device was there all the same. `backend` is
    one of pyusb's, or None for libusb.
    """

    def __init__(
        self,
        usb_id: str,
        visit: Visit,
        period_s: float,
        backend: Any = None,
        missed: Callable[[bool], None] = _no_matter,
    ) -> None:
        self.refused = False
        """Whether the last visit failed though the device was there, or may have been."""
        self._why: str | None = None
        self._since: float | None = None  # when the visit began that is under way
        self._id = usb_id
        self._visit, self._missed = visit, missed
        self._period_s = period_s
        self._backend = backend
        self._wire: Wire | None = None
        self._nudged, self._closing, self._been = Event(), Event(), Event()
        self._thread = Thread(target=self._run, name=f"usb {usb_id}", daemon=True)

    def start(self) -> None:
        """Begin, once whoever is told of visits is ready to be."""
        self._thread.start()

    @property
    def hangs(self) -> bool:
        """Whether a visit does not come to its end."""
        since = self._since
        return since is not None and monotonic() - since > _HANGS_S

    @property
    def trouble(self) -> str | None:
        """What is wrong with the device, and what to do; None while it answers."""
        return f"{self._id}: it hangs; unplug it and plug it in again" if self.hangs else self._why

    def nudge(self) -> None:
        """There is something new to say. Never blocks."""
        self._nudged.set()

    def wait(self, seconds: float) -> bool:
        """Wait until the first visit is over, well or not; False if it takes longer."""
        return self._been.wait(seconds)

    def close(self) -> None:
        """Make one last visit, and end; whoever hangs is left behind after a second."""
        self._closing.set()
        self._nudged.set()
        self._thread.join(_LAST_VISIT_S)

    def _run(self) -> None:
        last = False
        while True:
            last = self._closing.is_set()
            self._since = monotonic()
            self._go()
            self._since = None
            self._been.set()
            if last:
                break
            if self._why is None:
                self._nudged.wait(self._period_s)
            else:
                self._closing.wait(_LOOK_AGAIN_S)
            self._nudged.clear()
        self._forget()

    def _go(self) -> None:
        """One visit; a second one at once where the device seems to have been replugged."""
        known = self._wire is not None
        try:
            self._call()
        except Exception as error:  # noqa: BLE001 - pyusb raises more than it says, and the thread must live on
            self._forget()
            there = self.refused = not (isinstance(error, OSError) and error.errno == ENODEV)
            self._missed(there)
            if known and not there:
                self._go()
            else:
                self._why = f"{self._id}: {_advice(error)}"
        else:
            self._why, self.refused = None, False

    def _call(self) -> None:
        fresh = self._wire is None
        if self._wire is None:
            vendor, product = (int(part, 16) for part in self._id.split(":"))
            device = usb.core.find(idVendor=vendor, idProduct=product, backend=self._backend)
            if device is None:
                raise OSError(ENODEV, "not plugged in")
            self._wire = Wire(device)
        self._visit(self._wire, fresh)

    def _forget(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None


def _advice(error: Exception) -> str:
    if isinstance(error, usb.core.NoBackendError):
        return "no libusb; run: apt install libusb-1.0-0"
    if not isinstance(error, OSError):
        return f"{type(error).__name__} ({error}); unplug it and plug it in again"
    if error.errno == ENODEV:
        return "not plugged in; plug it in"
    if error.errno == EACCES:
        return "permission denied; install systemd/60-overheard.rules and plug it in again"
    return f"it refuses ({error.strerror}); plug it in again"
