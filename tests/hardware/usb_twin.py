"""USB devices that are not there: a backend of pyusb's, with arrays that obey their makers' published
protocols, stall at anything else, and record what they were told. The world can pull a plug, take a
permission, or make a transfer hang.
"""

import errno
import threading
from array import array
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import usb.backend
import usb.core

Bytes = Any  # an array.array of bytes: the class takes no parameter before Python 3.12
OUT, IN = 0x40, 0xC0  # vendor requests for the device
PATIENCE_S = 10.0


class Stall(Exception):  # noqa: N818 - what USB calls it
    """The device does not know what it was asked."""


class PixelRing:
    """The ring of 2886:0018, after the wiki page `ReSpeaker USB 4 Mic Array LED Control Protocol`."""

    usb_id = (0x2886, 0x0018)
    DATA: ClassVar = {0: 1, 1: 4, 2: 1, 3: 1, 4: 1, 5: 1, 6: 48, 0x20: 1, 0x21: 8, 0x22: 1, 0x23: 1}

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.brightness, self.mode, self.rgb = 10, "trace", (0, 0, 0)

    def request(self, kind: int, value: int, index: int, data: Bytes) -> None:
        if kind != OUT or index != 0x1C or self.DATA.get(value) != len(data):
            raise Stall
        if value == 0x20:
            if data[0] > 0x1F:
                raise Stall
            self.brightness = data[0]
        elif value == 1:
            self.mode, self.rgb = "mono", (data[0], data[1], data[2])
        else:
            self.mode = f"mode {value}"


class Xvf3800:
    """2886:001a, after `python_control/xvf_host.py` and `host_control/README.md` of its maker."""

    usb_id = (0x2886, 0x001A)
    WRITE: ClassVar = {1: 2, 12: 1, 13: 1, 14: 1, 15: 1, 16: 4, 17: 8, 19: 48}
    READ: ClassVar = {0: 5, 12: 1, 13: 1, 14: 1, 15: 1, 16: 4, 17: 8, 18: 4, 19: 48}

    def __init__(self) -> None:
        self.ask_again = 0
        """How many readings are answered by `ask again` first."""
        self.status = 0
        self.written: list[int] = []
        self.start()

    def start(self) -> None:
        self.effect, self.brightness, self.gamma, self.rgb = 4, 100, 1, (0, 0, 255)
        self.muted = False

    def press_mute(self) -> None:
        """Its own button, which toggles its own circuit."""
        self.muted = not self.muted

    def request(self, kind: int, value: int, index: int, data: Bytes) -> None:
        if index != 20:
            raise Stall
        if kind == OUT and self.WRITE.get(value) == len(data):
            self._write(value, data)
        elif kind == IN and value & 0x80 and self.READ.get(value & 0x7F) == len(data) - 1:
            self._read(value & 0x7F, data)
        else:
            raise Stall

    def _write(self, command: int, data: Bytes) -> None:
        self.written.append(command)
        if command == 12:
            self.effect = data[0]
        elif command == 13:
            self.brightness = data[0]
        elif command == 14:
            self.gamma = data[0]
        elif command == 16:
            self.rgb = (data[2], data[1], data[0])  # 0xRRGGBB, little-endian

    def _read(self, command: int, data: Bytes) -> None:
        if self.ask_again:
            self.ask_again -= 1
            data[0] = 64
            return
        data[0] = self.status
        if command == 0:
            data[1:] = array("B", [0, self.muted, 0, 1, 0])  # X0D11, X0D30, X0D31, X0D33, X0D39


class Usb(usb.backend.IBackend):
    """A machine's USB with one device, plugged in. Give it to whoever takes a backend of pyusb's."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.timeouts_ms: set[int] = set()
        self.requests = 0
        self.looks = 0
        self.plugged, self.refusal = True, 0
        self.raises: Exception | None = None
        """What a look for the device raises, where the driver itself is at fault."""
        self._plugs = 1
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self.hanging = threading.Event()

    # The world's verbs.

    def unplug(self) -> None:
        with self._changed:
            self.plugged = False

    def plug(self) -> None:
        """It wakes up knowing nothing."""
        with self._changed:
            self.plugged = True
            self._plugs += 1
            self.device.start()

    def refuse(self, code: int) -> None:
        """From now on every transfer ends with that error; 0 to be nice again."""
        with self._changed:
            self.refusal = code

    def hang(self) -> None:
        """From now on no transfer ends, until `let_go`."""
        self.hanging.clear()
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def until(self, seen: Callable[[], bool]) -> bool:
        """Wait until `seen` of the device, looked at after each transfer and each look for it."""
        with self._changed:
            return self._changed.wait_for(seen, PATIENCE_S)

    def transfers(self, more: int) -> bool:
        """Wait until so many more transfers were over."""
        wanted = self.requests + more
        return self.until(lambda: self.requests >= wanted)

    # What pyusb asks of a backend.

    def enumerate_devices(self) -> Iterator[int]:
        with self._changed:
            self.looks += 1
            if self.raises is not None:
                self._changed.notify_all()
                raise self.raises
            found = [self._plugs] if self.plugged else []
            self._changed.notify_all()
        return iter(found)

    def get_device_descriptor(self, _dev: int) -> SimpleNamespace:
        vendor, product = self.device.usb_id
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=vendor, idProduct=product, bcdDevice=0x100, iManufacturer=1,
            iProduct=2, iSerialNumber=0, bNumConfigurations=1, address=7, bus=1, port_number=1,
            port_numbers=(1,), speed=3,
        )  # fmt: skip

    def open_device(self, dev: int) -> int:
        return dev

    def close_device(self, _handle: int) -> None:
        pass

    def ctrl_transfer(  # noqa: PLR0917 - pyusb's
        self, handle: int, kind: int, request: int, value: int, index: int, data: Bytes, timeout: int
    ) -> int:
        self.hanging.set()
        if not self._open.wait(PATIENCE_S):
            self._open.set()  # a test that waits for this one must fail, and not stand still
        with self._changed:
            self.timeouts_ms.add(timeout)
            try:
                if not self.plugged or handle != self._plugs:
                    raise usb.core.USBError("No such device", -4, errno.ENODEV)
                if self.refusal:
                    raise usb.core.USBError("refused", -1, self.refusal)
                self.device.request(kind, request << 16 | value, index, data)
            except Stall:
                raise usb.core.USBError("Pipe error", -9, errno.EPIPE) from None
            finally:
                self.requests += 1
                self._changed.notify_all()
        return len(data)
