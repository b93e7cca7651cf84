"""A device alone with one cable. What it sends is captured at the other end, counted by the kernel at its
own, and decrypted, since the broker's end of the line is the laboratory's.

    device's namespace             the laboratory's namespace         where the laboratory runs
    firmware, 10.77.0.2 ── cable ── 10.77.0.1:8883, recorder ── TLS ends ── broker on 127.0.0.1, cloud
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from lab.enclosure.cable import DEVICE, DEVICE_END, DEVICE_MAC, LAB, LAB_END, Counters, counters, lay
from lab.enclosure.credentials import issue
from lab.enclosure.namespace import Namespace
from lab.enclosure.recorder import Recorded, Recorder
from lab.enclosure.terminator import Terminator, server_context

PORT = 8883
CAPTURE, KEYS, LINK, CREDENTIALS = "wire.pcapng", "wire.keys", "link.json", "line"


class Enclosure:
    """The enclosure of the device whose files are in `directory`, leading to `port` of 127.0.0.1: a broker.

    suite: of the device's keys, if it has none yet. `close` writes link.json and lets everything go.

    Raises:
        EnclosureError: neither root nor user namespaces, or no `ip`.
    """

    def __init__(self, directory: Path, port: int, suite: str) -> None:
        self._directory = directory
        authority, pair = issue(directory / CREDENTIALS, directory, suite)
        self.settings = {"host": LAB, "port": PORT, "ca": f"{CREDENTIALS}/{authority.name}"}
        """What the device's [uplink] has to say."""
        with ExitStack() as stack:
            lab = _open(stack)
            self._device = _open(stack)
            lay(lab, self._device)
            self._lab = lab
            context = server_context(pair, authority, directory / KEYS)
            self._terminator = Terminator(context, (LAB, PORT), port)
            stack.callback(self._terminator.close)
            self._before = self._device.run(counters)
            self._recorder = lab.run(lambda: Recorder(LAB_END, directory / CAPTURE))
            self._closing = stack.pop_all()

    def open(self) -> None:
        """Let the device through to the broker."""
        self._lab.run(self._terminator.open)

    def shut(self) -> None:
        """Hang up, and refuse every call: the broker is down."""
        self._terminator.shut()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread, and whatever it starts meanwhile, is at the device's end."""
        with self._device.entered():
            yield

    def close(self) -> None:
        """Stop recording, write link.json, and let it all go. What is at the device's end must be over."""
        with self._closing:
            self._terminator.shut()
            after = self._device.run(counters)
            recorded = self._recorder.stop()
            self._write(
                Counters(*(new - old for new, old in zip(after, self._before, strict=True))), recorded
            )

    def _write(self, counted: Counters, recorded: Recorded) -> None:
        link = {
            "device": [DEVICE],
            "mac": DEVICE_MAC,
            "broker": {"host": LAB, "port": PORT, "tls": True},
            "kernel": {"interface": DEVICE_END, **counted._asdict()},
            "dropped": recorded.dropped,
        }
        text = msgspec.json.format(msgspec.json.encode(link), indent=1)
        (self._directory / LINK).write_bytes(text + b"\n")


def _open(stack: ExitStack) -> Namespace:
    namespace = Namespace()
    stack.callback(namespace.close)
    return namespace
